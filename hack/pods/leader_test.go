package pods

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// leader is the pod that holds a Lease of the operator, whose holder begins with the pod's name.
func (s *setup) leader() (corev1.Pod, bool) {
	s.Helper()
	leases := &coordinationv1.LeaseList{}
	if err := s.client.List(s.Context(), leases, client.InNamespace(testenv.OperatorNamespace)); err != nil {
		s.Fatal(err)
	}
	for _, pod := range s.operators() {
		for _, lease := range leases.Items {
			if holder := lease.Spec.HolderIdentity; holder != nil && len(*holder) > len(pod.Name) && (*holder)[:len(pod.Name)+1] == pod.Name+"_" {
				return pod, true
			}
		}
	}
	return corev1.Pod{}, false
}

// TestTakeOver: of two replicas one works. If its process is killed, or stops without an end, the other one takes over;
// what changes meanwhile is synced. A process that continues after that does not disturb.
func TestTakeOver(t *testing.T) {
	s := newSetup(t, "--set", "replicas=2")
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	for _, test := range []struct {
		name   string
		signal syscall.Signal
	}{{"killed", syscall.SIGKILL}, {"stopped", syscall.SIGSTOP}} {
		var was corev1.Pod
		s.await("a replica leads", func() (found bool) { was, found = s.leader(); return found })
		pid := s.process(was)
		if err := syscall.Kill(pid, test.signal); err != nil {
			t.Fatal(err)
		}
		value = newValue()
		s.rotate(id, value)
		took := s.await("the change is synced after the leader was "+test.name, func() bool { return s.synced("db", "value", value) })
		t.Logf("the leader was %s: the change was synced after %s", test.name, took.Round(100*time.Millisecond))
		if test.signal == syscall.SIGSTOP {
			if is, found := s.leader(); found && is.Name == was.Name {
				t.Error("the replica that is stopped still holds the Lease")
			}
			if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			s.await("the replica that continued has ended, and was restarted", func() bool {
				return slices.ContainsFunc(s.operators(), func(pod corev1.Pod) bool {
					return pod.Name == was.Name && pod.Status.ContainerStatuses[0].RestartCount > was.Status.ContainerStatuses[0].RestartCount
				})
			})
		}
		s.awaitRolledOut(testenv.OperatorNamespace, release)
		value = newValue()
		s.rotate(id, value)
		s.awaitSynced(value)
	}
}

// TestAHungReplica: the only replica hangs. The kubelet restarts it once its liveness probe has failed, and what changed
// meanwhile is synced.
func TestAHungReplica(t *testing.T) {
	s := newSetup(t)
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	was := s.operator()
	if err := syscall.Kill(s.process(was), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	value = newValue()
	s.rotate(id, value)
	took := s.await("the change is synced after the only replica hung", func() bool { return s.synced("db", "value", value) })
	t.Logf("the only replica hung: the change was synced after %s", took.Round(100*time.Millisecond))
	is := s.operator()
	if is.Name != was.Name {
		t.Errorf("the pod is %s, not %s: another replica did it", is.Name, was.Name)
	}
	s.await("the kubelet says that it restarted the container", func() bool {
		return s.operator().Status.ContainerStatuses[0].RestartCount > was.Status.ContainerStatuses[0].RestartCount
	})
	s.awaitRolledOut(testenv.OperatorNamespace, release)
}

// TestPodDeletedInTheMiddleOfSyncs: the operator's only pod is deleted while AWS does not answer: 100 SecretSyncs have a
// rotation to sync, and 100 others are new. The next pod syncs all of them, and each value is right.
func TestPodDeletedInTheMiddleOfSyncs(t *testing.T) {
	s := newSetup(t)
	const half = 100
	values := s.createMany("old", half)
	s.await("the first half is synced", func() bool { return s.countSynced(values) == half })
	pod := s.operator()
	s.aws.SetFaults(localaws.Fault{Principal: "*:assumed-role/*", Hang: true})
	defer s.aws.SetFaults()
	for name := range values {
		values[name] = newValue()
		s.rotate("/"+s.namespace+"/"+name, values[name])
	}
	maps.Copy(values, s.createMany("new", half))
	if output, err := s.kubectl("delete", "pod", pod.Name, "--namespace", testenv.OperatorNamespace); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if synced := s.countSynced(values); synced != 0 {
		t.Errorf("%d were synced without an answer of AWS", synced)
	}
	s.aws.SetFaults()
	took := s.await("all are synced", func() bool { return s.countSynced(values) == len(values) })
	t.Logf("all %d SecretSyncs are synced %s after the pod was deleted", len(values), took.Round(100*time.Millisecond))
	s.awaitRolledOut(testenv.OperatorNamespace, release)
}

// TestMemoryLimit: the chart's memory limit is enough for 1,000 SecretSyncs. The kernel kills nothing, and the kubelet
// restarts nothing.
func TestMemoryLimit(t *testing.T) {
	s := newSetup(t)
	const count = 1000
	values := s.createMany("s", count)
	s.await("all are synced", func() bool { return s.countSynced(values) == count })
	for name := range values {
		values[name] = newValue()
		s.rotate("/"+s.namespace+"/"+name, values[name])
	}
	s.await("all rotations are synced", func() bool { return s.countSynced(values) == count })
	pod := s.operator()
	if status := pod.Status.ContainerStatuses[0]; status.RestartCount > 0 {
		t.Errorf("the operator was restarted: %+v", status.LastTerminationState.Terminated)
	}
	t.Logf("with %d SecretSyncs the container's memory peaked at %s bytes", count, memoryFile(t, s.process(pod), "memory.max_usage_in_bytes", "memory.peak"))
}

// createMany creates secrets and a SecretSync for each, and gives the values by name.
func (s *setup) createMany(prefix string, count int) map[string]string {
	s.Helper()
	values := map[string]string{}
	for number := range count {
		name := fmt.Sprintf("%s%04d", prefix, number)
		values[name] = newValue()
		id := s.createSecret(name, values[name])
		s.sync(name, id, func(spec *v1alpha1.SecretSyncSpec) { spec.PollInterval = &metav1.Duration{Duration: manyInterval} })
	}
	return values
}

// manyInterval is the poll interval of many SecretSyncs; with one second each, 1,000 would only poll.
const manyInterval = 20 * time.Second

// countSynced counts the Secrets that have their value.
func (s *setup) countSynced(values map[string]string) (synced int) {
	s.Helper()
	secrets := &corev1.SecretList{}
	if err := s.client.List(s.Context(), secrets, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for i := range secrets.Items {
		if value, wanted := values[secrets.Items[i].Name]; wanted && string(secrets.Items[i].Data["value"]) == value {
			synced++
		}
	}
	return synced
}
