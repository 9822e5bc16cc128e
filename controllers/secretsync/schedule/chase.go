package schedule

import "time"

// maxChaseSpread bounds the jitter of a request: SecretSyncs that follow one secret ask within this time of each other,
// so that they share one answer (resolve.MaxSharedAge).
const maxChaseSpread = 5 * time.Second

// chaseSteps are when to ask again after an answer of AWS that was older than what is known, or than what a change event
// says. Once the last step is over, it is repeated while that lasts.
func chaseSteps() []time.Duration {
	return []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
}

// chase asks AWS again until its answers have caught up.
type chase struct {
	// since is when the first answer that had not came; zero while there is nothing to chase.
	since time.Time
	// next is from when on an answer counts as the next one.
	next time.Time
}

// due says whether it is time for the next answer.
func (c chase) due(now time.Time) bool { return !c.next.IsZero() && !now.Before(c.next) }

// after is the chase after a reconcile that AWS has answered, with what was outdated or not. An event that no reconcile
// has followed yet starts it again.
func (c chase) after(outdated bool, changed, now time.Time) chase {
	if !outdated {
		return chase{}
	}
	if !changed.IsZero() {
		c.since = changed
	}
	if c.since.IsZero() {
		c.since = now
	}
	steps := chaseSteps()
	for _, step := range steps {
		if c.next = c.since.Add(step); c.next.After(now) {
			return c
		}
	}
	c.next = now.Add(steps[len(steps)-1])
	return c
}

// at is when to ask: some time after the next step, so that not all SecretSyncs ask at once.
func (c chase) at(now time.Time) time.Time {
	if c.next.IsZero() {
		return now.Add(never)
	}
	return c.next.Add(Within(min(maxChaseSpread, c.next.Sub(c.since)/4)))
}
