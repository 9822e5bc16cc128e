package secretsync

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

// Reasons of events about restarts.
const (
	eventRestarted     = "WorkloadRestarted"
	eventRolledOut     = "WorkloadsRolledOut"
	eventRolloutFailed = "RolloutFailed"
)

// announceRollout sends the events of restarts, after status was written.
func (c *Controller) announceRollout(ctx context.Context, p *pass) {
	status := p.sync.Status.Rollout
	restarted := p.memory.restarted
	p.memory.restarted = nil
	if len(restarted) > 0 && status != nil {
		c.send(p, corev1.EventTypeNormal, eventRestarted, "Restart",
			"Restarted "+listed(restarted)+" for version "+status.Revision+" of Secret "+p.sync.TargetName())
		ctrl.LoggerFrom(ctx).Info("restarted workloads", "workloads", restarted, "revision", status.Revision)
	}
	is := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	was := meta.FindStatusCondition(p.before.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	if is == nil || was != nil && was.Reason == is.Reason {
		return
	}
	switch {
	case is.Reason == v1alpha1.ReasonRolloutFailed || is.Reason == v1alpha1.ReasonRolloutForbidden:
		c.send(p, corev1.EventTypeWarning, eventRolloutFailed, "Restart", is.Reason+": "+is.Message)
	case p.rollout != nil && p.rollout.State == rollout.Done && len(p.rollout.Workloads) > 0:
		c.send(p, corev1.EventTypeNormal, eventRolledOut, "Restart", "Version "+status.Revision+" of Secret "+p.sync.TargetName()+": "+is.Message)
		c.Metrics.rolledOut(p.sync.Status.Sources, c.Clock.Now())
	}
}
