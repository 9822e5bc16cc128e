package pods

import (
	"encoding/json"
	"fmt"
	"net/http"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// The ways in which application uses its Secret, by the name under which it shows the value of the key "value".
const (
	byEnv       = "DB"
	byEnvFrom   = "value"
	byVolume    = "/etc/volume/value"
	bySubPath   = "/etc/sub-path/value"
	byProjected = "/etc/projected/value"
)

// application creates a Deployment that uses the Secret db in every way.
func (s *setup) application(name string, change ...func(*appsv1.DeploymentSpec)) {
	s.Helper()
	labels, reference, replicas := map[string]string{"app": name}, corev1.LocalObjectReference{Name: "db"}, int32(1)
	made := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				TerminationGracePeriodSeconds: new(int64(1)),
				Containers: []corev1.Container{{
					Name: "application", Image: s.Images.Application,
					Args:    []string{"serve", byEnv, byEnvFrom, byVolume, bySubPath, byProjected},
					Env:     []corev1.EnvVar{{Name: byEnv, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: reference, Key: "value"}}}},
					EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: reference}}},
					ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
						HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromInt32(8080)},
					}},
					VolumeMounts: []corev1.VolumeMount{
						{Name: "volume", MountPath: "/etc/volume"}, {Name: "projected", MountPath: "/etc/projected"},
						{Name: "volume", MountPath: bySubPath, SubPath: "value"},
					},
				}},
				Volumes: []corev1.Volume{
					{Name: "volume", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}},
					{Name: "projected", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
						Sources: []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{LocalObjectReference: reference}}}}}},
				},
			}},
		},
	}
	for _, apply := range change {
		apply(&made.Spec)
	}
	if err := s.client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

// applicationPods are the pods of an application that are not being deleted.
func (s *setup) applicationPods(name string) (pods []corev1.Pod) {
	s.Helper()
	for _, pod := range s.podsOf(s.namespace, map[string]string{"app": name}) {
		if pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods
}

// shown is what a pod of an application shows; nil while it does not answer.
func (s *setup) shown(pod corev1.Pod) map[string]string {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, fmt.Sprintf("http://%s:8080/", pod.Status.PodIP), http.NoBody)
	if err != nil {
		s.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	values := map[string]string{}
	if err := json.NewDecoder(answer.Body).Decode(&values); err != nil {
		return nil
	}
	return values
}

// allShow says whether an application has pods, and all of them show a value in every way.
func (s *setup) allShow(name, value string) bool {
	s.Helper()
	pods := s.applicationPods(name)
	for _, pod := range pods {
		values := s.shown(pod)
		for _, way := range []string{byEnv, byEnvFrom, byVolume, bySubPath, byProjected} {
			if values[way] != value {
				return false
			}
		}
	}
	return len(pods) > 0
}

// restarts sets when workloads restart.
func restarts(rollout v1alpha1.Rollout) func(*v1alpha1.SecretSyncSpec) {
	return func(spec *v1alpha1.SecretSyncSpec) { spec.Rollout = &rollout }
}

// restarted is the condition WorkloadsRestarted.
func (s *setup) restarted(name string) metav1.Condition {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	s.get(found, s.namespace, name)
	if condition := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted); condition != nil {
		return *condition
	}
	return metav1.Condition{}
}

// awaitRestarted waits until the condition WorkloadsRestarted has a reason.
func (s *setup) awaitRestarted(name, reason string) {
	s.Helper()
	s.await("WorkloadsRestarted of "+name+" has the reason "+reason, func() bool { return s.restarted(name).Reason == reason })
}
