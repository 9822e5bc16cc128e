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
	if p.trigger != triggerDrift || refreshRequested(p.sync) {
		return nil // Whoever asks for a refresh has stopped the other writer, or will see.
	}
	now, m := c.Clock.Now(), p.memory
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
