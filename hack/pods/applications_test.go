package pods

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestRotationWithoutRestart: without rollouts a rotation reaches volumes and projected volumes while the pod runs.
// Environment variables and subPath mounts keep the value that the container started with, as the user guide says.
func TestRotationWithoutRestart(t *testing.T) {
	s := newSetup(t)
	old, value := newValue(), ""
	id := s.createSecret("db", old)
	s.sync("db", id, restarts(v1alpha1.Rollout{Restart: v1alpha1.RestartNever}))
	s.awaitSynced(old)
	s.application("web")
	s.await("the application shows the value", func() bool { return s.allShow("web", old) })
	pod := s.applicationPods("web")[0]
	// The kubelet updates volumes when it syncs the pod: often while the pod is new, and later about once a minute.
	for _, age := range []string{"new", "older"} {
		value = newValue()
		s.rotate(id, value)
		s.awaitSynced(value)
		took := s.await("the volumes have the new value", func() bool {
			values := s.shown(pod)
			return values[byVolume] == value && values[byProjected] == value
		})
		t.Logf("the volumes of the %s pod have the new value %s after the Secret", age, took.Round(time.Second))
	}
	values := s.shown(pod)
	for _, way := range []string{byEnv, byEnvFrom, bySubPath} {
		if values[way] != old {
			t.Errorf("%s does not have the value that the container started with", way)
		}
	}
	if pods := s.applicationPods("web"); len(pods) != 1 || pods[0].UID != pod.UID {
		t.Errorf("%d pods run, or another one", len(pods))
	}
}

// TestRotationWithRestart: with rollouts a rotation reaches a container in every way.
func TestRotationWithRestart(t *testing.T) {
	s := newSetup(t)
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	s.application("web")
	s.await("the application shows the value", func() bool { return s.allShow("web", value) })
	value = newValue()
	s.rotate(id, value)
	took := s.await("the application shows the new value in every way", func() bool { return s.allShow("web", value) })
	t.Logf("the application shows the new value in every way %s after the rotation", took.Round(time.Second))
	s.awaitRestarted("db", v1alpha1.ReasonRolledOut)
}

// TestRolloutWithReadinessGate: a restart is done once the new pods are Ready, readiness gates included. A
// PodDisruptionBudget that allows no eviction does not prevent it, because a rollout evicts nothing.
func TestRolloutWithReadinessGate(t *testing.T) {
	s := newSetup(t)
	const gate = corev1.PodConditionType("tests.secretsync.dev/gate")
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	none := intstr.FromInt32(0)
	if err := s.client.Create(s.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &none, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}); err != nil {
		t.Fatal(err)
	}
	s.application("web", func(spec *appsv1.DeploymentSpec) {
		spec.Template.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: gate}}
	})
	s.await("the application shows the value", func() bool { return s.allShow("web", value) })
	s.openGates("web", gate)
	s.awaitRolledOut(s.namespace, "web")
	value = newValue()
	s.rotate(id, value)
	s.await("a pod with the new value is there, whose gate is closed", func() bool {
		for _, pod := range s.applicationPods("web") {
			if s.shown(pod)[byEnv] == value {
				return true
			}
		}
		return false
	})
	s.awaitRestarted("db", v1alpha1.ReasonRollingOut)
	if pods := s.applicationPods("web"); len(pods) != 2 {
		t.Errorf("%d pods run, not the old one and the new one", len(pods))
	}
	s.openGates("web", gate)
	s.awaitRestarted("db", v1alpha1.ReasonRolledOut)
	s.await("only the new value is shown", func() bool { return s.allShow("web", value) })
}

// openGates opens the readiness gate of all pods of an application.
func (s *setup) openGates(name string, gate corev1.PodConditionType) {
	s.Helper()
	for _, pod := range s.applicationPods(name) {
		opened := pod.DeepCopy()
		opened.Status.Conditions = append(opened.Status.Conditions, corev1.PodCondition{Type: gate, Status: corev1.ConditionTrue})
		if err := s.client.Status().Patch(s.Context(), opened, client.StrategicMergeFrom(&pod)); err != nil {
			s.Fatal(err)
		}
	}
}

// TestPausedDeployment: a paused Deployment keeps its pods and is restarted when it is resumed.
func TestPausedDeployment(t *testing.T) {
	s := newSetup(t)
	old, value := newValue(), newValue()
	id := s.createSecret("db", old)
	s.sync("db", id)
	s.awaitSynced(old)
	s.application("web")
	s.awaitRolledOut(s.namespace, "web")
	if output, err := s.kubectl("rollout", "pause", "deployment/web", "--namespace", s.namespace); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	s.rotate(id, value)
	s.awaitRestarted("db", v1alpha1.ReasonRolloutPaused)
	if pods := s.applicationPods("web"); len(pods) != 1 || s.shown(pods[0])[byEnv] != old {
		t.Error("the paused Deployment was restarted")
	}
	if output, err := s.kubectl("rollout", "resume", "deployment/web", "--namespace", s.namespace); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	s.await("the application shows the new value", func() bool { return s.allShow("web", value) })
	s.awaitRestarted("db", v1alpha1.ReasonRolledOut)
}

// TestACrashStopsTheRest: a value with which the first application crashes is not given to the second one. The value
// after it is given to both.
func TestACrashStopsTheRest(t *testing.T) {
	s := newSetup(t)
	old, bad, value := newValue(), "bad-"+newValue(), newValue()
	id, serial := s.createSecret("db", old), int32(1)
	s.sync("db", id, restarts(v1alpha1.Rollout{MaxConcurrent: &serial}))
	s.awaitSynced(old)
	s.application("a", func(spec *appsv1.DeploymentSpec) {
		spec.ProgressDeadlineSeconds = new(int32(15))
		container := &spec.Template.Spec.Containers[0]
		container.Env = append(container.Env, corev1.EnvVar{Name: "CRASH", Value: byEnv})
	})
	s.application("b")
	s.awaitRolledOut(s.namespace, "a")
	s.awaitRolledOut(s.namespace, "b")
	s.rotate(id, bad)
	s.awaitRestarted("db", v1alpha1.ReasonRolloutFailed)
	for _, name := range []string{"a", "b"} {
		pods := s.applicationPods(name)
		if name == "b" && len(pods) != 1 {
			t.Errorf("%s has %d pods", name, len(pods))
		}
		if served := s.await(name+" still serves with the old value", func() bool {
			for _, pod := range s.applicationPods(name) {
				if s.shown(pod)[byEnv] == old {
					return true
				}
			}
			return false
		}); served > time.Minute {
			t.Errorf("%s served again only after %s", name, served)
		}
	}
	s.rotate(id, value)
	for _, name := range []string{"a", "b"} {
		s.await(name+" shows the next value", func() bool { return s.allShow(name, value) })
	}
	s.awaitRestarted("db", v1alpha1.ReasonRolledOut)
}
