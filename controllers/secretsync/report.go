package secretsync

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// throttledUnsaid is how many times in a row it goes unreported that AWS throttled. All users of the account's quotas meet
// that now and then, the next try is a second or two away, and each report is two requests more.
const throttledUnsaid = 2

// report is what a reconcile has to say.
type report struct {
	*attempt
	syncResult
	// nextStep is when the next step of a rollout is due; zero for none.
	nextStep time.Duration
	// contested says that there is a conflict with another operator, and said what status would say without it.
	contested bool
	said      string
	// burst is when the Secret was written, where that was one of many that polls found at once.
	burst time.Time
}

// report ends a reconcile: it plans the next one, writes status if anything changed, and only then sends events. It says
// when to reconcile next.
func (c *Controller) report(ctx context.Context, r *report) (reconcile.Result, error) {
	if turn, done, err := c.unreported(ctx, r); done {
		return turn, err
	}
	c.meetRival(r)
	c.plan(r)
	c.noteBlockage(ctx, r)
	if failures, _ := r.state.schedule.Failures(); r.throttled() && failures <= throttledUnsaid {
		return again(r.state.schedule.Next().Sub(c.options.Clock.Now()), r.trigger.Priority()), nil
	}
	after, err := c.publish(ctx, r)
	switch {
	case apierrors.IsConflict(err):
		return c.superseded(ctx, r), nil
	case err != nil:
		return reconcile.Result{}, err
	case r.secretSync.Spec.Suspend && r.outcome.Failure == nil:
		return reconcile.Result{}, nil
	case r.touched:
		return again(0, 0), nil
	}
	return c.next(r, after), nil
}

// throttled says whether AWS throttled, which will probably be over before a person has read of it.
func (r *report) throttled() bool {
	return r.outcome.Failure != nil && r.outcome.Failure.Reason == v1alpha1.ReasonThrottled
}
