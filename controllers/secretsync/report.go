package secretsync

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// report is what a reconcile has to say.
type report struct {
	*attempt
	syncResult
	// nextStep is when the next step of a rollout is due; zero for none.
	nextStep time.Duration
	// burst is when the Secret was written, where that was one of many that polls found at once.
	burst time.Time
}

// report ends a reconcile: it plans the next one, writes status if anything changed, and only then sends events. It says
// when to reconcile next.
func (c *Controller) report(ctx context.Context, r *report) (reconcile.Result, error) {
	if wait := putOff(r.err); wait > 0 {
		return again(wait, r.trigger.Priority()), nil
	}
	if errors.Is(r.err, errLarge) {
		r.state.unfinished.gaveUp(r.attempt)
		return again(0, r.trigger.Priority()), nil
	}
	if r.state.cache.raced(r.raced()) {
		return again(firstLagWait, 0), nil
	}
	failed := failure.Explain(r.err)
	if r.err != nil && failed == nil {
		return c.ignorable(ctx, r)
	}
	logCause(ctx, r.err)
	r.outcome.Failure = failed
	c.plan(r)
	c.noteBlockage(ctx, r)
	if passing(r) {
		return again(r.state.schedule.Next().Sub(c.Clock.Now()), r.trigger.Priority()), nil
	}
	after, err := c.publish(ctx, r)
	switch {
	case apierrors.IsConflict(err):
		return c.superseded(ctx, r), nil
	case err != nil:
		return reconcile.Result{}, err
	case r.secretSync.Spec.Suspend && failed == nil:
		return reconcile.Result{}, nil
	case r.touched:
		return again(0, 0), nil
	}
	return c.next(r, after), nil
}

// plan says when to ask AWS next.
func (c *Controller) plan(r *report) {
	now, outcome, set := c.Clock.Now(), &r.outcome, r.outcome.Set
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

// publish writes the status, where the reconcile has anything to say, and sends the events that go with it. It gives the
// SecretSync with its new status.
func (c *Controller) publish(ctx context.Context, r *report) (*v1alpha1.SecretSync, error) {
	outcome, now := &r.outcome, c.Clock.Now()
	if !outcome.Reportable() {
		return r.secretSync, nil
	}
	if outcome.ConcernsSync() && outcome.Set != nil && outcome.Set.Answered {
		outcome.Rotations = r.state.rotations.facts(outcome.Set, now)
	}
	outcome.Secret = r.state.seen.Secret()
	described := *r.secretSync // A copy of all of it would make a poll that finds nothing new dearer; nothing but status is changed.
	after := &described
	after.Status = status.Describe(outcome, now)
	if err := c.writeStatus(ctx, r, after); err != nil {
		return after, err
	}
	if outcome.Write != nil && !outcome.Write.Leftover {
		r.state.content.Reported()
	}
	for _, event := range status.Events(outcome, &after.Status) {
		c.send(r.secretSync, event)
		if event.Log != "" {
			ctrl.LoggerFrom(ctx).Info(event.Log, event.LogPairs...)
		}
	}
	r.state.restarted.reported()
	if outcome.ConcernsSync() {
		r.state.rotations.judged(&after.Status)
		c.Metrics.synced(outcome)
	}
	c.Metrics.rolledOut(outcome, &after.Status, now)
	return after, nil
}

// send sends an event of a SecretSync.
func (c *Controller) send(secretSync *v1alpha1.SecretSync, event status.Event) {
	c.Events.Eventf(secretSync, nil, event.Type, event.Reason, event.Action, "%s", event.Note)
}

// putOff is how long to wait where AWS could not be asked because too many calls wait already; zero for everything else.
// That says nothing about the SecretSync, so nothing is reported.
func putOff(err error) time.Duration {
	refused, ok := errors.AsType[*source.Error](err)
	if !ok || refused.Kind != source.Busy {
		return 0
	}
	return schedule.PutOff(refused.RetryAfter)
}

// throttledUnsaid is how many times in a row it goes unreported that AWS throttled. All users of the account's quotas meet
// that now and then, the next try is a second or two away, and each report is two requests more.
const throttledUnsaid = 2

// passing says whether a failure will probably be over before a person has read of it.
func passing(r *report) bool {
	failures, _ := r.state.schedule.Failures()
	return r.outcome.Failure != nil && r.outcome.Failure.Reason == v1alpha1.ReasonThrottled && failures <= throttledUnsaid
}

// raced says whether the reconcile met another writer of the Secret, as the garbage collector is when a SecretSync is
// recreated: that is nothing to report, and soon over.
func (r *report) raced() bool {
	met, ok := errors.AsType[*target.Error](r.err)
	return ok && met.Raced && r.outcome.Write == nil
}

// ignorable handles an error that no reader of status needs. A SecretSync that is gone, or whose namespace is being
// deleted, needs nothing. One that changed meanwhile is reconciled again: the event of that change may be one that sets
// off no reconcile. What was written is reported by the next reconcile: what this one remembers of it would have that one
// find that nothing has changed.
func (c *Controller) ignorable(ctx context.Context, r *report) (reconcile.Result, error) {
	if r.outcome.Write != nil {
		r.state.content.Forget()
	}
	if unwritten, ok := errors.AsType[*target.Error](r.err); ok && unwritten.Terminating {
		return reconcile.Result{}, nil
	}
	switch {
	case apierrors.IsNotFound(r.err):
		return reconcile.Result{}, nil
	case apierrors.IsConflict(r.err):
		ctrl.LoggerFrom(ctx).V(1).Info("SecretSync changed during the reconcile")
		return again(r.state.cache.conflicted(r.readAt), 0), nil
	}
	return reconcile.Result{}, r.err
}

// superseded ends a reconcile whose report would replace another process' newer one. The next reconcile finds out what
// there is to do; what this one remembers of the Secret may no longer be so.
func (c *Controller) superseded(ctx context.Context, r *report) reconcile.Result {
	ctrl.LoggerFrom(ctx).V(1).Info("another process has written status")
	r.state.content.Forget()
	r.state.seen.Clear()
	return again(r.state.cache.conflicted(r.readAt), 0)
}

// logCause logs as a detail what a client library said of a failed read. Its text is not the operator's: it is redacted
// here once more, whatever the source has done about it.
func logCause(ctx context.Context, err error) {
	if refused, ok := errors.AsType[*source.Error](err); ok && refused.Cause != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("reading the source failed", "reason", string(refused.Kind), "cause", source.Redact(refused.Cause.Error()))
	}
}
