package secretsync

import "github.com/secretsync/secretsync/controllers/secretsync/schedule"

// plan says when to ask AWS next.
func (c *Controller) plan(r *report) {
	now, outcome, set := c.options.Clock.Now(), &r.outcome, r.outcome.Set
	result := schedule.Result{Began: r.began, Failure: outcome.Failure, Interval: c.polls.Interval(r.secretSync)}
	if set != nil {
		result.Answered, result.Outdated = set.Answered, set.Outdated()
	}
	if result.Answered && result.Failure == nil {
		result.NextPoll = c.polls.Next(r.secretSync, set, r.trigger, now)
		if r.trigger != schedule.Drift {
			r.state.fight.Over()
		}
	}
	r.state.schedule.Plan(result, now)
	outcome.Fresh = r.state.schedule.Fresh(result.Interval, now)
}
