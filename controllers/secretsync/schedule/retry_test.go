package schedule

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/source"
)

// Transient failures are tried again soon, however long something else was wrong before.
func TestWaitsBeginAgainWithAnotherTrouble(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	state := &State{}
	for range 50 {
		state.Plan(Result{Failure: &failure.Failure{Reason: v1alpha1.ReasonSecretNotFound, Message: "gone", Class: failure.Terminal}}, now)
	}
	state.Plan(Result{Failure: &failure.Failure{Reason: v1alpha1.ReasonRegionUnavailable, Message: "away", Class: failure.Transient}}, now)
	if wait := state.Next().Sub(now); wait > firstRetry {
		t.Errorf("the first try after an outage began comes in %s, want %s at most", wait, firstRetry)
	}
}

// Each reconcile of a find that is too broad costs many calls, and a short interval does not ask for them.
func TestAFindThatIsTooBroadIsLookedAtEveryTenMinutesAtMost(t *testing.T) {
	failed := failure.Explain(&source.Error{Kind: source.FindTooBroad, Explanation: "too many", RetryAfter: 10 * time.Minute})
	if failed.Class != failure.Terminal {
		t.Errorf("it is of class %d", failed.Class)
	}
	for failures := range 5 {
		if wait := afterFailure(failed, failures+1, 5*time.Second); wait < 10*time.Minute {
			t.Errorf("after %d failures it is tried again in %s", failures+1, wait)
		}
	}
}
