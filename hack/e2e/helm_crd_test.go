package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const crdName = "secretsyncs.secretsync.dev"

// takeCRD are the flags by which a release becomes the owner of a CRD that another release or tool has installed.
const takeCRD = "--take-ownership --set crds.takeOwnership=true --force-conflicts"

// TestHelmAndTheOwnerOfTheCRD: the CRD outlives its release. Other releases install next to it and after it; a CRD of
// another version is refused with the flags that help, and no command deletes it.
func TestHelmAndTheOwnerOfTheCRD(t *testing.T) {
	c := newCluster(t)
	c.must("first", "a", "install")
	c.await("SecretSyncs are served", c.served)
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}})
	before := c.get("db")
	c.wantOwner("a", "first")

	notes := c.must("second", "b", "install")
	if !containsAll(notes, []string{`belongs to the Helm release "a" in namespace "first"`, takeCRD}) {
		t.Errorf("the notes of a second release do not name the owner of the CRD and the flags: %s", notes)
	}
	c.must("second", "b", "uninstall")
	c.must("first", "a", "uninstall")
	c.must("second", "again", "install") // Under another name, in another namespace.
	c.wantOwner("a", "first")

	c.kubectl("", "patch", "crd", crdName, "--type=json", "--patch", `[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns"}]`)
	c.must("second", "again", "upgrade", c.refused("second", "again", "upgrade", `the Helm release "a" in namespace "first"`)...)
	c.wantOwner("again", "second")
	if notes := c.must("second", "again", "upgrade"); strings.Contains(notes, "belongs to") {
		t.Errorf("the notes of the owner: %s", notes)
	}

	c.must("third", "c", "install", strings.Fields(takeCRD)...)
	c.must("second", "again", "upgrade", "--set", "crds.takeOwnership=false") // Its last revision has the CRD, and this one has not.
	c.wantOwner("c", "third")
	c.must("second", "again", "uninstall")
	c.must("third", "c", "uninstall")

	earlier, err := yaml.Marshal(earlierCRD(t))
	if err != nil {
		t.Fatal(err)
	}
	c.kubectl("", "annotate", "crd", crdName, "meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-")
	c.kubectl(string(earlier), "apply", "--server-side", "--force-conflicts", "--filename", "-")
	if output, err := c.try("fourth", "d", "install", filepath.Join(root, "config/chart"), "--create-namespace", "--set", "crds.enabled=false"); err != nil {
		t.Errorf("without the CRD: %v: %s", err, output)
	}
	c.must("fourth", "d", "upgrade", append(c.refused("fourth", "d", "upgrade", "a tool other than Helm"), "--set", "crds.enabled=true")...)
	c.wantOwner("d", "fourth")
	if after := c.get("db"); after.UID != before.UID {
		t.Error("the SecretSync was recreated")
	}
}

// must runs helm for a release with this chart.
func (c *cluster) must(namespace, release, verb string, flags ...string) string {
	c.Helper()
	switch verb {
	case "install":
		flags = append([]string{filepath.Join(root, "config/chart"), "--create-namespace"}, flags...)
	case "upgrade":
		flags = append([]string{filepath.Join(root, "config/chart"), "--reset-then-reuse-values"}, flags...)
	}
	output, err := c.try(namespace, release, verb, flags...)
	if err != nil {
		c.Fatalf("helm %s %s: %v\n%s", verb, release, err, output)
	}
	return output
}

// refused runs helm with a CRD of another version, which is refused because of its owner. It returns the flags that the
// error names for the release that wants to own the CRD.
func (c *cluster) refused(namespace, release, verb, owner string) []string {
	c.Helper()
	output, err := c.try(namespace, release, verb, filepath.Join(root, "config/chart"), "--set", "crds.enabled=true")
	if err == nil {
		c.Fatalf("helm %s %s leaves a CRD of another version: %s", verb, release, output)
	}
	if !containsAll(output, []string{owner, "upgrade its owner first", "--set crds.enabled=false"}) {
		c.Fatalf("the error does not name %s and what to do: %s", owner, output)
	}
	found := regexp.MustCompile(`own and upgrade the CRD: repeat the command with (.*), or\n`).FindStringSubmatch(output)
	if found == nil || found[1] != takeCRD {
		c.Fatalf("the error does not name the flags %s: %s", takeCRD, output)
	}
	return strings.Fields(found[1])
}

// wantOwner checks which release owns the CRD, and that the CRD is that of this chart.
func (c *cluster) wantOwner(release, namespace string) {
	c.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal([]byte(c.kubectl("", "get", "crd", crdName, "--output", "yaml")), crd); err != nil {
		c.Fatal(err)
	}
	if got := crd.Annotations["meta.helm.sh/release-namespace"] + "/" + crd.Annotations["meta.helm.sh/release-name"]; got != namespace+"/"+release {
		c.Errorf("the CRD belongs to the release %s, want %s/%s", got, namespace, release)
	}
	if len(crd.Spec.Versions[0].AdditionalPrinterColumns) == 0 || crd.Annotations["helm.sh/resource-policy"] != "keep" {
		c.Errorf("the CRD is of another version, or its annotations are %v", crd.Annotations)
	}
}
