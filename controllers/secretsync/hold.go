package secretsync

import (
	"context"
	"slices"
	"time"
)

const (
	// fightRepairs within fightWindow are a fight: somebody else wants the Secret to be different.
	fightRepairs, fightWindow = 5, time.Minute
	// truceFirst and truceMost bound how long repairs are put off then.
	truceFirst, truceMost = time.Minute, 10 * time.Minute
)

// hold puts a repair off where somebody else undoes ours again and again, instead of looping.
func (c *Controller) hold(_ context.Context, p *pass) error {
	now, m := c.Clock.Now(), p.memory
	if refreshRequested(p.sync) {
		// Whoever asks has stopped the other writer, or will see. What this try meets is told for
		// longer than this try: the truce does not come back with the next.
		m.truce, m.repairs, m.contested = time.Time{}, nil, 0
	}
	if p.trigger != triggerDrift {
		return nil
	}
	if now.Before(m.truce) {
		return contested(p.sync.TargetName(), m.intruders, m.truce.Sub(now))
	}
	m.repairs = slices.DeleteFunc(m.repairs, func(at time.Time) bool { return now.Sub(at) > fightWindow })
	if len(m.repairs) < fightRepairs {
		return nil
	}
	m.repairs = nil
	m.contested++
	m.truce = now.Add(wait(truceFirst, truceMost, m.contested))
	return contested(p.sync.TargetName(), m.intruders, m.truce.Sub(now))
}
