package secretsync

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// unreported ends a reconcile whose end says nothing about the SecretSync. It is not done where there is something to
// report: the failure is in the outcome then, and the log has its cause as a detail. The text of that is not the
// operator's: it is redacted here once more, whatever the source has done about it.
func (c *Controller) unreported(ctx context.Context, r *report) (turn reconcile.Result, done bool, err error) {
	wait, raced := putOff(r.err), r.raced()
	switch {
	case wait > 0:
		return again(wait, r.trigger.Priority()), true, nil
	case errors.Is(r.err, errLarge):
		r.state.unfinished.gaveUp(r.attempt)
		return again(0, r.trigger.Priority()), true, nil
	case r.state.cache.raced(raced):
		return again(firstLagWait, 0), true, nil
	}
	r.outcome.Failure = failure.Explain(r.err)
	if r.err != nil && r.outcome.Failure == nil {
		turn, err := c.ignorable(ctx, r)
		return turn, true, err
	}
	if refused, ok := errors.AsType[*source.Error](r.err); ok && refused.Cause != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("reading the source failed", "reason", string(refused.Kind), "cause", source.Redact(refused.Cause.Error()))
	}
	return reconcile.Result{}, false, nil
}

// putOff is how long to wait where AWS could not be asked because too many calls wait already; zero for everything else.
// That says nothing about the SecretSync, so nothing is reported.
func putOff(err error) time.Duration {
	if waits, ok := errors.AsType[held](err); ok {
		return waits.wait
	}
	refused, ok := errors.AsType[*source.Error](err)
	if !ok || refused.Kind != source.Busy {
		return 0
	}
	return schedule.PutOff(refused.RetryAfter)
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
