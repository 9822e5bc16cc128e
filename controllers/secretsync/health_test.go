package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// waylaid is a source that calls a function before it answers.
type waylaid struct {
	source.Source
	meanwhile func(context.Context)
}

func (s *waylaid) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	s.meanwhile(ctx)
	if err := ctx.Err(); err != nil {
		return source.Resolution{}, err
	}
	return s.Source.Resolve(ctx, query)
}

func TestAPassThatHangsTurnsTheProbe(t *testing.T) {
	w := newWorld(t, fresh())
	w.Source = &waylaid{w.aws, func(context.Context) {
		for _, test := range []struct {
			after time.Duration
			hangs bool
		}{{0, false}, {passWithin, false}, {passWithin + flushWithin, false}, {stuckAfter, true}, {time.Hour, true}} {
			w.clock.SetTime(noon.Add(test.after))
			err := w.Check(nil)
			if (err != nil) != test.hangs {
				t.Errorf("%s after its begin: %v", test.after, err)
			}
			if err != nil && !strings.Contains(err.Error(), here.String()) {
				t.Errorf("%v does not name the SecretSync", err)
			}
		}
	}}
	w.turn(t)
	if err := w.Check(nil); err != nil {
		t.Errorf("after the pass has ended: %v", err)
	}
}

// However long there is work to do, and however long each pass of it takes.
func TestLongWorkDoesNotTurnTheProbe(t *testing.T) {
	w := newWorld(t, fresh())
	w.memories.of(in("other", 1), "uid").nextLook.set(noon) // It waits for its turn all the time.
	w.Source = &waylaid{w.aws, func(context.Context) {
		w.after(passWithin)
		if err := w.Check(nil); err != nil {
			t.Fatal(err)
		}
	}}
	for range 20 {
		w.edit(t, func(secretSync *v1alpha1.SecretSync) {
			secretSync.Spec.Data = append(secretSync.Spec.Data, v1alpha1.DataKey{Key: "another"})
		})
		w.turn(t)
		if err := w.Check(nil); err != nil {
			t.Fatal(err)
		}
		w.settle(t)
	}
	if w.aws.asked < 20 {
		t.Errorf("only %d passes took long", w.aws.asked)
	}
}

func TestAPassIsEndedByItsDeadlineAndSaysSo(t *testing.T) {
	w := newWorld(t, fresh())
	if got := w.options(logr.Discard()).ReconciliationTimeout; got != passWithin || passWithin+2*flushWithin > stuckAfter {
		t.Errorf("a pass has %s, its reports %s, and hangs after %s", got, flushWithin, stuckAfter)
	}
	w.Source = &waylaid{w.aws, func(ctx context.Context) { <-ctx.Done() }}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	result, err := w.Reconcile(ctx, reconcile.Request{NamespacedName: here})
	if err != nil || result.RequeueAfter < retryFirst/2 {
		t.Fatalf("%v, tried again after %s", err, result.RequeueAfter)
	}
	if got := troubleOf(w.now(t)); got != v1alpha1.ReasonSourceFailed {
		t.Errorf("status tells of %q", got)
	}
	// A stop of the process is nothing to report.
	w = newWorld(t, fresh())
	w.Source = &waylaid{w.aws, func(ctx context.Context) { <-ctx.Done() }}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := w.Reconcile(ctx, reconcile.Request{NamespacedName: here}); err == nil || w.writes > 0 {
		t.Errorf("after a stop: %v, %d writes of status", err, w.writes)
	}
}

// What was put off is reported at the stop once the passes under way have ended, and no other pass begins.
func TestTheStopWaitsForPassesThatAreUnderWay(t *testing.T) {
	w := newWorld(t, fresh())
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := make(chan struct{})
	w.Source = &waylaid{w.aws, func(context.Context) {
		go func() {
			defer close(stopped)
			if err := w.Start(stop); err != nil {
				t.Error(err)
			}
		}()
		select {
		case <-stopped:
			t.Error("the stop has not waited for the pass")
		case <-time.After(200 * time.Millisecond):
		}
	}}
	w.turn(t)
	<-stopped
	if synced := w.now(t).Status.Sources; len(synced) != 1 {
		t.Errorf("status tells of %d sources", len(synced))
	}
	asked := false
	w.Source = &waylaid{w.aws, func(context.Context) { asked = true }}
	w.clock.SetTime(noon.Add(time.Hour))
	if w.turn(t); asked {
		t.Error("a pass begins after the stop")
	}
}

// The stop waits for all passes, and tells of those that were under way as it ended.
func TestTheStopWaitsForTheLastPass(t *testing.T) {
	p := &passes{}
	first, second := in("a", 1), in("a", 2)
	p.begin(first, noon)
	p.begin(second, noon.Add(time.Second))
	if name, since := p.longest(noon.Add(time.Minute)); name != first || since != time.Minute {
		t.Errorf("%s has been under way for %s", name, since)
	}
	ended := p.stopped()
	if p.end(second); len(ended) != 0 || isClosed(ended) || p.stopped() != ended {
		t.Error("the stop does not wait for the first pass, or another stop waits for another end")
	}
	out, cancel := context.WithCancel(t.Context())
	cancel()
	left := p.stop(out)
	if p.end(first); !isClosed(ended) {
		t.Error("the stop waits for ever")
	}
	if !left[first].Equal(noon) || len(left) != 1 {
		t.Errorf("%v were left", left)
	}
}

func isClosed(ended chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// A pass whose time is over says what stopped it, and one that was done in time says nothing.
func TestWhatAPassEndedByIsNotBlamedOnItsDeadline(t *testing.T) {
	denied := &source.Error{Kind: source.AccessDenied, Explanation: "no"}
	slow := context.DeadlineExceeded
	for name, test := range map[string]struct {
		err    error
		reason string
		ends   heals
	}{
		"nothing":      {nil, "", byEdit},
		"a refusal":    {denied, v1alpha1.ReasonAccessDenied, byEdit},
		"the deadline": {slow, v1alpha1.ReasonSourceFailed, byTime},
	} {
		w := newWorld(t, fresh())
		w.settle(t)
		p := w.begin(w.now(t), w.memories.of(here, "uid"))
		p.trigger, p.err = triggerPoll, test.err
		if _, err := w.finishLate(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := troubleOf(w.now(t)); got != test.reason {
			t.Errorf("%s: status tells of %q", name, got)
		}
		if failed := explain(p.err); failed != nil && failed.heals != test.ends {
			t.Errorf("%s: it ends by %v", name, failed.heals)
		}
	}
}

func TestAWatchThatDoesNotMoveTurnsTheProbe(t *testing.T) {
	w := newWorld(t, fresh())
	w.memories.of(here, "uid").behind.set(noon)
	for after, fails := range map[time.Duration]bool{stuckAfter - 1: false, stuckAfter: true} {
		w.clock.SetTime(noon.Add(after))
		if err := w.CheckWatch(nil); (err != nil) != fails || fails && !strings.Contains(err.Error(), "one of them for 5m0s") {
			t.Errorf("after %s: %v", after, err)
		}
	}
}
