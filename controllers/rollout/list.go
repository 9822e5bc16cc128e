package rollout

import (
	"cmp"
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets;daemonsets,verbs=list;patch
// +kubebuilder:rbac:groups=argoproj.io,resources=rollouts,verbs=list;patch

// list returns the workloads that a change concerns, in the order in which they are restarted.
func (r *Restarter) list(ctx context.Context, change Change) ([]*workload, error) {
	all, err := r.all(ctx, change.Namespace)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(w *workload) bool {
		return !change.concerns(w) || w.object.GetDeletionTimestamp() != nil
	})
	if len(change.Policy.Workloads) > 0 {
		return asListed(all, change), nil
	}
	slices.SortFunc(all, func(a, b *workload) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name(), b.name()))
	})
	return all, nil
}

// asListed puts workloads into the order of spec.rollout.workloads. Those that do not exist are marked as missing.
func asListed(found []*workload, change Change) []*workload {
	ordered := make([]*workload, 0, len(change.Policy.Workloads))
	for _, listed := range change.Policy.Workloads {
		at := slices.IndexFunc(found, func(w *workload) bool { return w.kind == listed.Kind && w.name() == listed.Name })
		if at >= 0 {
			ordered = append(ordered, found[at])
			continue
		}
		absent := &unstructured.Unstructured{}
		absent.SetName(listed.Name)
		ordered = append(ordered, &workload{kind: listed.Kind, object: absent, missing: true})
	}
	return ordered
}

// all are the workloads of a namespace.
func (r *Restarter) all(ctx context.Context, namespace string) (all []*workload, err error) {
	var deployments appsv1.DeploymentList
	var statefulSets appsv1.StatefulSetList
	var daemonSets appsv1.DaemonSetList
	for kind, list := range map[string]client.ObjectList{"Deployments": &deployments, "StatefulSets": &statefulSets, "DaemonSets": &daemonSets} {
		if err := r.options.Live.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, &attemptError{attempt: "listing " + kind, cause: err}
		}
	}
	rollouts, err := r.rollouts(ctx, namespace)
	if err != nil {
		return nil, err
	}
	templates := map[string]*corev1.PodTemplateSpec{}
	for i := range deployments.Items {
		templates[deployments.Items[i].Name] = &deployments.Items[i].Spec.Template
	}
	referencedBy := map[string]string{}
	for i := range rollouts {
		all = append(all, rollout(&rollouts[i], func(name string) *corev1.PodTemplateSpec { return templates[name] }))
		if name, ok := workloadRef(&rollouts[i]); ok {
			referencedBy[name] = rollouts[i].GetName()
		}
	}
	for i := range deployments.Items {
		w := deployment(&deployments.Items[i])
		w.templateUsedBy = referencedBy[w.name()]
		all = append(all, w)
	}
	for i := range statefulSets.Items {
		all = append(all, statefulSet(&statefulSets.Items[i]))
	}
	for i := range daemonSets.Items {
		all = append(all, daemonSet(&daemonSets.Items[i]))
	}
	return all, nil
}

// rollouts are those of Argo Rollouts; none if that is not installed.
func (r *Restarter) rollouts(ctx context.Context, namespace string) ([]unstructured.Unstructured, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(argoRollouts())
	err := r.options.Live.List(ctx, list, client.InNamespace(namespace))
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &attemptError{attempt: "listing Rollouts of Argo Rollouts", cause: err}
	}
	return list.Items, nil
}

// status is the entry of a workload in the SecretSync's status.
func (w *workload) status(is outcome) v1alpha1.WorkloadStatus {
	return v1alpha1.WorkloadStatus{Kind: w.kind, Name: w.name(), State: string(is.state), Message: is.message}
}
