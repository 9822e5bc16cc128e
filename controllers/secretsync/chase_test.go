package secretsync

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// change reports a change event for the SecretSync.
func (e *environment) change() { e.changes.record(here, e.clock.Now(), RotationFailure{}) }

// unpolled has a SecretSync follow change events alone.
func unpolled(secretSync *v1alpha1.SecretSync) { secretSync.Spec.PollInterval = &metav1.Duration{} }

// wantNoChase wants AWS not to be asked again within some minutes for an answer that was out of date. It puts the polls
// off that are planned.
func (e *environment) wantNoChase(t *testing.T) {
	t.Helper()
	e.pollAt(e.clock.Now().Add(time.Hour))
	if trigger := e.state().schedule.Trigger(e.now(t), false, e.clock.Now().Add(10*time.Minute)); trigger != schedule.None {
		t.Errorf("AWS is asked again: %q", trigger)
	}
}

// TestAWSIsAskedAgainUntilItHasCaughtUp: after two seconds, ten, thirty, one minute, two and five, and then every five.
func TestAWSIsAskedAgainUntilItHasCaughtUp(t *testing.T) {
	steps := []time.Duration{
		2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	}
	for name, interval := range map[string]time.Duration{"polled by events alone": 0, "polled once a year": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			e, aws := withLaggingAWS(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.PollInterval = &metav1.Duration{Duration: interval}
			})
			aws.outdated = true
			e.change()
			e.turn(t)
			began := e.clock.Now()
			for _, step := range steps {
				aws.forget()
				e.next(t)
				passed := e.clock.Now().Sub(began)
				if passed < step || passed > step+step/4+20*time.Second {
					t.Errorf("the query after %s comes after %s", step, passed)
				}
				asked := aws.queries[0]
				if asked.Routine {
					t.Errorf("after %s the query is routine", passed)
				}
				if asked.MaxAge > passed-step+time.Millisecond && step <= 5*time.Minute || asked.MaxAge > resolve.MaxSharedAge {
					t.Errorf("after %s an answer of %s will do", passed, asked.MaxAge)
				}
			}
			aws.outdated, aws.says, aws.gives = false, at("v2"), at("v2")
			e.next(t)
			if e.value(t) != "of v2" {
				t.Error("once AWS has caught up, the value is not there")
			}
			e.settle(t)
			if due := e.state().schedule.Next().Sub(e.clock.Now()); due < time.Hour && interval == 0 {
				t.Errorf("once AWS has caught up, it is asked again after %s", due)
			}
			e.wantNoChase(t)
		})
	}
}

// A refusal that may be out of date is followed up like any other answer, and a refresh that met it is not done with.
func TestARefusalThatMayBeOutOfDateIsCheckedAgain(t *testing.T) {
	for _, kind := range []source.Kind{source.SecretNotFound, source.VersionNotFound, source.SecretPendingDeletion} {
		t.Run(string(kind), func(t *testing.T) {
			e, aws := withLaggingAWS(t, unpolled)
			aws.missing = &source.Error{Kind: kind, Explanation: "not there", Outdated: true}
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
			})
			e.turn(t)
			if handled := e.now(t).Status.LastHandledRefresh; handled != "" {
				t.Errorf("the refresh %q counts as handled", handled)
			}
			if passed := e.next(t); passed > 3*time.Second {
				t.Errorf("AWS is asked again after %s", passed)
			}
			aws.missing, aws.says, aws.gives = nil, at("v2"), at("v2")
			e.next(t)
			e.settle(t)
			if handled := e.now(t).Status.LastHandledRefresh; handled != "now" || e.value(t) != "of v2" {
				t.Errorf("once AWS has caught up, the refresh %q is handled, and the value is %q", handled, e.value(t))
			}
		})
	}
}

// Wake-ups and events within an outage neither ask AWS all the time nor make the wait for it longer.
func TestManyEventsWithinAnOutageMakeTheNextTryNoLater(t *testing.T) {
	const firstRetry = time.Second
	e, aws := withLaggingAWS(t, unpolled)
	aws.missing = &source.Error{Kind: source.RegionUnavailable, Explanation: "away"}
	wake := func() {
		e.after(time.Millisecond)
		e.turn(t)
	}
	change := func() {
		e.change()
		wake()
	}
	change()
	for range 20 {
		wake() // Nothing has happened.
	}
	if len(aws.queries) != 1 {
		t.Errorf("AWS is asked %d times", len(aws.queries))
	}
	for range 20 {
		change()
	}
	if wait := e.state().schedule.Next().Sub(e.clock.Now()); wait > firstRetry || len(aws.queries) != 21 {
		t.Errorf("after twenty events the next try is in %s, and AWS was asked %d times", wait, len(aws.queries))
	}
	aws.missing, aws.says, aws.gives = nil, at("v2"), at("v2")
	e.next(t)
	if e.value(t) != "of v2" {
		t.Error("what the events reported was not followed")
	}
}

func TestAnotherEventBeginsTheChaseAgain(t *testing.T) {
	e, aws := withLaggingAWS(t, unpolled)
	aws.outdated = true
	e.change()
	e.turn(t)
	for range 4 {
		e.next(t)
	}
	e.change()
	e.turn(t)
	if passed := e.next(t); passed > 3*time.Second {
		t.Errorf("after another event AWS is asked again after %s", passed)
	}
}

func TestTheChaseEndsWithASuspension(t *testing.T) {
	e, aws := withLaggingAWS(t, nil)
	aws.outdated = true
	e.clock.SetTime(noon.Add(10 * time.Minute))
	e.turn(t)
	if trigger := e.state().schedule.Trigger(e.now(t), false, e.clock.Now().Add(3*time.Second)); trigger != schedule.Event {
		t.Fatalf("an answer that is out of date is not followed up: %q", trigger)
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	e.turn(t)
	e.wantNoChase(t)
	e.after(10 * time.Minute)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false })
	e.turn(t)
	if passed := e.next(t); passed > 3*time.Second {
		t.Errorf("after the suspension AWS is asked again after %s, as if the chase had gone on", passed)
	}
}
