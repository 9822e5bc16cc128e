package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// earlierCRD is the CRD as an earlier release could have had it: without some optional fields and without the rules, so
// that it accepts more.
func earlierCRD(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config/crd/secretsync.dev_secretsyncs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(content, crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	target := spec.Properties["target"]
	delete(target.Properties, "deletionPolicy")
	source := spec.Properties["source"]
	source.XValidations = nil
	spec.Properties["target"], spec.Properties["source"] = target, source
	delete(spec.Properties, "suspend")
	crd.Spec.Versions[0].AdditionalPrinterColumns = nil
	return crd
}

// TestCRDUpgrade upgrades the CRD, as "helm upgrade" does, while objects of an earlier form are stored
// and in sync. Nothing is lost or written again, and what the earlier CRD accepted can still be read, and fixed.
func TestCRDUpgrade(t *testing.T) {
	c := newCluster(t)
	if _, err := envtest.InstallCRDs(c.env.Plane.Config(), envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{earlierCRD(t)}}); err != nil {
		t.Fatal(err)
	}
	c.install("--set", "crds.enabled=false")
	manager := c.startAsInstalled("secretsync")
	content := value()
	id, version := c.createSecret("db", content)
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	c.awaitReady("db")
	// A rule that the earlier form did not have refuses both at once.
	c.sync("lax", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionStage: "AWSCURRENT", VersionID: version}})
	before, secret := c.get("db"), c.secret("db")

	c.kubectl("", "annotate", "crd", "secretsyncs.secretsync.dev", "meta.helm.sh/release-name=secretsync", "meta.helm.sh/release-namespace=secretsync-system")
	c.kubectl("", "label", "crd", "secretsyncs.secretsync.dev", "app.kubernetes.io/managed-by=Helm")
	c.run("upgrade", filepath.Join(root, "config/chart"), "--set", "crds.enabled=true", "--take-ownership", "--force-conflicts")
	// The API server takes a moment to serve the newer form.
	c.await("kubectl shows the columns of the newer form", func() bool {
		columns := c.kubectl("", "get", "secretsyncs.secretsync.dev", "db", "-o", "wide")
		return containsAll(columns, []string{"READY", "VERSION", "MESSAGE"})
	})
	after := c.get("db")
	if diff := cmp.Diff(before.Status, after.Status); diff != "" {
		t.Errorf("the status changed by the upgrade (-before +after):\n%s", diff)
	}
	if before.UID != after.UID {
		t.Errorf("the SecretSync was recreated by the upgrade: its UID is %s, and was %s", after.UID, before.UID)
	}
	polls := c.called("DescribeSecret")
	c.await("two polls", func() bool { return c.called("DescribeSecret") >= polls+2 }) // The second poll begins once everything that the first one triggered is done.
	if now := c.secret("db"); now.ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written again because of the upgrade")
	}
	c.edit("db", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	})
	if c.get("db").Spec.Target.DeletionPolicy != v1alpha1.DeletionPolicyRetain {
		t.Error("a field of the newer form is not stored")
	}
	c.edit("lax", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Source.VersionStage = "" })
	c.awaitReady("lax")
	c.stop(manager)
}

// TestCRDUpgradeByKubectl upgrades the CRD with kubectl instead of Helm: spec and status of stored objects stay as they
// are, and what the newer form forbids is refused with its messages.
func TestCRDUpgradeByKubectl(t *testing.T) {
	c := newCluster(t)
	earlier, err := yaml.Marshal(earlierCRD(t))
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl(string(earlier), "apply", "--server-side", "--filename", "-")
	c.kubectl("", "wait", "--for=condition=Established", "crd/secretsyncs.secretsync.dev")
	c.await("the CRD is served", c.served)
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, Target: v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{"team": "payments"}}})
	stored := c.get("db")
	stored.Status = v1alpha1.SecretSyncStatus{ObservedGeneration: 1, LastHandledRefresh: "asked", Conditions: []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynced, LastTransitionTime: metav1.NewTime(time.Unix(1e9, 0))}}}
	if err := c.env.Client.Status().Update(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	before := c.get("db")

	c.kubectl("", "apply", "--server-side", "--filename", filepath.Join(root, "config/crd/secretsync.dev_secretsyncs.yaml"))
	both := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "both"},
		Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db", VersionStage: "AWSCURRENT", VersionID: strings.Repeat("a", 32)}}}
	c.await("the newer form refuses both a stage and a version", func() bool {
		err := c.env.Client.Create(t.Context(), both.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "set versionStage to follow a staging label, or versionID")
	})
	unknown := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "unknown"},
		Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, Target: v1alpha1.SecretTarget{DeletionPolicy: "Keep"}}}
	if err := c.env.Client.Create(t.Context(), unknown); err == nil || !strings.Contains(err.Error(), `spec.target.deletionPolicy: Unsupported value: "Keep"`) {
		t.Errorf("an unknown policy: %v", err)
	}
	if diff := cmp.Diff(before, c.get("db")); diff != "" {
		t.Errorf("what was stored changed by the upgrade (-before +after):\n%s", diff)
	}
}
