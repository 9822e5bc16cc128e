package rollout

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// workload is what pods are made of, whichever its kind.
type workload struct {
	kind   string
	object client.Object
	// template is what its pods are made from. It is a part of object, but for Argo's Rollouts.
	template *corev1.PodTemplateSpec
	// stamps are the annotations that say what it was restarted for.
	stamps map[string]string
	// paused says that its controller makes no new pods, by somebody's wish.
	paused bool
	// moving says that it is between two templates: by pods that are not made anew yet, and not by those that are
	// not ready, which may be so because of the very content that a restart brings up to date.
	moving bool
	// gone is how it came through its latest restart.
	gone outcome
	// missing says that it is listed and not there.
	missing bool
}

// outcome is what has come of a restart so far: RollingOut, Done or Failed.
type outcome struct {
	state   State
	message string
}

func (w *workload) name() string   { return w.object.GetName() }
func (w *workload) String() string { return w.kind + " " + w.name() }

// concerned says whether a workload is restarted for changes of a Secret.
func (c *Change) concerns(w *workload) bool {
	if len(c.Policy.Workloads) == 0 {
		return w.template != nil && uses(&w.template.Spec, c.Secret)
	}
	for _, listed := range c.Policy.Workloads {
		if listed.Kind == w.kind && listed.Name == w.name() {
			return true
		}
	}
	return false
}

// before says whether a workload was there before a change: another has made its pods with the new content.
func (w *workload) before(changed time.Time) bool {
	return w.object.GetCreationTimestamp().Time.Before(changed)
}

func replicas(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}

// What follows judges as "kubectl rollout status" does (reference of kubectl).

func deployment(d *appsv1.Deployment) *workload {
	wanted, status := replicas(d.Spec.Replicas), &d.Status
	w := &workload{kind: "Deployment", object: d, template: &d.Spec.Template, stamps: d.Spec.Template.Annotations, paused: d.Spec.Paused}
	unseen := status.ObservedGeneration < d.Generation
	stuck := !unseen && exceeded(status.Conditions)
	w.moving = unseen || !stuck && (status.UpdatedReplicas < wanted || status.Replicas > status.UpdatedReplicas)
	switch {
	case unseen:
		w.gone = outcome{RollingOut, "its controller has not seen the restart yet"}
	case stuck:
		w.gone = outcome{Failed, fmt.Sprintf("it made no progress for longer than its progressDeadlineSeconds, with %d of %d new pods available: look at the new pods", status.AvailableReplicas, wanted)}
	case status.UpdatedReplicas < wanted:
		w.gone = outcome{RollingOut, fmt.Sprintf("%d of %d pods are new", status.UpdatedReplicas, wanted)}
	case status.Replicas > status.UpdatedReplicas:
		w.gone = outcome{RollingOut, fmt.Sprintf("pods of before that have not ended: %d", status.Replicas-status.UpdatedReplicas)}
	case status.AvailableReplicas < status.UpdatedReplicas:
		w.gone = outcome{RollingOut, fmt.Sprintf("%d of %d new pods are available", status.AvailableReplicas, wanted)}
	default:
		w.gone = outcome{state: Done}
	}
	return w
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
	w := &workload{kind: "StatefulSet", object: s, template: &s.Spec.Template, stamps: s.Spec.Template.Annotations}
	unseen, renewed := status.ObservedGeneration < s.Generation, status.UpdateRevision == status.CurrentRevision
	updated := status.UpdatedReplicas >= wanted-kept
	w.moving = unseen || !renewed && !updated
	switch {
	case s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		w.moving, w.gone = false, onDelete()
	case unseen:
		w.gone = outcome{RollingOut, "its controller has not seen the restart yet"}
	case !renewed && !updated:
		w.gone = outcome{RollingOut, fmt.Sprintf("%d of %d pods are new", status.UpdatedReplicas, wanted-kept)}
	case status.ReadyReplicas < wanted:
		w.gone = outcome{RollingOut, fmt.Sprintf("%d of %d pods are ready", status.ReadyReplicas, wanted)}
	case kept > 0:
		w.gone = outcome{Done, fmt.Sprintf("the %d pods below its partition are not restarted", kept)}
	default:
		w.gone = outcome{state: Done}
	}
	return w
}

func daemonSet(d *appsv1.DaemonSet) *workload {
	status := &d.Status
	w := &workload{kind: "DaemonSet", object: d, template: &d.Spec.Template, stamps: d.Spec.Template.Annotations}
	unseen := status.ObservedGeneration < d.Generation
	w.moving = unseen || status.UpdatedNumberScheduled < status.DesiredNumberScheduled
	switch {
	case d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType:
		w.moving, w.gone = false, onDelete()
	case unseen:
		w.gone = outcome{RollingOut, "its controller has not seen the restart yet"}
	case status.UpdatedNumberScheduled < status.DesiredNumberScheduled:
		w.gone = outcome{RollingOut, fmt.Sprintf("%d of %d pods are new", status.UpdatedNumberScheduled, status.DesiredNumberScheduled)}
	case status.NumberAvailable < status.DesiredNumberScheduled:
		w.gone = outcome{RollingOut, fmt.Sprintf("%d of %d new pods are available", status.NumberAvailable, status.DesiredNumberScheduled)}
	default:
		w.gone = outcome{state: Done}
	}
	return w
}

// onDelete is all that becomes of a restart where somebody else is to delete the pods.
func onDelete() outcome {
	return outcome{Done, "its update strategy is OnDelete: each pod restarts when somebody deletes it"}
}
