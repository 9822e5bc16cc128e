package e2e

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// playKubelet sets the status of the setup's pods, as a kubelet does, until the test ends. Each pod becomes ready or
// not once, when it is new, as environment variables do not change while a container runs. Pods without a node vanish
// as soon as they are deleted.
func (s *setup) playKubelet(ready func(*corev1.Pod) bool) {
	s.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(s.Context()))
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && ctx.Err() == nil {
			if err = s.runPods(ctx, ready); ctx.Err() != nil {
				err = nil
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		ended <- err
	}()
	s.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.Errorf("the test's kubelet: %v", err)
		}
	})
}

// runPods writes the status of new pods.
func (s *setup) runPods(ctx context.Context, ready func(*corev1.Pod) bool) error {
	var pods corev1.PodList
	if err := s.env.Client.List(ctx, &pods, client.InNamespace(s.namespace)); err != nil {
		return err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Status.Phase == corev1.PodRunning {
			continue
		}
		is := corev1.ConditionFalse
		if ready(pod) {
			is = corev1.ConditionTrue
		}
		before := pod.DeepCopy()
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: is, LastTransitionTime: metav1.Now()}}
		err := s.env.Client.Status().Patch(ctx, pod, client.MergeFrom(before))
		if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

// orderly creates a StatefulSet of two pods, and waits until they are ready.
func (s *setup) orderly(name string, pod corev1.PodSpec) *appsv1.StatefulSet {
	s.Helper()
	two := int32(2)
	made := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: appsv1.StatefulSetSpec{Replicas: &two}}
	made.Spec.Template, made.Spec.Selector = template(name, pod)
	s.put(made)
	s.await("StatefulSet "+name+" is ready", func() bool { return s.exists(made) && made.Status.ReadyReplicas == two })
	return made
}

// age makes the times of a workload's managed fields older. The API server accepts them only together with another
// change.
func (s *setup) age(workload client.Object, by time.Duration) {
	s.Helper()
	s.await(workload.GetName()+" is made older", func() bool {
		if !s.exists(workload) {
			return false
		}
		records := slices.Clone(workload.GetManagedFields())
		for i := range records {
			records[i].Time = &metav1.Time{Time: records[i].Time.Add(-by)}
		}
		workload.SetManagedFields(records)
		workload.SetAnnotations(map[string]string{"example.com/aged": by.String()})
		return s.env.Client.Update(s.Context(), workload) == nil // Its controller may write at the same time.
	})
}

// messages are the messages in status, by workload.
func (s *setup) messages(sync string) map[string]string {
	s.Helper()
	all := map[string]string{}
	if rollout := s.get(sync).Status.Rollout; rollout != nil {
		for _, workload := range rollout.Workloads {
			all[workload.Kind+" "+workload.Name] = workload.Message
		}
	}
	return all
}
