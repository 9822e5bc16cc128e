package secretsync

import (
	"slices"
	"time"
)

// pursuitSpread bounds the jitter of a look: those who follow one secret look within this time of each other, so that
// they share one answer (sharedNews).
const pursuitSpread = 5 * time.Second

// pursuitSteps are when to look again after an answer of AWS that was older than what is known, or than what a change
// event has told of. Once the last step is over, it is taken again and again while that lasts.
func pursuitSteps() []time.Duration {
	return []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
}

// pursuit asks AWS again until its answers have caught up.
type pursuit struct {
	// since is when the first answer that had not came; zero while there is nothing to pursue.
	since time.Time
	// next is from when on an answer counts as the next one.
	next time.Time
}

// due says whether it is time for the next answer.
func (u pursuit) due(now time.Time) bool { return !u.next.IsZero() && !now.Before(u.next) }

// behind says whether an answer of AWS was older than what is known, a refusal too.
func (p *pass) behind() bool {
	return slices.ContainsFunc(p.all(), func(one *input) bool { return one.behind })
}

// after is the pursuit after a pass that AWS has answered, with what was behind or not. An event that no pass has
// followed yet begins it again.
func (u pursuit) after(behind bool, told, now time.Time) pursuit {
	if !behind {
		return pursuit{}
	}
	if !told.IsZero() {
		u.since = told
	}
	if u.since.IsZero() {
		u.since = now
	}
	for _, step := range pursuitSteps() {
		if u.next = u.since.Add(step); u.next.After(now) {
			return u
		}
	}
	steps := pursuitSteps()
	u.next = now.Add(steps[len(steps)-1])
	return u
}

// at is when to look: some time after the next step, so that not all do at once.
func (u pursuit) at(now time.Time) time.Time {
	if u.next.IsZero() {
		return now.Add(never)
	}
	return u.next.Add(somewhereWithin(min(pursuitSpread, u.next.Sub(u.since)/4)))
}
