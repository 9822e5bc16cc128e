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
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

var (
	outage  = &failure{reason: v1alpha1.ReasonRegionUnavailable, message: "away", heals: byTime}
	refusal = &failure{reason: v1alpha1.ReasonAccessDenied, message: "no", heals: byEdit}
)

// ended is what a pass leaves in a memory.
func (d *desk) ended(m *memory, f *failure, change func(*pass)) {
	p := written("v1", "v1")
	p.memory, p.observed = m, f == nil
	if change != nil {
		change(p)
	}
	d.plan(p, f)
}

// TestAnswersThatAreOutOfDateArePursued: until AWS has said how things are. No answer at all says nothing about that.
func TestAnswersThatAreOutOfDateArePursued(t *testing.T) {
	behind := func(p *pass) { p.inputs[0].behind = true }
	unasked := func(p *pass) { p.observed = false }
	late := func(p *pass) { p.inputs[0].behind, p.observed = true, true }
	for name, test := range map[string]struct {
		f                *failure
		change           func(*pass)
		begins, goesOn   bool
		forgetsTheChange bool
	}{
		"an answer":                              {nil, nil, false, false, true},
		"one that is behind":                     {nil, behind, true, true, true},
		"a refusal":                              {refusal, nil, false, false, true},
		"a refusal that is behind":               {refusal, behind, true, true, true},
		"an outage":                              {outage, nil, false, true, false},
		"an outage after an answer that is late": {outage, late, true, true, false},
		"an outage amid answers that are late":   {outage, behind, true, true, false},
		"nothing asked":                          {nil, unasked, false, true, false},
	} {
		d := newDesk(t)
		m := &memory{}
		d.ended(m, test.f, test.change)
		if got := m.pursuit != (pursuit{}); got != test.begins {
			t.Errorf("%s: a pursuit begins: %t", name, got)
		}
		m = &memory{told: noon.Add(-time.Second)}
		m.pursuit = m.pursuit.after(true, time.Time{}, noon.Add(-time.Second))
		d.ended(m, test.f, test.change)
		if got := m.pursuit != (pursuit{}); got != test.goesOn || m.told.IsZero() != test.forgetsTheChange {
			t.Errorf("%s: a pursuit goes on: %t, and a change event is done with: %t", name, got, m.told.IsZero())
		}
	}
}

// TestAPassThatAsksNothingPlansNothing: neither is trouble over, nor a poll due another time.
func TestAPassThatAsksNothingPlansNothing(t *testing.T) {
	d, m := newDesk(t), &memory{failures: 3, contested: 2, restored: noon}
	d.ended(m, nil, func(p *pass) { p.observed = false })
	if m.failures != 3 || m.contested != 2 || m.restored.IsZero() || !m.nextLook.get().IsZero() {
		t.Errorf("%d failures, %d fights, restored %s, the next look %s", m.failures, m.contested, m.restored, m.nextLook.get())
	}
}

// TestAFightIsOverWhenAPollFindsTheSecretAsItShouldBe: repairs that are part of it do not end it.
func TestAFightIsOverWhenAPollFindsTheSecretAsItShouldBe(t *testing.T) {
	d, m := newDesk(t), &memory{contested: 2}
	d.ended(m, nil, func(p *pass) { p.trigger = triggerDrift })
	if m.contested != 2 {
		t.Error("a repair ends the fight")
	}
	d.ended(m, nil, nil)
	if m.contested != 0 {
		t.Error("the next fight begins with the wait of the last one")
	}
}

// TestEachOutageIsAsOldAsItself: Ready lasts for as long after a second one began as after the first.
func TestEachOutageIsAsOldAsItself(t *testing.T) {
	d, m := newDesk(t), &memory{}
	for _, step := range []struct {
		after time.Duration
		f     *failure
		since time.Duration
	}{{0, outage, 0}, {time.Minute, outage, 0}, {time.Hour, nil, 0}, {2 * time.Hour, outage, 2 * time.Hour}, {3 * time.Hour, refusal, 3 * time.Hour}, {4 * time.Hour, outage, 4 * time.Hour}} {
		d.clock.SetTime(noon.Add(step.after))
		d.ended(m, step.f, nil)
		if step.f != nil && !m.failingSince.Equal(noon.Add(step.since)) {
			t.Errorf("after %s: failing since %s", step.after, m.failingSince)
		}
	}
}

// TestAnotherTroubleIsTriedAgainSoon: however often something else has failed before it.
func TestAnotherTroubleIsTriedAgainSoon(t *testing.T) {
	d, m := newDesk(t), &memory{}
	for range 20 {
		d.ended(m, refusal, nil)
		d.clock.SetTime(m.nextLook.get())
	}
	d.ended(m, outage, nil)
	if wait := m.nextLook.get().Sub(d.clock.Now()); m.failures != 1 || wait > retryFirst {
		t.Errorf("%d failures, the first try after an outage began comes in %s, want %s at most", m.failures, wait, retryFirst)
	}
}

// TestATryBeforeItsTimeDelaysNothing: what a change event or an edit sets off counts for no failure more, and the try
// that is due stays due, or comes earlier. Where AWS or a truce has named the time, that holds.
func TestATryBeforeItsTimeDelaysNothing(t *testing.T) {
	d, m := newDesk(t), &memory{}
	for range 12 { // By now the wait is 150 seconds at least.
		d.ended(m, outage, nil)
		d.clock.SetTime(m.nextLook.get())
	}
	d.ended(m, outage, nil)
	due, failures := m.nextLook.get(), m.failures
	d.clock.SetTime(due.Add(-time.Second))
	for range 5 {
		d.ended(m, outage, nil)
		if got := m.nextLook.get(); !got.Equal(due) || m.failures != failures {
			t.Fatalf("the try is put off by %s, %d failures more", got.Sub(due), m.failures-failures)
		}
	}
	d.ended(m, &failure{reason: outage.reason, heals: byTime, retryAfter: time.Hour}, nil)
	if got := m.nextLook.get().Sub(d.clock.Now()); got < time.Hour {
		t.Errorf("AWS asked for an hour, and the try comes in %s", got)
	}
	m.failures = 1
	d.ended(m, outage, nil)
	if got := m.nextLook.get().Sub(d.clock.Now()); got > retryFirst {
		t.Errorf("without a wait that AWS asks for the try comes in %s", got)
	}
}

// TestWhatIsLookedAtAgainAtOnce: a Secret that others have touched while it was written.
func TestWhatIsLookedAtAgainAtOnce(t *testing.T) {
	for name, touched := range map[string]bool{"touched": true, "not touched": false} {
		p := written("v1", "v2")
		p.applied, p.touched = &target.Result{Outcome: target.Updated, UID: "secret", ResourceVersion: "7"}, touched
		d := newDesk(t, p.before.DeepCopy())
		result, err := d.report(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		want := priorityPoll
		if touched {
			want = 0
		}
		if *result.Priority != want || result.RequeueAfter <= 0 || touched && result.RequeueAfter >= cacheLag {
			t.Errorf("%s: looked at again after %s, with priority %d", name, result.RequeueAfter, *result.Priority)
		}
	}
}

// TestATurnThatFindsNothingToDoSaysNothing: also where the operator restarts nothing any more; but what a step of a
// rollout has restarted is announced, though the step failed.
func TestATurnThatFindsNothingToDoSaysNothing(t *testing.T) {
	pending := &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: second(noon)}
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
		p := written("v1", "v1")
		p.trigger, p.observed, p.sync.Status.Rollout = triggerNone, false, pending.DeepCopy()
		p.sync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAccessDenied, "no")}
		p.before = p.sync.DeepCopy()
		d := newDesk(t, p.before.DeepCopy())
		if test.restarts {
			d.Rollouts = restarting().Rollouts
		}
		p.rollout, p.memory.restarted = test.progress, test.restarted
		if err := d.tell(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.sent, d.sent()); diff != "" || d.writes != test.writes {
			t.Errorf("%s: %d writes of status, events (-want +got):\n%s", name, d.writes, diff)
		}
		if is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReady); is.Reason != v1alpha1.ReasonAccessDenied || p.sync.Status.ObservedGeneration != 1 {
			t.Errorf("%s: Ready is %+v", name, is)
		}
	}
}

// TestWhatWasTakenOverIsRememberedUntilStatusHasIt: a restart that it calls for would be lost, or come again.
func TestWhatWasTakenOverIsRememberedUntilStatusHasIt(t *testing.T) {
	for name, test := range map[string]struct {
		change func(p *pass, d *desk)
		kept   bool
	}{
		"in status":              {func(*pass, *desk) {}, false},
		"status was not written": {func(_ *pass, d *desk) { d.refuses = true }, true},
		"nothing was written":    {func(p *pass, _ *desk) { p.applied = nil }, true},
		"status has the former name, which is not tidied away": {func(p *pass, _ *desk) { p.untidy = true }, true},
	} {
		p := written("v1", "v2")
		p.applied, p.memory.takenOver = &target.Result{Outcome: target.Updated, UID: "secret", ResourceVersion: "7"}, &changes{}
		d := newDesk(t, p.before.DeepCopy())
		test.change(p, d)
		if err := d.tell(t.Context(), p, nil); (err != nil) != d.refuses {
			t.Fatal(err)
		}
		if got := p.memory.takenOver != nil; got != test.kept {
			t.Errorf("%s: remembered: %t", name, got)
		}
	}
}

// TestBusyIsSpreadOverASecondAtLeast: however short the wait that was named.
func TestBusyIsSpreadOverASecondAtLeast(t *testing.T) {
	most := time.Duration(0)
	for range 50 {
		most = max(most, putOff(&source.Error{Kind: source.Busy, RetryAfter: time.Millisecond}))
	}
	if most < 100*time.Millisecond || most > time.Second+time.Millisecond {
		t.Errorf("50 of them are spread over %s", most)
	}
}

// TestRacesAreCountedInARow: and one that follows a write is reported, as it is about another Secret than that.
func TestRacesAreCountedInARow(t *testing.T) {
	race := &target.Error{Reason: v1alpha1.ReasonTargetFailed, Message: "changed", Transient: true, Raced: true}
	d, m := newDesk(t), &memory{}
	for range 3 {
		for range racesMost {
			if !d.raced(&pass{memory: m, err: race}) {
				t.Fatal("a race is reported though the one before it was over")
			}
		}
		d.raced(&pass{memory: m})
	}
	if d.raced(&pass{memory: m, err: race, applied: &target.Result{}}) {
		t.Error("what was written is not reported")
	}
}

// TestWhatNeedsNoReportGetsNone: and it is tried again only where that makes sense. What is remembered of a
// Secret's content goes only with a write that could not be reported.
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
		"it was changed":           {apierrors.NewConflict(resource, "db", broken), false, cacheLag, true},
		"changed, after the write": {apierrors.NewConflict(resource, "db", broken), true, cacheLag, false},
		"something else":           {broken, false, 0, true},
	} {
		p := written("v1", "v2")
		p.err, p.memory.prints = test.err, prints{"a": 1}
		if test.applied {
			p.applied = &target.Result{}
		}
		result, err := newDesk(t).report(t.Context(), p)
		if result.RequeueAfter != test.again || (err != nil) != (name == "something else") || (p.memory.prints != nil) != test.remembers {
			t.Errorf("%s: again after %s, error %v, what is remembered: %v", name, result.RequeueAfter, err, p.memory.prints)
		}
	}
}

// TestWhoIsSupersededForgetsTheSecret: another process may have written it.
func TestWhoIsSupersededForgetsTheSecret(t *testing.T) {
	p := written("v1", "v2")
	p.memory.prints = prints{"a": 1}
	p.memory.seen.Store(&target.Result{UID: "secret"})
	result := newDesk(t).superseded(t.Context(), p)
	if p.memory.prints != nil || p.memory.seen.Load() != nil || result == (reconcile.Result{}) {
		t.Errorf("it remembers %v and %v", p.memory.prints, p.memory.seen.Load())
	}
}
