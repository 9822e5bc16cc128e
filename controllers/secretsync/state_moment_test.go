package secretsync

import (
	"strings"
	"testing"
	"time"
)

// A time that has a reading of the monotonic clock says so when it is printed (package time).
func TestAMomentKeepsTheMonotonicClock(t *testing.T) {
	var kept moment
	if !kept.get().IsZero() {
		t.Error("no time is not zero")
	}
	kept.set(time.Now())
	if got := kept.get(); !strings.Contains(got.String(), " m=") {
		t.Error("a moment goes by the wall clock alone")
	}
	kept.set(time.Time{})
	if !kept.get().IsZero() {
		t.Error("no time is not zero once there was one")
	}
}
