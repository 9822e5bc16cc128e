package secretsync

import (
	"context"

	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// syncResult is what the phases of a sync have found out and done, and the error that stopped them.
type syncResult struct {
	outcome status.Outcome
	// touched says that another writer has touched the Secret while it was written.
	touched bool
	err     error
}

// sync makes the Secret what the spec asks for, phase by phase. Each phase reads what the ones before it have made, and
// the first error ends the sync; an error of the attempt itself is the first.
func (c *Controller) sync(ctx context.Context, a *attempt, err error) syncResult {
	done := syncResult{outcome: status.Outcome{SecretSync: a.secretSync, Trigger: a.trigger, Drifted: a.found.Drifted, Once: a.once}, err: err}
	if a.trigger == schedule.None || err != nil {
		return done
	}
	if done.err = c.putOffRepair(a); done.err != nil {
		return done
	}
	set, err := c.resolver.Versions(ctx, c.request(a))
	done.outcome.Set = set
	if err != nil {
		done.err = c.inTurn(a, err)
		return done
	}
	current, err := c.current(ctx, a, set)
	if current || err != nil {
		done.err = err
		return done
	}
	if err := c.resolver.Values(ctx, set); err != nil {
		done.err = c.inTurn(a, err)
		return done
	}
	content, err := c.render(ctx, a, set)
	if err != nil {
		done.err = err
		return done
	}
	if a.secretSync.Observes() {
		done.outcome.Preview, done.err = c.preview(ctx, a, set, content)
		return done
	}
	done.outcome.Write, done.touched, done.err = c.apply(ctx, a, set, content)
	if done.err == nil {
		done.err = c.cleanUp(ctx, a, done.outcome.Write)
	}
	return done
}

// putOffRepair puts a repair off if another operator, or another field manager, would undo it again.
func (c *Controller) putOffRepair(a *attempt) error {
	if conflict, err := c.hold(a); conflict {
		return err
	}
	return c.putOffFight(a)
}

// putOffFight puts a repair off where another writer undoes them again and again, instead of looping.
func (c *Controller) putOffFight(a *attempt) error {
	if a.secretSync.RefreshRequested() {
		a.state.fight.Reset()
	}
	if a.trigger != schedule.Drift {
		return nil
	}
	if fight := a.state.fight.PutOff(a.secretSync.TargetName(), c.options.Clock.Now()); fight != nil {
		return fight
	}
	return nil
}

// request is what AWS is asked for.
func (c *Controller) request(a *attempt) resolve.Request {
	secretSync := a.secretSync
	return resolve.Request{
		SecretSync: secretSync, Since: a.state.since.get(), Began: a.began,
		Freshness:   a.state.schedule.Freshness(a.trigger, secretSync, c.polls.Interval(secretSync), c.options.Clock.Now()),
		Routine:     a.trigger == schedule.Poll && secretSync.WrittenBySpec(),
		MaxBytes:    a.maxBytes(),
		Consistency: &a.state.consistency,
	}
}

// current says whether the Secret, or its last preview, is of the versions that were resolved. It is an error where it is
// not known which versions are right: nothing is published before that.
func (c *Controller) current(ctx context.Context, a *attempt, set *resolve.Set) (bool, error) {
	certain := a.trigger != schedule.Drift && a.trigger != schedule.Restore && a.secretSync.WrittenBySpec()
	if certain && set.InSync() {
		a.state.consistency.Reached()
		return true, nil
	}
	if set.Uncertain() {
		return false, a.state.consistency.Wait()
	}
	return c.previewedBefore(ctx, a, set)
}
