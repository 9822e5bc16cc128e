package pods

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/node/eks"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

const release = "secretsync"

// setup is a namespace of one test.
type setup struct {
	*testing.T
	*cluster
	namespace string
}

// newSetup makes a namespace, and makes sure that the operator is installed and Ready.
func newSetup(t *testing.T, values ...string) *setup {
	t.Helper()
	s := newBareSetup(t)
	s.install(values...)
	return s
}

// newBareSetup leaves the operator as it is. Without a node it skips the test.
func newBareSetup(t *testing.T) *setup {
	t.Helper()
	if shared == nil {
		t.Skip("needs a node, which only make test-node starts (on Linux, as root)")
	}
	s := &setup{T: t, cluster: shared, namespace: testsuite.Namespace(t, shared.client, "pods-")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.picture())
		}
	})
	return s
}

// helmRun runs helm and gives its output.
func (s *setup) helmRun(arguments ...string) (string, error) {
	s.Helper()
	command := exec.CommandContext(s.Context(), s.helm, arguments...)
	home := s.Plane.Directory()
	command.Env = append(os.Environ(), "KUBECONFIG="+s.Plane.Kubeconfig(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	output, err := command.CombinedOutput()
	return string(output), err
}

// chart is the chart of this checkout.
func chart() string { return filepath.Join(testsuite.Root, "config/chart") }

// defaults are the values that each installation needs here. The image is the chart's own.
func (s *setup) defaults() []string {
	return []string{
		"--set", "aws.endpointURL=" + s.aws.URL(), "--set", "aws.region=" + localaws.DefaultRegion, "--set", "clusterName=tests",
		"--set", "rollouts.enabled=true",
		"--set", `serviceAccount.annotations.eks\.amazonaws\.com/role-arn=` + roleARN,
		"--set-string", `serviceAccount.annotations.` + strings.ReplaceAll(eks.ExpirationAnnotation, ".", `\.`) + `=600`,
	}
}

// install installs the chart, or upgrades to exactly these values, and waits until the operator's pods are Ready.
func (s *setup) install(values ...string) {
	s.Helper()
	arguments := slices.Concat([]string{"upgrade", "--install", "--reset-values", release, chart(), "--namespace", testenv.OperatorNamespace}, s.defaults(), values)
	if output, err := s.helmRun(arguments...); err != nil {
		s.Fatalf("helm %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	s.awaitRolledOut(testenv.OperatorNamespace, release)
}

// awaitRolledOut waits until a Deployment is rolled out and only the new pods exist.
func (s *setup) awaitRolledOut(namespace, name string) {
	s.Helper()
	s.await("Deployment "+name+" is rolled out", func() bool {
		found := &appsv1.Deployment{}
		s.get(found, namespace, name)
		wanted := *found.Spec.Replicas
		status := found.Status
		return status.ObservedGeneration == found.Generation && status.UpdatedReplicas == wanted && status.ReadyReplicas == wanted &&
			status.Replicas == wanted && int32(len(s.podsOf(namespace, found.Spec.Selector.MatchLabels))) == wanted
	})
}

func (s *setup) get(object client.Object, namespace, name string) {
	s.Helper()
	if err := s.client.Get(s.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		s.Fatal(err)
	}
}

// podsOf are the pods with some labels, those that are being deleted included.
func (s *setup) podsOf(namespace string, labels map[string]string) []corev1.Pod {
	s.Helper()
	list := &corev1.PodList{}
	if err := s.client.List(s.Context(), list, client.InNamespace(namespace), client.MatchingLabels(labels)); err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// operators are the operator's pods.
func (s *setup) operators() []corev1.Pod {
	s.Helper()
	return s.podsOf(testenv.OperatorNamespace, map[string]string{"app.kubernetes.io/instance": release})
}

// operator is the operator's only pod.
func (s *setup) operator() corev1.Pod {
	s.Helper()
	found := s.operators()
	if len(found) != 1 {
		s.Fatalf("there are %d pods of the operator", len(found))
	}
	return found[0]
}

// process is the process ID of the program of a pod's first container. The tests are in the namespace of processes that
// those of the containers are nested in.
func (s *setup) process(pod corev1.Pod) int {
	s.Helper()
	if len(pod.Status.ContainerStatuses) == 0 {
		s.Fatalf("pod %s has no container", pod.Name)
	}
	id := strings.TrimPrefix(pod.Status.ContainerStatuses[0].ContainerID, "containerd://")
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil || id == "" {
		s.Fatalf("container %q: %v", id, err)
	}
	for _, group := range groups {
		if content, err := os.ReadFile(group); err == nil && bytes.Contains(content, []byte(id)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(group)))
			if err != nil {
				s.Fatal(err)
			}
			return pid
		}
	}
	s.Fatalf("no process runs in container %s of pod %s", id, pod.Name)
	return 0
}

// createSecret creates a secret in AWS, named after the test's namespace.
func (s *setup) createSecret(name, content string) (id string) {
	s.Helper()
	id = "/" + s.namespace + "/" + name
	if _, err := s.admin.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content}); err != nil {
		s.Fatal(err)
	}
	return id
}

// rotate gives a secret in AWS a new value.
func (s *setup) rotate(id, content string) {
	s.Helper()
	if _, err := s.admin.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &content}); err != nil {
		s.Fatal(err)
	}
}

// sync creates a SecretSync with a short poll interval.
func (s *setup) sync(name, id string, change ...func(*v1alpha1.SecretSyncSpec)) {
	s.Helper()
	made := &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: &metav1.Duration{Duration: time.Second}},
	}
	for _, apply := range change {
		apply(&made.Spec)
	}
	if err := s.client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

// synced says whether a SecretSync is Ready and its Secret has a value under a key.
func (s *setup) synced(name, key, value string) bool {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	s.get(found, s.namespace, name)
	ready := meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionReady)
	return ready && testsuite.Values(s, s.client, s.namespace, name)[key] == value
}

// awaitSynced waits until the SecretSync db is Ready and its Secret has the value.
func (s *setup) awaitSynced(value string) {
	s.Helper()
	s.await("db is synced", func() bool { return s.synced("db", "value", value) })
}

// await waits until a condition holds, and otherwise fails with what it waited for.
func (s *setup) await(what string, holds func() bool) time.Duration {
	s.Helper()
	began := time.Now()
	testsuite.Await(s, what, holds, s.picture)
	return time.Since(began)
}

// calls are the calls of AWS with some operation from a moment on.
func (s *setup) calls(operation string, from time.Time) (found []localaws.Call) {
	for _, call := range s.aws.Calls() {
		if call.Operation == operation && !call.At.Before(from) {
			found = append(found, call)
		}
	}
	return found
}

// kubectl runs kubectl and gives its output.
func (s *setup) kubectl(arguments ...string) (string, error) {
	s.Helper()
	output, err := exec.CommandContext(s.Context(), s.Plane.Kubectl(), append([]string{"--kubeconfig", s.Plane.Kubeconfig()}, arguments...)...).CombinedOutput()
	return string(output), err
}

// picture shows pods, conditions and events, which hold no values.
func (s *setup) picture() string {
	var text strings.Builder
	pods := &corev1.PodList{}
	syncs := &v1alpha1.SecretSyncList{}
	events := &corev1.EventList{}
	ctx := context.WithoutCancel(s.Context()) // The test may have ended.
	for _, list := range []client.ObjectList{pods, syncs, events} {
		if err := s.client.List(ctx, list); err != nil {
			return err.Error()
		}
	}
	for _, pod := range pods.Items {
		statuses, err := json.Marshal(pod.Status.ContainerStatuses)
		fmt.Fprintln(&text, "pod", pod.Namespace, pod.Name, pod.Status.Phase, pod.Status.Message, string(statuses), err)
	}
	for i := range syncs.Items {
		found := &syncs.Items[i]
		if found.Namespace != s.namespace || meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionReady) {
			continue
		}
		for _, condition := range found.Status.Conditions {
			fmt.Fprintln(&text, "secretsync", found.Name, condition.Type, condition.Status, condition.Reason, condition.Message)
		}
	}
	for i := range events.Items[max(0, len(events.Items)-20):] {
		event := &events.Items[max(0, len(events.Items)-20)+i]
		fmt.Fprintln(&text, "event", event.InvolvedObject.Kind, event.InvolvedObject.Name, event.Reason, event.Message)
	}
	return text.String()
}

// newValue is a value that no other test has.
func newValue() string { return "value-" + rand.Text() }
