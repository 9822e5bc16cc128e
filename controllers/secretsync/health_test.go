package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestAPassThatHangsTurnsTheProbe(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.interrupt(func(context.Context) {
		for _, test := range []struct {
			after time.Duration
			hangs bool
		}{{0, false}, {reconcileWithin, false}, {reconcileWithin + flushWithin, false}, {stuckAfter, true}, {time.Hour, true}} {
			e.clock.SetTime(noon.Add(test.after))
			err := e.Check(nil)
			if (err != nil) != test.hangs {
				t.Errorf("%s after its begin: %v", test.after, err)
			}
			if err != nil && !strings.Contains(err.Error(), here.String()) {
				t.Errorf("%v does not name the SecretSync", err)
			}
		}
	})
	e.turn(t)
	if err := e.Check(nil); err != nil {
		t.Errorf("after the reconcile has ended: %v", err)
	}
}

// However long there is work to do, and however long each reconcile takes.
func TestLongWorkDoesNotTurnTheProbe(t *testing.T) {
	e := newEnvironment(t, fresh())
	waits := types.NamespacedName{Namespace: "other", Name: "1"}
	e.states.of(waits, "uid").schedule.SetNext(noon) // It waits for its turn all the time.
	e.interrupt(func(context.Context) {
		e.after(reconcileWithin)
		if err := e.Check(nil); err != nil {
			t.Fatal(err)
		}
	})
	for range 20 {
		e.edit(t, func(secretSync *v1alpha1.SecretSync) {
			secretSync.Spec.Data = append(secretSync.Spec.Data, v1alpha1.DataKey{Key: "another"})
		})
		e.turn(t)
		if err := e.Check(nil); err != nil {
			t.Fatal(err)
		}
		e.settle(t)
	}
	if e.aws.asked < 20 {
		t.Errorf("only %d reconciles took long", e.aws.asked)
	}
}

func TestAPassIsEndedByItsDeadlineAndSaysSo(t *testing.T) {
	e := newEnvironment(t, fresh())
	if got := e.controllerOptions(logr.Discard()).ReconciliationTimeout; got != reconcileWithin {
		t.Errorf("a reconcile has %s", got)
	}
	if reconcileWithin+2*flushWithin > stuckAfter {
		t.Errorf("a reconcile has %s, its reports %s, and it hangs after %s", reconcileWithin, flushWithin, stuckAfter)
	}
	hang := func(ctx context.Context) { <-ctx.Done() }
	e.interrupt(hang)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	result, err := e.Reconcile(ctx, reconcile.Request{NamespacedName: here})
	if err != nil || result.RequeueAfter < time.Second/2 {
		t.Fatalf("%v, tried again after %s", err, result.RequeueAfter)
	}
	if got := e.now(t).FailureReason(); got != v1alpha1.ReasonSourceFailed {
		t.Errorf("status has the failure %q", got)
	}
	// A stop of the process is nothing to report.
	e = newEnvironment(t, fresh())
	e.interrupt(hang)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := e.Reconcile(ctx, reconcile.Request{NamespacedName: here}); err == nil || e.writes > 0 {
		t.Errorf("after a stop: %v, %d writes of status", err, e.writes)
	}
}

// A reconcile whose time is over says what stopped it, and one that was done in time says nothing.
func TestWhatAPassEndedByIsNotBlamedOnItsDeadline(t *testing.T) {
	denied := &source.Error{Kind: source.AccessDenied, Explanation: "no"}
	for name, test := range map[string]struct {
		err    error
		reason string
		class  failure.Class
	}{
		"nothing":      {nil, "", failure.Terminal},
		"a refusal":    {denied, v1alpha1.ReasonAccessDenied, failure.Terminal},
		"the deadline": {context.DeadlineExceeded, v1alpha1.ReasonSourceFailed, failure.Transient},
	} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		r := e.reportOf(e.now(t), "version-1")
		r.trigger, r.outcome.Trigger, r.outcome.Set, r.err = schedule.Poll, schedule.Poll, nil, test.err
		if _, err := e.finishLate(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if got := e.now(t).FailureReason(); got != test.reason {
			t.Errorf("%s: status has the failure %q", name, got)
		}
		if failed := failure.Explain(r.err); failed != nil && failed.Class != test.class {
			t.Errorf("%s: it is of class %v", name, failed.Class)
		}
		if failed := failure.Explain(r.err); test.class == failure.Transient && !strings.Contains(failed.Message, "did not end within "+reconcileWithin.String()) {
			t.Errorf("%s: the message does not name it: %s", name, failed.Message)
		}
	}
}

func TestAWatchThatDoesNotMoveTurnsTheProbe(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.states.of(here, "uid").cache.behind = noon
	for after, fails := range map[time.Duration]bool{stuckAfter - 1: false, stuckAfter: true} {
		e.clock.SetTime(noon.Add(after))
		if err := e.CheckWatch(nil); (err != nil) != fails || fails && !strings.Contains(err.Error(), "one of them for 5m0s") {
			t.Errorf("after %s: %v", after, err)
		}
	}
}
