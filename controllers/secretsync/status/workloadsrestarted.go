package status

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

// workloadsRestarted judges whether the workloads that use the Secret run with its content.
func workloadsRestarted(outcome *Outcome, status *v1alpha1.SecretSyncStatus, _ time.Time) verdict {
	policy, wanted := outcome.Rollout.Policy(outcome.SecretSync)
	switch {
	case !wanted:
		return notRestarted(outcome, policy.Restart)
	case status.Secret == nil:
		return stays()
	}
	return restarted(outcome, status)
}

// notRestarted says why nothing is restarted, where the spec has a field about it.
func notRestarted(outcome *Outcome, wish v1alpha1.RestartPolicy) verdict {
	switch {
	case outcome.SecretSync.Spec.Rollout == nil:
		return removed()
	case wish == v1alpha1.RestartNever:
		return is(metav1.ConditionUnknown, v1alpha1.ReasonRestartNever, "spec.rollout.restart is Never")
	case wish == "":
		return is(metav1.ConditionUnknown, v1alpha1.ReasonRestartNever,
			"The operator restarts nothing: it runs without --rollouts (chart value rollouts.enabled, or the component rollouts)")
	}
	return is(metav1.ConditionFalse, v1alpha1.ReasonRolloutForbidden,
		fmt.Sprintf("spec.rollout.restart is %s, and the operator may not restart workloads: have it installed with the permission "+
			"(chart value rollouts.enabled, or the component rollouts, which set --rollouts), or set it to Never", wish))
}

// restarted is the condition while restarts are wanted.
func restarted(outcome *Outcome, status *v1alpha1.SecretSyncStatus) verdict {
	was := outcome.former(v1alpha1.ConditionWorkloadsRestarted)
	if former := outcome.SecretSync.Status.Secret; former != nil && former.Name != status.Secret.Name {
		was = nil // It speaks of another Secret.
	}
	pending := status.Rollout.Revision != status.Rollout.HandledRevision
	before, progress := outcome.SecretSync.Status.Rollout, outcome.Rollout.Progress
	revised := before == nil || before.Revision != status.Rollout.Revision
	switch {
	case pending && (revised || progress == nil && was == nil):
		return is(metav1.ConditionFalse, v1alpha1.ReasonRollingOut, "Secret "+status.Secret.Name+" has changed: the workloads that use it are restarted next")
	case progress != nil && !revised:
		return inProgress(progress)
	case pending || was != nil && was.Reason == v1alpha1.ReasonRolledOut:
		return verdict{set: was}
	}
	return is(metav1.ConditionTrue, v1alpha1.ReasonRolledOut, "Secret "+status.Secret.Name+" has not changed in a way that calls for a restart")
}

func inProgress(progress *rollout.Progress) verdict {
	reason, done := v1alpha1.ReasonRollingOut, metav1.ConditionFalse
	switch progress.State {
	case rollout.Done:
		reason, done = v1alpha1.ReasonRolledOut, metav1.ConditionTrue
	case rollout.Paused:
		reason = v1alpha1.ReasonRolloutPaused
	case rollout.Failed:
		reason = v1alpha1.ReasonRolloutFailed
	case rollout.Forbidden:
		reason = v1alpha1.ReasonRolloutForbidden
	}
	return is(done, reason, progress.Message)
}
