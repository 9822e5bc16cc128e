package secretsync

import (
	"context"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// retryStep is when to take a step of a rollout again that the API server was in the way of.
const retryStep = 10 * time.Second

// restarted are workloads whose restart no event has reported yet. The goroutine that reconciles the SecretSync uses it;
// the zero value has none.
type restarted struct {
	mutex     sync.Mutex
	workloads []string
}

// add adds workloads, and gives all.
func (r *restarted) add(workloads []string) []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.workloads = append(r.workloads, workloads...)
	return r.workloads
}

// reported forgets all: an event has them.
func (r *restarted) reported() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.workloads = nil
}

// restart goes on with the restart of workloads, whatever else the reconcile does: as long as status has a revision that
// is not handled. Where nothing is pending, nothing is read. It says when the next step is due; zero for none.
//
// A reconcile that has written the Secret only announces the restart, and status is written first: what is there is not
// forgotten if the process ends.
func (c *Controller) restart(ctx context.Context, a *attempt, write *status.Write) (status.Rollout, time.Duration) {
	secretSync := a.secretSync
	rollouts := status.Rollout{Enabled: c.options.Rollouts != nil, Restarted: a.state.restarted.add(nil)}
	if c.options.Rollouts == nil || secretSync.Spec.Suspend || secretSync.Unreadable != nil {
		return rollouts, 0
	}
	policy, wanted := rollouts.Policy(secretSync)
	change, pending := status.PendingRollout(secretSync, policy)
	switch {
	case wanted && write != nil && (write.Changed() || a.found.Drifted && write.Changes.Reread): // Perhaps by a former process.
		c.options.Rollouts.Announce(secretSync.Namespace, secretSync.Name, secretSync.TargetName(), policy)
		return rollouts, 0
	case !wanted || !pending:
		c.options.Rollouts.Forget(secretSync.Namespace, secretSync.Name)
		return rollouts, 0
	}
	progress, err := c.options.Rollouts.Step(ctx, change)
	rollouts.Restarted = a.state.restarted.add(progress.Restarted)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("restarting workloads did not go on: it is tried again", "error", err.Error())
		return rollouts, retryStep
	}
	rollouts.Progress = &progress
	return rollouts, progress.RequeueAfter
}

// next is when to reconcile next: at the next poll, or at the next step of a rollout where that is earlier. The SecretSync
// has its new status.
func (c *Controller) next(r *report, after *v1alpha1.SecretSync) reconcile.Result {
	poll, step := r.state.schedule.Next().Sub(c.options.Clock.Now()), r.nextStep
	rollouts := r.outcome.Rollout
	if policy, wanted := rollouts.Policy(after); step == 0 && wanted && rollouts.Progress == nil {
		if _, pending := status.PendingRollout(after, policy); pending {
			step = rollout.QuietPeriod
		}
	}
	if step > 0 && step < poll {
		return again(step, schedule.PriorityReport)
	}
	if r.found.Lags || !r.state.cache.behindSince().IsZero() {
		poll = min(poll, ownwrites.MaxWatchLag)
	}
	return again(poll, schedule.PriorityPoll)
}

// again reconciles once more after a wait, with a priority in the queue.
func again(after time.Duration, priority int) reconcile.Result {
	return reconcile.Result{RequeueAfter: max(after, time.Millisecond), Priority: &priority}
}
