package e2e

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// laxCRD is a CRD that accepts every spec.
func laxCRD(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd, lax := earlierCRD(t), true
	crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"] = apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &lax}
	return crd
}

// TestASpecThatCannotBeReadHidesNoOther stores SecretSyncs whose fields the operator cannot decode, under a CRD that
// accepts them. Other SecretSyncs must be synced while the operator runs, after a restart, and after an upgrade of the
// CRD.
func TestASpecThatCannotBeReadHidesNoOther(t *testing.T) {
	c := newCluster(t)
	if _, err := envtest.InstallCRDs(c.env.Plane.Config(), envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{laxCRD(t)}}); err != nil {
		t.Fatal(err)
	}
	c.install("--set", "crds.enabled=false")
	manager := c.startAsInstalled("secretsync")
	content := value()
	id, _ := c.createSecret("db", content)
	c.sync("good", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	c.awaitReady("good")
	faults := map[string]map[string]any{
		"interval-object": {"pollInterval": map[string]any{}},
		"interval-text":   {"pollInterval": "often"},
		"age":             {"rotation": map[string]any{"maxAge": "1 day"}},
		"labels":          {"target": map[string]any{"labels": map[string]any{"a": int64(1)}}},
		"list":            {"data": map[string]any{"key": "a"}},
	}
	for name, spec := range faults {
		spec["source"] = map[string]any{"secretID": id}
		bad := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "secretsync.dev/v1alpha1", "kind": "SecretSync", "spec": spec}}
		bad.SetNamespace(c.namespace)
		bad.SetName(name)
		if err := c.env.Client.Create(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
	}
	for name := range faults {
		c.awaitReason(name, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
		c.awaitEvent(name, "SyncFailed", "InvalidSpec", "spec.")
	}
	follows := func(name string) {
		t.Helper()
		content = value()
		c.putValue(id, content)
		c.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
		for _, followed := range []string{"good", name} {
			c.awaitKeys(followed, map[string]string{"value": content})
		}
	}
	follows("while-running")
	c.stop(manager)
	manager = c.startAsInstalled("secretsync")
	follows("after-a-start")
	c.kubectl("", "apply", "--server-side", "--force-conflicts", "--filename", root+"/config/crd/secretsync.dev_secretsyncs.yaml")
	c.stop(manager)
	manager = c.startAsInstalled("secretsync")
	follows("after-an-upgrade")

	c.kubectl("", "--namespace", c.namespace, "patch", "secretsyncs.secretsync.dev", "interval-text", "--type=merge", "--patch", `{"spec":{"pollInterval":"1s"}}`)
	c.awaitReady("interval-text")
	c.awaitKeys("interval-text", map[string]string{"value": content})
	c.kubectl("", "--namespace", c.namespace, "delete", "secretsyncs.secretsync.dev", "interval-object", "--wait")
	c.stop(manager)
}
