package secretsync

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

const (
	// reconcileWithin is a reconcile's deadline. Its calls end with it, and it is tried again. Most reconciles take less
	// than a second; one over hundreds of secrets, in a region that is slow, takes longest.
	reconcileWithin = 4 * time.Minute
	// stuckAfter is for how long a reconcile must be running, which has failed to end by its deadline and the report of
	// that, for the queue to count as stuck; or a SecretSync be overdue while no reconcile has ended.
	stuckAfter = 5 * time.Minute
)

// finishLate gives a reconcile that was ended by its deadline the time to report that.
func (c *Controller) finishLate(ctx context.Context, r *report) (reconcile.Result, error) {
	if r.err != nil && failure.Explain(r.err) == nil {
		r.err = failure.DeadlineExceeded(reconcileWithin)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	return c.finish(ctx, r)
}

// CheckWatch is a readiness check: it fails when the watch has shown a SecretSync for long as it was before the operator's
// last write of it.
func (c *Controller) CheckWatch(*http.Request) error {
	if count, behind := c.states.stale(c.options.Clock.Now()); behind >= stuckAfter {
		return fmt.Errorf("the watch of the API server does not move: %d SecretSyncs are shown as they were before the operator's last write, one of them for %s: "+
			"restart the API server if etcd was restored from a backup, then the operator", count, behind.Round(time.Second))
	}
	return nil
}

// Check is a check of readiness and of liveness: it fails when a reconcile hangs, or when SecretSyncs wait and the queue
// does not move. Reconciles that take long and end are not in its way.
func (c *Controller) Check(*http.Request) error {
	now := c.options.Clock.Now()
	if name, since := c.running.Longest(now); since >= stuckAfter {
		return fmt.Errorf("the reconcile of SecretSync %s hangs: it began %s ago and should have ended within %s: "+
			"the operator has to be restarted; if it hangs again, suspend that SecretSync", name, since.Round(time.Second), reconcileWithin)
	}
	overdue, idle := c.states.mostOverdue(now), now.Sub(c.lastReconcile.get())
	if overdue < stuckAfter || idle < stuckAfter {
		return nil
	}
	return fmt.Errorf("the queue does not move: a SecretSync is overdue by %s, the last reconcile ended %s ago",
		overdue.Round(time.Second), idle.Round(time.Second))
}
