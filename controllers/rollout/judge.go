package rollout

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// progressDeadline is how long a StatefulSet, a DaemonSet or an Argo Rollout may make no progress before its restart
// counts as failed. Kubernetes has such a limit only for Deployments, progressDeadlineSeconds, with this default.
const progressDeadline = 10 * time.Minute

const (
	unobservedMessage = "its controller has not seen the restart yet"
	lookAtController  = "see whether kube-controller-manager works"
	lookAtPods        = "look at its new pods"
)

// The functions of this file judge a workload as "kubectl rollout status" does (reference of kubectl). The status of a
// workload counts the pods of all templates together, unless a field says "updated".

func deployment(d *appsv1.Deployment) *workload {
	wanted, status := replicas(d.Spec.Replicas), &d.Status
	w := &workload{kind: "Deployment", object: d, template: &d.Spec.Template, stamps: d.Spec.Template.Annotations, paused: d.Spec.Paused}
	unobserved := status.ObservedGeneration < d.Generation
	stuck := !unobserved && exceeded(status.Conditions)
	former := status.Replicas - status.UpdatedReplicas
	w.replacingPods = unobserved || !stuck && (status.UpdatedReplicas < wanted || former > 0)
	switch {
	case unobserved:
		w.latest = outcome{state: RollingOut, message: unobservedMessage}
	case stuck:
		w.latest = outcome{state: Failed, message: "it made no progress for longer than its progressDeadlineSeconds, " + newPods(status)}
	case status.UpdatedReplicas < wanted:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are new%s", status.UpdatedReplicas, wanted, unavailable(status.UnavailableReplicas))}
	case former > 0:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("old pods that have not ended: %d%s", former, unavailable(status.UnavailableReplicas))}
	case status.AvailableReplicas < status.UpdatedReplicas:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d new pods are available", status.AvailableReplicas, wanted)}
	default:
		w.latest = outcome{state: Done}
	}
	return w
}

// newPods says how many new pods of a Deployment are available. Its status counts available pods of all templates. Pods
// of former templates are assumed to be available, as the Deployment's controller ends unavailable ones first.
func newPods(status *appsv1.DeploymentStatus) string {
	if status.UpdatedReplicas == 0 {
		return "and no new pod was created: look at its conditions and at the events of its ReplicaSet"
	}
	former := status.Replicas - status.UpdatedReplicas
	return fmt.Sprintf("with %d of %d new pods available: look at the new pods", max(status.AvailableReplicas-former, 0), status.UpdatedReplicas)
}

// unavailable is a remark about pods that are not available.
func unavailable(pods int32) string {
	if pods <= 0 {
		return ""
	}
	return fmt.Sprintf(", and pods that are not available: %d", pods)
}

// exceeded says whether a Deployment has exceeded its progressDeadlineSeconds.
func exceeded(conditions []appsv1.DeploymentCondition) bool {
	for _, condition := range conditions {
		if condition.Type == appsv1.DeploymentProgressing {
			return condition.Status == corev1.ConditionFalse && condition.Reason == "ProgressDeadlineExceeded"
		}
	}
	return false
}

func statefulSet(s *appsv1.StatefulSet) *workload {
	wanted, status, partition := replicas(s.Spec.Replicas), &s.Status, int32(0)
	if rolling := s.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		partition = min(wanted, *rolling.Partition)
	}
	w := &workload{kind: "StatefulSet", object: s, template: &s.Spec.Template, stamps: s.Spec.Template.Annotations, deadline: progressDeadline}
	unobserved, renewed := status.ObservedGeneration < s.Generation, status.UpdateRevision == status.CurrentRevision
	// If a template was reverted, both revisions are the same, and pods of the reverted one may be left.
	behind := status.UpdatedReplicas < wanted-partition && (!renewed || status.Replicas > status.UpdatedReplicas)
	w.replacingPods = unobserved || behind
	switch {
	case s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		w.replacingPods, w.latest = false, onDelete()
	case unobserved:
		w.latest = outcome{state: RollingOut, message: unobservedMessage, advice: lookAtController}
	case behind:
		remark, advice := blocked(s)
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are new%s", status.UpdatedReplicas, wanted-partition, remark), advice: advice}
	case status.ReadyReplicas < wanted:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are ready", status.ReadyReplicas, wanted), advice: lookAtPods}
	case partition > 0:
		w.latest = outcome{state: Done, message: fmt.Sprintf("the %d pods below its partition are not restarted", partition), partial: true}
	default:
		w.latest = outcome{state: Done}
	}
	return w
}

// blocked says which pod blocks the replacement of the other pods of a StatefulSet, and what to do if that lasts. Pods
// are replaced from the highest ordinal down. With the policy OrderedReady, no pod is replaced while any pod is not
// Ready, even if that pod has a bad template: it has to be deleted (page "StatefulSets" of Kubernetes, "Forced
// rollback"). The pods of the former revision have the lowest ordinals, so the pod that was replaced last comes right
// after them.
func blocked(s *appsv1.StatefulSet) (remark, advice string) {
	status := &s.Status
	unready := status.Replicas - status.ReadyReplicas
	switch {
	case unready <= 0:
		return "", "look at its events"
	case s.Spec.PodManagementPolicy == appsv1.ParallelPodManagement:
		return fmt.Sprintf(", and pods that are not Ready: %d", unready), lookAtPods
	}
	const ordered = ", and with podManagementPolicy OrderedReady no pod is replaced before all are Ready"
	pod := fmt.Sprintf("pod %s-%d", s.Name, first(s)+status.CurrentReplicas)
	outdated := status.Replicas - status.CurrentReplicas - status.UpdatedReplicas
	switch {
	case outdated >= unready:
		return ", " + pod + " was made before this restart and is not Ready" + ordered + ": delete " + pod, ""
	case outdated <= 0 && unready <= status.UpdatedReplicas:
		return ", new " + pod + " is not Ready" + ordered, "look at " + pod
	}
	return fmt.Sprintf(", pods that are not Ready: %d%s: delete those that do not become Ready", unready, ordered), ""
}

// first is the lowest ordinal of a StatefulSet.
func first(s *appsv1.StatefulSet) int32 {
	if s.Spec.Ordinals == nil {
		return 0
	}
	return s.Spec.Ordinals.Start
}

func daemonSet(d *appsv1.DaemonSet) *workload {
	status := &d.Status
	w := &workload{kind: "DaemonSet", object: d, template: &d.Spec.Template, stamps: d.Spec.Template.Annotations, deadline: progressDeadline}
	unobserved, wanted := status.ObservedGeneration < d.Generation, status.DesiredNumberScheduled
	w.replacingPods = unobserved || status.UpdatedNumberScheduled < wanted
	// A node that is not Ready is tainted, and its pod is not counted as wanted. The pod stays as it is until the node is
	// Ready.
	const left = "pods are on nodes that are not Ready, or have a taint that it does not tolerate, and are not restarted: "
	switch {
	case d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType:
		w.replacingPods, w.latest = false, onDelete()
	case unobserved:
		w.latest = outcome{state: RollingOut, message: unobservedMessage, advice: lookAtController}
	case status.UpdatedNumberScheduled < wanted:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are new%s", status.UpdatedNumberScheduled, wanted, unavailable(status.NumberUnavailable)), advice: lookAtPods}
	case status.NumberAvailable < wanted:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d new pods are available", status.NumberAvailable, wanted), advice: lookAtPods}
	case status.NumberMisscheduled > 0 && wanted == 0:
		w.latest = outcome{state: RollingOut, message: fmt.Sprintf("%s%d", left, status.NumberMisscheduled), advice: "look at the nodes"}
	case status.NumberMisscheduled > 0:
		w.latest = outcome{state: Done, message: fmt.Sprintf("%s%d", left, status.NumberMisscheduled), partial: true}
	default:
		w.latest = outcome{state: Done}
	}
	return w
}

// onDelete is the outcome of a restart if the user has to delete the pods.
func onDelete() outcome {
	return outcome{state: Done, message: "its update strategy is OnDelete: each pod restarts when it is deleted", partial: true}
}
