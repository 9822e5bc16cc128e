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

// TestWhenAWSIsAskedAgain: less often as an outdated answer lasts, and counted from the change event where one came. An
// answer that is not outdated ends it.
func TestWhenAWSIsAskedAgain(t *testing.T) {
	const s, m = time.Second, time.Minute
	for name, test := range map[string]struct {
		started, changed time.Duration // since noon; zero for none
		want             []time.Duration
	}{
		"without an event":                  {want: []time.Duration{2 * s, 10 * s, 30 * s, m, 2 * m, 5 * m, 10 * m, 15 * m}},
		"three seconds after an event":      {changed: -3 * s, want: []time.Duration{7 * s, 27 * s, 57 * s}},
		"long after it began":               {started: -3 * m, want: []time.Duration{2 * m, 7 * m}},
		"long after it began, and an event": {started: -3 * m, changed: -s, want: []time.Duration{s, 9 * s}},
	} {
		requests, now, changed := chase{}, noon, time.Time{}
		if test.started != 0 {
			requests.since = noon.Add(test.started)
		}
		if test.changed != 0 {
			changed = noon.Add(test.changed)
		}
		for n, want := range test.want {
			requests = requests.after(true, changed, now)
			if got := requests.next.Sub(noon); got != want {
				t.Errorf("%s: request %d comes %s after noon, want %s", name, n, got, want)
			}
			now = noon.Add(want)
		}
		if ended := requests.after(false, changed, now); ended != (chase{}) {
			t.Errorf("%s: after an answer that is not outdated %+v is left", name, ended)
		}
	}
}
