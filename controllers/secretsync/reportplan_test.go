package secretsync

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// polledReport is the report of a poll: the Secret holds version v1 of secret db, and AWS has named one.
func (e *environment) polledReport(named string) *report {
	return e.reportOf(inStatus("v1"), named)
}

// TestWhatIsLookedAtAgainAtOnce: a Secret that others have touched while it was written.
func TestWhatIsLookedAtAgainAtOnce(t *testing.T) {
	for name, touched := range map[string]bool{"touched": true, "not touched": false} {
		e := newEnvironment(t, inStatus("v1"))
		r := e.polledReport("v2")
		r.outcome.Write, r.touched = writtenAs(target.Updated), touched
		result, err := e.report(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		want := schedule.PriorityPoll
		if touched {
			want = 0
		}
		if *result.Priority != want || result.RequeueAfter <= 0 || touched && result.RequeueAfter >= firstLagWait {
			t.Errorf("%s: reconciled again after %s, with priority %d", name, result.RequeueAfter, *result.Priority)
		}
	}
}

// TestATurnThatFindsNothingToDoSaysNothing: also where the operator restarts nothing any more; but what a step of a
// rollout has restarted is announced, though the step failed.
func TestATurnThatFindsNothingToDoSaysNothing(t *testing.T) {
	pending := &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &metav1.Time{Time: noon}}
	for name, test := range map[string]struct {
		restarts  bool
		progress  *rollout.Progress
		restarted []string
		writes    int
		sent      []string
	}{
		"nothing to do":          {false, nil, nil, 0, nil},
		"a step":                 {true, &rollout.Progress{State: rollout.RollingOut, Message: "so it is"}, nil, 1, nil},
		"a step that has failed": {true, nil, []string{"Deployment web"}, 1, []string{"Normal WorkloadRestarted Restarted Deployment web for version v2 of Secret db"}},
	} {
		secretSync := inStatus("v1")
		secretSync.Status.Rollout = pending.DeepCopy()
		secretSync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonAccessDenied, Message: "no"}}
		e := newEnvironment(t, secretSync.DeepCopy())
		r := e.reportOf(secretSync, "v1")
		r.trigger, r.outcome.Trigger, r.outcome.Set = schedule.None, schedule.None, nil
		r.outcome.Rollout = status.Rollout{Enabled: test.restarts, Progress: test.progress, Restarted: test.restarted}
		after, err := e.publish(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.sent, e.sent()); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		if e.writes != test.writes {
			t.Errorf("%s: %d writes of status", name, e.writes)
		}
		if is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionReady); is.Reason != v1alpha1.ReasonAccessDenied {
			t.Errorf("%s: Ready is %+v", name, is)
		}
		if after.Status.ObservedGeneration != 1 {
			t.Errorf("%s: generation %d was observed", name, after.Status.ObservedGeneration)
		}
	}
}

// TestWhatWasTakenOverIsRememberedUntilStatusHasIt: a restart that it calls for would be lost, or come again.
func TestWhatWasTakenOverIsRememberedUntilStatusHasIt(t *testing.T) {
	for name, test := range map[string]struct {
		change func(r *report, e *environment)
		kept   bool
	}{
		"in status":              {func(*report, *environment) {}, false},
		"status was not written": {func(_ *report, e *environment) { e.refuses = true }, true},
		"nothing was written":    {func(r *report, _ *environment) { r.outcome.Write = nil }, true},
		"status has the former name, which is not cleaned up": {func(r *report, _ *environment) { r.outcome.Write.Leftover = true }, true},
	} {
		e := newEnvironment(t, inStatus("v1"))
		r := e.polledReport("v2")
		r.outcome.Write = writtenAs(target.Updated)
		takeOver := func(former, latter string) ownwrites.Changes {
			values := map[string][]byte{"a": []byte(former)}
			return r.state.content.TakenOver(e.digester, r.secretSync, &target.FormerContent{Values: values}, e.digester.Of(map[string][]byte{"a": []byte(latter)}))
		}
		takeOver("0", "1")
		test.change(r, e)
		if _, err := e.publish(t.Context(), r); (err != nil) != e.refuses {
			t.Fatal(err)
		}
		// A reconcile that finds nothing changed knows the changes of the one before.
		if kept := !takeOver("1", "1").None(); kept != test.kept {
			t.Errorf("%s: remembered: %t", name, kept)
		}
	}
}

// TestBusyIsSpreadOverASecondAtLeast: however short the wait that was named. What else fails is not put off.
func TestBusyIsSpreadOverASecondAtLeast(t *testing.T) {
	most := time.Duration(0)
	for range 50 {
		most = max(most, putOff(&source.Error{Kind: source.Busy, RetryAfter: time.Millisecond}))
	}
	if most < 100*time.Millisecond || most > time.Second+time.Millisecond {
		t.Errorf("50 of them are spread over %s", most)
	}
	for _, err := range []error{nil, errAway, &source.Error{Kind: source.Throttled, RetryAfter: time.Minute}} {
		if wait := putOff(err); wait != 0 {
			t.Errorf("%v is put off by %s", err, wait)
		}
	}
}

// TestRacesAreCountedInARow: and one that follows a write is reported, as it is about another Secret than that.
func TestRacesAreCountedInARow(t *testing.T) {
	race := &target.Error{Reason: v1alpha1.ReasonTargetFailed, Message: "changed", Transient: true, Raced: true}
	e := newEnvironment(t, fresh())
	r := e.polledReport("v1")
	raced := func(err error, write *status.Write) bool {
		r.err, r.outcome.Write = err, write
		return r.state.cache.raced(r.raced())
	}
	for range 3 {
		for range maxRaces {
			if !raced(race, nil) {
				t.Fatal("a race is reported though the one before it was over")
			}
		}
		raced(nil, nil)
	}
	if raced(race, &status.Write{Result: &target.Result{}}) {
		t.Error("what was written is not reported")
	}
}

// remembersContent says whether the next write is compared with what is remembered, and not with the Secret itself.
func (e *environment) remembersContent(t *testing.T, r *report) bool {
	t.Helper()
	changes, err := r.state.content.Compare(e.digester, &v1alpha1.SecretStatus{}, ownwrites.Digests{}, func() (map[string][]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	return !changes.Reread
}

// TestWhatNeedsNoReportGetsNone: and it is tried again only where that makes sense. What is remembered of a Secret's
// content goes only with a write that could not be reported.
func TestWhatNeedsNoReportGetsNone(t *testing.T) {
	resource := schema.GroupResource{Resource: "secretsyncs"}
	broken := errors.New("etcd is away")
	for name, test := range map[string]struct {
		err       error
		applied   bool
		again     time.Duration
		remembers bool
	}{
		"the namespace goes":       {&target.Error{Terminating: true}, false, 0, true},
		"the SecretSync is gone":   {apierrors.NewNotFound(resource, "db"), false, 0, true},
		"it was changed":           {apierrors.NewConflict(resource, "db", broken), false, firstLagWait, true},
		"changed, after the write": {apierrors.NewConflict(resource, "db", broken), true, firstLagWait, false},
		"something else":           {broken, false, 0, true},
	} {
		e := newEnvironment(t, fresh())
		r := e.polledReport("v2")
		r.err = test.err
		r.state.content.Wrote(ownwrites.Digests{"a": 1})
		if test.applied {
			r.outcome.Write = &status.Write{Result: &target.Result{}}
		}
		result, err := e.report(t.Context(), r)
		if result.RequeueAfter != test.again {
			t.Errorf("%s: again after %s", name, result.RequeueAfter)
		}
		if (err != nil) != (name == "something else") {
			t.Errorf("%s: error %v", name, err)
		}
		if e.writes > 0 {
			t.Errorf("%s: status was written", name)
		}
		if remembers := e.remembersContent(t, r); remembers != test.remembers {
			t.Errorf("%s: the content is remembered: %t", name, remembers)
		}
	}
}

// TestWhoIsSupersededForgetsTheSecret: another process may have written it.
func TestWhoIsSupersededForgetsTheSecret(t *testing.T) {
	e := newEnvironment(t, fresh())
	r := e.polledReport("v2")
	r.state.content.Wrote(ownwrites.Digests{"a": 1})
	r.state.seen.Note(target.Result{UID: "secret", ResourceVersion: "7"})
	result := e.superseded(t.Context(), r)
	if e.remembersContent(t, r) {
		t.Error("it remembers the content")
	}
	if seen := r.state.seen.Secret(); seen != (ownwrites.Secret{}) {
		t.Errorf("it remembers %v", seen)
	}
	if result == (reconcile.Result{}) {
		t.Error("there is no next reconcile")
	}
}
