package secretsync

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// report ends a pass: it describes what was done in status, writes that if anything changed, and
// only then sends events. It says when to look again.
func (c *Controller) report(ctx context.Context, p *pass) (reconcile.Result, error) {
	if later := putOff(p.err); later > 0 {
		return again(later, p.priority()), nil
	}
	if errors.Is(p.err, errLarge) {
		return p.gaveUp(), nil
	}
	if c.raced(p) {
		return again(cacheLag, 0), nil
	}
	f := explain(p.err)
	if p.err != nil && f == nil {
		return c.unreported(ctx, p)
	}
	logCause(ctx, p.err)
	c.plan(p, f)
	c.noteBlocked(ctx, p, f)
	if passing(f, p.memory) {
		return again(p.memory.nextLook.get().Sub(c.Clock.Now()), p.priority()), nil
	}
	if err := c.tell(ctx, p, f); err != nil {
		if apierrors.IsConflict(err) {
			return c.superseded(ctx, p), nil
		}
		return reconcile.Result{}, err
	}
	if p.sync.Spec.Suspend && f == nil {
		return reconcile.Result{}, nil
	}
	if p.touched {
		return again(0, 0), nil
	}
	return c.nextTurn(p), nil
}

// tell writes status and sends events, where the pass has anything to say: of the sync, or of a rollout.
func (c *Controller) tell(ctx context.Context, p *pass, f *failure) error {
	ofSync := p.trigger != triggerNone || p.sync.Spec.Suspend || f != nil
	if !ofSync && p.rollout == nil && len(p.memory.restarted) == 0 {
		return nil
	}
	if ofSync {
		c.describe(p, f)
	}
	c.describeRollout(p)
	if err := c.write(ctx, p); err != nil {
		return err
	}
	if p.applied != nil && !p.untidy {
		p.memory.takenOver = nil
	}
	if ofSync {
		c.announce(ctx, p, f)
	}
	c.announceRollout(ctx, p)
	return nil
}

func again(after time.Duration, priority int) reconcile.Result {
	return reconcile.Result{RequeueAfter: max(after, time.Millisecond), Priority: &priority}
}

// putOff is how long to wait where AWS could not be asked because too much waits for it already; zero
// for everything else. That says nothing about the SecretSync, so nothing is reported.
func putOff(err error) time.Duration {
	refused, ok := errors.AsType[*source.Error](err)
	if !ok || refused.Kind != source.Busy {
		return 0
	}
	return refused.RetryAfter + somewhereWithin(max(refused.RetryAfter, time.Second))
}

// throttledUnsaid is how many times in a row it goes unreported that AWS throttled. Whoever shares the
// account's quotas meets that now and then, the next try is a second or two away, and each report is
// two requests more.
const throttledUnsaid = 2

// passing says whether a failure will probably be over before anybody has read of it.
func passing(f *failure, m *memory) bool {
	return f != nil && f.reason == v1alpha1.ReasonThrottled && m.failures <= throttledUnsaid
}

// racesMost is how many times in a row it goes unreported that somebody else wrote at the same time.
const racesMost = 10

// raced says whether the pass met somebody who wrote the Secret at the same time, as the garbage
// collector does when a SecretSync is made anew: that is nothing to tell of, and soon over.
func (c *Controller) raced(p *pass) bool {
	met, ok := errors.AsType[*target.Error](p.err)
	if !ok || !met.Raced || p.applied != nil {
		p.memory.races = 0
		return false
	}
	p.memory.races++
	return p.memory.races <= racesMost
}

// unreported handles what concerns nobody who reads status. A SecretSync that is gone, or whose
// namespace goes, needs nothing. One that changed under our hands is looked at again: the event of that
// change may be one that sets off no pass. What was written is told of by the next pass: what this one remembers
// of it would have that one find that nothing has changed.
func (c *Controller) unreported(ctx context.Context, p *pass) (reconcile.Result, error) {
	err := p.err
	if p.applied != nil {
		p.memory.prints = nil
	}
	if unwritten, ok := errors.AsType[*target.Error](err); ok && unwritten.Terminating {
		return reconcile.Result{}, nil
	}
	switch {
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, nil
	case apierrors.IsConflict(err):
		ctrl.LoggerFrom(ctx).V(1).Info("SecretSync changed during the pass")
		return again(p.memory.conflicted(p.before.ResourceVersion), 0), nil
	}
	return reconcile.Result{}, err
}

// superseded ends a pass whose report would replace another process' newer one. The next pass finds out what there is
// to do; what this one remembers of the Secret may no longer be so.
func (c *Controller) superseded(ctx context.Context, p *pass) reconcile.Result {
	ctrl.LoggerFrom(ctx).V(1).Info("another process has written status")
	p.memory.prints = nil
	p.memory.seen.Store(nil)
	return again(p.memory.conflicted(p.before.ResourceVersion), 0)
}

// plan says when to look again.
func (c *Controller) plan(p *pass, f *failure) {
	now, m := c.Clock.Now(), p.memory
	answered := p.observed || f != nil && f.heals == byEdit
	if behind := p.behind(); behind || answered {
		m.pursuit = m.pursuit.after(behind, m.told, now)
	}
	if p.observed && f == nil || f != nil && f.heals == byEdit {
		m.told = time.Time{} // AWS has answered; what else there is to do comes by itself.
	}
	switch {
	case f != nil:
		c.planRetry(p, f, now)
	case p.observed:
		m.failures, m.restored = 0, time.Time{}
		m.nextLook.set(earlier(c.nextPoll(p, now), m.pursuit.at(now)))
		if p.trigger != triggerDrift {
			m.contested = 0
		}
	}
}

// planRetry says when to try again after a failure.
func (c *Controller) planRetry(p *pass, f *failure, now time.Time) {
	m := p.memory
	if m.failures == 0 || m.failing != f.heals {
		m.failures, m.failing, m.failingSince = 0, f.heals, now
	}
	// A try before its time, after a change event or an edit of the Secret, does not make the next one later:
	// many events within a second would add up to the longest wait.
	due, early := m.nextLook.get(), m.failures > 0 && now.Before(m.nextLook.get())
	if !early {
		m.failures++
	}
	next := now.Add(afterFailure(f, m.failures, c.interval(p.sync)))
	if early && f.retryAfter == 0 {
		next = earlier(next, due)
	}
	m.triedAt = p.began
	m.nextLook.set(earlier(next, m.pursuit.at(now)))
}
