package schedule

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// Where the wall clock is set back by an hour, the next poll must not be an hour later. A time
// that has a reading of the monotonic clock is safe from it, and says so when it is printed (package time).
func TestWaitsSurviveAClockThatIsSetBack(t *testing.T) {
	now, state, secretSync := time.Now(), &State{}, &v1alpha1.SecretSync{}
	secretSync.Spec.Source.SecretID, secretSync.Spec.PollInterval = "db", &metav1.Duration{Duration: time.Minute}
	tick := NewPolls(0, nil).tick(secretSync, resolve.NewSet(resolve.Request{SecretSync: secretSync}), now)
	state.SetNext(tick)
	if got := state.Next(); !strings.Contains(got.String(), " m=") {
		t.Error("the next poll goes by the wall clock alone")
	}
	if wait := tick.Sub(now); wait <= 0 || wait > time.Minute {
		t.Errorf("the next poll is in %s", wait)
	}
	if state.SetNext(time.Time{}); !state.Next().IsZero() {
		t.Error("no time is not zero")
	}
	if next := (&State{}).Next(); !next.IsZero() {
		t.Errorf("before the first reconcile the next poll is at %s", next)
	}
}
