package schedule

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// The requests of those that follow one secret share an answer: it is asked for after the moment from which on each wants
// one.
func TestThoseWhoFollowOneSecretShareTheirRequests(t *testing.T) {
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, step := range chaseSteps() {
		for range 100 {
			first, other := chase{since: since, next: since.Add(step)}, chase{since: since, next: since.Add(step)}
			if apart := first.at(since).Sub(other.at(since)).Abs(); apart > resolve.MaxSharedAge || apart > step/4 {
				t.Errorf("at %s they ask %s apart", step, apart)
			}
		}
	}
}
