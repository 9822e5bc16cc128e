package secretsync

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/target"
)

// retryStep is when to take a step of a rollout again that the API server was in the way of.
const retryStep = 10 * time.Second

// restart goes on with the restart of workloads, whatever else the pass does: as long as status has a revision
// that is not handled. Where nothing is pending, nothing is read.
//
// A pass that has written the Secret only says so, and status is written first: what is there is not forgotten
// if the process ends.
func (c *Controller) restart(ctx context.Context, p *pass) {
	if c.Rollouts == nil || p.sync.Spec.Suspend || p.sync.Unreadable != nil {
		return
	}
	policy, wanted := c.rolloutPolicy(p.sync)
	change, due := pendingChange(p.sync, policy)
	switch {
	case wanted && p.applied != nil && (p.applied.Outcome != target.Unchanged || p.drifted && p.changes.reread): // Perhaps by a former process.
		c.Rollouts.Announce(p.sync.Namespace, p.sync.Name, p.sync.TargetName(), policy)
		return
	case !wanted || !due:
		c.Rollouts.Forget(p.sync.Namespace, p.sync.Name)
		return
	}
	progress, err := c.Rollouts.Step(ctx, change)
	p.memory.restarted = append(p.memory.restarted, progress.Restarted...)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "restarting workloads did not go on; it is tried again")
		p.stepAgain = retryStep
		return
	}
	p.rollout, p.stepAgain = &progress, progress.RequeueAfter
}

// rolloutPolicy is what is restarted. It says false where nothing is: by wish, or for want of a permission.
func (c *Controller) rolloutPolicy(secretSync *v1alpha1.SecretSync) (policy v1alpha1.Rollout, wanted bool) {
	if secretSync.Spec.Rollout != nil {
		policy = *secretSync.Spec.Rollout
	}
	return policy, c.Rollouts != nil && policy.Restart != v1alpha1.RestartNever
}

// pendingChange is what workloads have to be restarted for, as status tells.
func pendingChange(secretSync *v1alpha1.SecretSync, policy v1alpha1.Rollout) (change rollout.Change, pending bool) {
	status := secretSync.Status.Rollout
	if status == nil || status.Revision == status.HandledRevision || status.ChangedTime == nil || secretSync.Status.Secret == nil {
		return rollout.Change{}, false
	}
	return rollout.Change{
		Namespace: secretSync.Namespace, Name: secretSync.Name, Secret: secretSync.Status.Secret.Name,
		Revision: status.Revision, Handled: status.HandledRevision, Changed: status.ChangedTime.Time, Policy: policy,
	}, true
}

// nextTurn is when to look again: at the next poll, or at the next step of a rollout where that is earlier.
func (c *Controller) nextTurn(p *pass) reconcile.Result {
	poll := p.memory.nextLook.get().Sub(c.Clock.Now())
	step := p.stepAgain
	if policy, wanted := c.rolloutPolicy(p.sync); step == 0 && wanted && p.rollout == nil {
		if _, pending := pendingChange(p.sync, policy); pending {
			step = rollout.QuietPeriod
		}
	}
	if step > 0 && step < poll {
		return again(step, priorityReport)
	}
	if p.lags || !p.memory.behind.get().IsZero() {
		poll = min(poll, cacheLagMost)
	}
	return again(poll, priorityPoll)
}
