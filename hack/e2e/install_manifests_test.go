package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/testenv"
)

// manifests are the manifests of each way of installing, by its name.
func manifests(t *testing.T) map[string][]byte {
	t.Helper()
	ci := filepath.Join(root, "config/chart/ci")
	return map[string][]byte{
		"chart, as it comes":         chart(t),
		"chart, for some namespaces": chart(t, filepath.Join(ci, "namespaced-values.yaml")),
		"chart, with everything":     chart(t, filepath.Join(ci, "everything-values.yaml")),
		"kustomize":                  kustomized(t),
		"kustomize, with everything": overlay(t, []string{"admission"}, "network-policy", "prometheus", "prometheus-rules", "service-account-tokens", "rollouts"),
	}
}

// apply applies manifests with strict field validation.
func (c *cluster) apply(manifests string, flags ...string) (string, error) {
	command := exec.CommandContext(c.Context(), c.env.Plane.Kubectl(), append([]string{
		"--kubeconfig", c.env.Plane.Kubeconfig(), "apply", "--server-side", "--validate=strict", "-f", "-"}, flags...)...)
	command.Stdin = strings.NewReader(manifests)
	output, err := command.CombinedOutput()
	return string(output), err
}

// TestManifestsAreAccepted: the API server knows every field of what is installed, and accepts its pods in a namespace
// with the restricted Pod Security Standard.
func TestManifestsAreAccepted(t *testing.T) {
	c := newCluster(t)
	c.addForeignKinds()
	restricted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testenv.OperatorNamespace, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}}}
	if err := c.env.Client.Create(t.Context(), restricted); err != nil {
		t.Fatal(err)
	}
	c.await("pods find a ServiceAccount", func() bool { // Without it they are refused before their security is checked.
		return c.exists(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: restricted.Name, Name: "default"}})
	})
	c.checkGuards()
	for way, content := range manifests(t) {
		if output, err := c.apply(string(content), "--dry-run=server"); err != nil {
			t.Errorf("%s: %v: %s", way, err, output)
			continue
		}
		if output, err := c.apply(string(content)); err != nil {
			t.Fatalf("%s: %v: %s", way, err, output)
		}
		c.awaitPods(way)
		c.kubectl("", "delete", "deployment", "--all", "--namespace", testenv.OperatorNamespace)
	}
}

// checkGuards checks that the API server does refuse unknown fields and pods that are not restricted.
func (c *cluster) checkGuards() {
	c.Helper()
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: lax, namespace: " + testenv.OperatorNamespace + "}\nspec: {containers: [{name: a, image: b}]}\n"
	for manifest, refusal := range map[string]string{
		pod: "violates PodSecurity",
		strings.Replace(pod, "image:", "imago:", 1): "imago",
	} {
		if output, err := c.apply(manifest, "--dry-run=server"); err == nil || !strings.Contains(output, refusal) {
			c.Fatalf("the API server does not refuse because of %q: %v: %s", refusal, err, output)
		}
	}
}

// awaitPods waits until the Deployment of the operator's namespace has all its pods.
// Without nodes they stay pending.
func (c *cluster) awaitPods(way string) {
	c.Helper()
	var deployments appsv1.DeploymentList
	if err := c.env.Client.List(c.Context(), &deployments, client.InNamespace(testenv.OperatorNamespace)); err != nil {
		c.Fatal(err)
	}
	if len(deployments.Items) != 1 {
		c.Fatalf("%s: %d Deployments", way, len(deployments.Items))
	}
	deployment := &deployments.Items[0]
	c.await(way+": its pods are admitted", func() bool {
		if err := c.env.Client.Get(c.Context(), client.ObjectKeyFromObject(deployment), deployment); err != nil {
			c.Fatal(err)
		}
		for _, condition := range deployment.Status.Conditions {
			if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
				c.Fatalf("%s: %s", way, condition.Message)
			}
		}
		return deployment.Status.Replicas == *deployment.Spec.Replicas
	})
}
