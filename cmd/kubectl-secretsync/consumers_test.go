package main

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// changed is when the Secret of the tests got its value.
func changed() time.Time { return time.Now().Add(-time.Hour).Truncate(time.Second) }

// pod creates a pod whose container app runs since some time, and uses the Secret db as given.
func (s *setup) pod(name string, since time.Time, change func(*corev1.Pod)) {
	s.Helper()
	made := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}, AutomountServiceAccountToken: new(false)},
	}
	change(made)
	if err := shared.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}}
	if since.IsZero() {
		state = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	}
	made.Status.Phase = corev1.PodRunning
	made.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", State: state}}
	if err := shared.Client.Status().Update(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

func variable(pod *corev1.Pod) {
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DB_PASSWORD", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}, Key: "password"}}}}
}

func volume(subPath string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Volumes = []corev1.Volume{{Name: "db", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "db"}}}}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "db", MountPath: "/etc/db", SubPath: subPath}}
	}
}

// owned gives a pod a controller, of a group that the cluster does not know: it would delete the pods of controllers that
// do not exist.
func owned(kind, name string, labels map[string]string, change func(*corev1.Pod)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		change(pod)
		pod.Labels = labels
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "tests.secretsync.dev/v1", Kind: kind, Name: name, UID: "1", Controller: new(true)}}
	}
}

func TestConsumers(t *testing.T) {
	s := newSetup(t)
	found := s.create("db")
	if got := s.plugin("consumers", "db"); got.code != exitWell || got.out != "" || got.errOut != "No pod in namespace "+s.namespace+" uses the Secret db.\n" {
		t.Errorf("without pods: %+v", got)
	}
	s.report(found, metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret", func(status *v1alpha1.SecretSyncStatus) {
		moment := metav1.NewTime(changed())
		status.LastSyncTime = &moment
	})
	before, after := changed().Add(-time.Hour), changed().Add(time.Minute)
	hash := map[string]string{"pod-template-hash": "7d4b"}
	s.pod("a-deployment", before, owned("ReplicaSet", "web-7d4b", hash, variable))
	s.pod("b-replicaset", before, owned("ReplicaSet", "web", hash, variable))
	s.pod("c-statefulset", before, owned("StatefulSet", "queue", nil, volume("password")))
	s.pod("d-job", before, owned("Job", "nightly", nil, variable))
	s.pod("e-bare", before, variable)
	s.pod("f-restarted", after, owned("ReplicaSet", "web-7d4b", hash, variable))
	s.pod("g-files", before, volume(""))
	s.pod("h-crashing", time.Time{}, variable)
	s.pod("i-other", before, func(*corev1.Pod) {})
	s.pod("j-pull", before, func(pod *corev1.Pod) { pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "db"}} })
	got := s.plugin("consumers", "db")
	want := "POD CONTAINER USE NAME VALUE REMEDY\n" +
		"a-deployment app env DB_PASSWORD old kubectl rollout restart deployment/web -n " + s.namespace + "\n" +
		"b-replicaset app env DB_PASSWORD old kubectl delete pod b-replicaset -n " + s.namespace + ", which its ReplicaSet web replaces\n" +
		"c-statefulset app subPath /etc/db old kubectl rollout restart statefulset/queue -n " + s.namespace + "\n" +
		"d-job app env DB_PASSWORD old the next run of the job reads the present value\n" +
		"e-bare app env DB_PASSWORD old create the pod e-bare again\n" +
		"f-restarted app env DB_PASSWORD current <none>\n" +
		"g-files app volume /etc/db follows <none>\n" +
		"h-crashing app env DB_PASSWORD not running <none>\n" +
		"j-pull <none> imagePullSecret <none> at next use <none>\n"
	if got.code != exitTrouble || squeezed(got.out) != want {
		t.Errorf("exit code %d:\n%s%swant:\n%s", got.code, squeezed(got.out), got.errOut, want)
	}
	s.grant("reader", "secretsyncs")
	if got := s.plugin("consumers", "db", "--as", "reader"); got.code != exitUndetermined || got.errOut != "Not looked at: you have no right to list pods in namespace "+s.namespace+".\n" {
		t.Errorf("without the right to list pods: %+v", got)
	}
}
