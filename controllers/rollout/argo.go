package rollout

import (
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kindRollout is the kind of Argo Rollouts.
const kindRollout = "Rollout"

// argoRollouts is their kind, in the version that all releases serve.
func argoRollouts() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: kindRollout}
}

// rollout is the workload of an Argo Rollout. A new template would start a canary, so a restart sets spec.restartAt:
// older pods are evicted then (page "Restarting Rollout Pods" of Argo Rollouts). The stamps are annotations of the
// Rollout itself. A restart proceeds while a canary is paused, and is done once status.restartedAt says so.
//
// The template may be that of a Deployment, which spec.workloadRef names. referenced returns it, or nil.
func rollout(u *unstructured.Unstructured, referenced func(name string) *corev1.PodTemplateSpec) *workload {
	w := &workload{kind: kindRollout, object: u, stamps: u.GetAnnotations()}
	if name, ok := workloadRef(u); ok {
		w.template = referenced(name)
	} else if fields, found, err := unstructured.NestedMap(u.Object, "spec", "template"); found && err == nil {
		template := &corev1.PodTemplateSpec{}
		// An invalid template has no pods, and so uses no Secret.
		if runtime.DefaultUnstructuredConverter.FromUnstructured(fields, template) == nil {
			w.template = template
		}
	}
	w.paused, _, _ = unstructured.NestedBool(u.Object, "spec", "paused")
	w.deadline = progressDeadline
	if seconds, found, err := unstructured.NestedInt64(u.Object, "spec", "progressDeadlineSeconds"); found && err == nil {
		w.deadline = time.Duration(seconds) * time.Second
	}
	wanted, done := moment(u, "spec", "restartAt"), moment(u, "status", "restartedAt")
	w.replacingPods = done.Before(wanted)
	w.latest = outcome{state: Done}
	if w.replacingPods {
		w.latest = outcome{state: RollingOut, message: "its pods from before " + wanted.Format(time.RFC3339) + " are evicted one after the other", advice: lookAtPods}
	}
	return w
}

// workloadRef is the name of the Deployment whose template a Rollout takes.
func workloadRef(u *unstructured.Unstructured) (name string, ok bool) {
	reference, found, err := unstructured.NestedStringMap(u.Object, "spec", "workloadRef")
	return reference["name"], found && err == nil && reference["kind"] == "Deployment"
}

// moment is a time in a field, or zero.
func moment(u *unstructured.Unstructured, fields ...string) time.Time {
	text, _, _ := unstructured.NestedString(u.Object, fields...)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// stampRollout changes a Rollout so that it restarts.
func stampRollout(u *unstructured.Unstructured, stamps map[string]string, at time.Time) error {
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, stamps)
	u.SetAnnotations(annotations)
	at = later(at, moment(u, "spec", "restartAt"))
	return unstructured.SetNestedField(u.Object, at.UTC().Format(time.RFC3339), "spec", "restartAt")
}
