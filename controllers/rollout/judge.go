package rollout

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// progressDeadline is how long a StatefulSet, a DaemonSet or an Argo Rollout may make no progress before its restart
// counts as failed. Kubernetes has such a limit for Deployments alone, progressDeadlineSeconds; this is its default
// there.
const progressDeadline = 10 * time.Minute

const (
	unseenMessage    = "its controller has not seen the restart yet"
	lookAtController = "see whether kube-controller-manager works"
	lookAtPods       = "look at its new pods"
)

// What follows judges as "kubectl rollout status" does (reference of kubectl). The status of a workload counts the
// pods of all templates together, unless a field says "updated".

func deployment(d *appsv1.Deployment) *workload {
	wanted, status := replicas(d.Spec.Replicas), &d.Status
	w := &workload{kind: "Deployment", object: d, template: &d.Spec.Template, stamps: d.Spec.Template.Annotations, paused: d.Spec.Paused}
	unseen := status.ObservedGeneration < d.Generation
	stuck := !unseen && exceeded(status.Conditions)
	former := status.Replicas - status.UpdatedReplicas
	w.moving = unseen || !stuck && (status.UpdatedReplicas < wanted || former > 0)
	switch {
	case unseen:
		w.gone = outcome{state: RollingOut, message: unseenMessage}
	case stuck:
		w.gone = outcome{state: Failed, message: "it made no progress for longer than its progressDeadlineSeconds, " + newPods(status)}
	case status.UpdatedReplicas < wanted:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are new%s", status.UpdatedReplicas, wanted, unavailable(status.UnavailableReplicas))}
	case former > 0:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("pods of before that have not ended: %d%s", former, unavailable(status.UnavailableReplicas))}
	case status.AvailableReplicas < status.UpdatedReplicas:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d new pods are available", status.AvailableReplicas, wanted)}
	default:
		w.gone = outcome{state: Done}
	}
	return w
}

// newPods says how many new pods of a Deployment are available. Its status counts available pods of all templates:
// those of former ones are taken for available, as the Deployment's controller ends those that are not first.
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

// exceeded says whether a Deployment has used its time up.
func exceeded(conditions []appsv1.DeploymentCondition) bool {
	for _, condition := range conditions {
		if condition.Type == appsv1.DeploymentProgressing {
			return condition.Status == corev1.ConditionFalse && condition.Reason == "ProgressDeadlineExceeded"
		}
	}
	return false
}

func statefulSet(s *appsv1.StatefulSet) *workload {
	wanted, status, kept := replicas(s.Spec.Replicas), &s.Status, int32(0)
	if rolling := s.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		kept = min(wanted, *rolling.Partition)
	}
	w := &workload{kind: "StatefulSet", object: s, template: &s.Spec.Template, stamps: s.Spec.Template.Annotations, deadline: progressDeadline}
	unseen, renewed := status.ObservedGeneration < s.Generation, status.UpdateRevision == status.CurrentRevision
	// Where a template was taken back, both revisions are the same, and pods of the one between may be left.
	behind := status.UpdatedReplicas < wanted-kept && (!renewed || status.Replicas > status.UpdatedReplicas)
	w.moving = unseen || behind
	switch {
	case s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		w.moving, w.gone = false, onDelete()
	case unseen:
		w.gone = outcome{state: RollingOut, message: unseenMessage, advice: lookAtController}
	case behind:
		remark, advice := blocked(s)
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are new%s", status.UpdatedReplicas, wanted-kept, remark), advice: advice}
	case status.ReadyReplicas < wanted:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are ready", status.ReadyReplicas, wanted), advice: lookAtPods}
	case kept > 0:
		w.gone = outcome{state: Done, message: fmt.Sprintf("the %d pods below its partition are not restarted", kept), partial: true}
	default:
		w.gone = outcome{state: Done}
	}
	return w
}

// blocked says which pod of a StatefulSet the replacement of the others waits for, and what to do if that lasts. Pods
// are replaced from the highest ordinal down, and with the policy OrderedReady none is while any is not Ready, not even
// that one: neither a new template nor a former one helps then, until the pod is deleted (page "StatefulSets" of
// Kubernetes, "Forced rollback"). The pods of the former revision have the lowest ordinals, so that the one that was
// replaced last comes right after them.
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
	unseen, wanted := status.ObservedGeneration < d.Generation, status.DesiredNumberScheduled
	w.moving = unseen || status.UpdatedNumberScheduled < wanted
	// A node that is not Ready is tainted, and its pod is not counted as wanted: it stays as it is until the node is
	// Ready again.
	const left = "pods are on nodes that are not Ready, or have a taint that it does not tolerate, and are not restarted: "
	switch {
	case d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType:
		w.moving, w.gone = false, onDelete()
	case unseen:
		w.gone = outcome{state: RollingOut, message: unseenMessage, advice: lookAtController}
	case status.UpdatedNumberScheduled < wanted:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d pods are new%s", status.UpdatedNumberScheduled, wanted, unavailable(status.NumberUnavailable)), advice: lookAtPods}
	case status.NumberAvailable < wanted:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%d of %d new pods are available", status.NumberAvailable, wanted), advice: lookAtPods}
	case status.NumberMisscheduled > 0 && wanted == 0:
		w.gone = outcome{state: RollingOut, message: fmt.Sprintf("%s%d", left, status.NumberMisscheduled), advice: "look at the nodes"}
	case status.NumberMisscheduled > 0:
		w.gone = outcome{state: Done, message: fmt.Sprintf("%s%d", left, status.NumberMisscheduled), partial: true}
	default:
		w.gone = outcome{state: Done}
	}
	return w
}

// onDelete is all that becomes of a restart where the user is to delete the pods.
func onDelete() outcome {
	return outcome{state: Done, message: "its update strategy is OnDelete: each pod restarts when it is deleted", partial: true}
}
