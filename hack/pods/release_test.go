package pods

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// TestUninstallAndReinstall: uninstalling ends the pod and keeps SecretSyncs and Secrets. A new installation works on
// them, in the same place and under another name in another namespace. The CRD stays with the first one.
func TestUninstallAndReinstall(t *testing.T) {
	s := newSetup(t)
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	s.uninstall(release, testenv.OperatorNamespace)
	if held := testsuite.Values(s, s.client, s.namespace, "db"); held["value"] != value {
		t.Error("the Secret was changed")
	}
	began := time.Now()
	value = newValue()
	s.rotate(id, value)
	s.install()
	s.awaitSynced(value)
	t.Logf("a rotation was synced %s after the new installation began", time.Since(began).Round(100*time.Millisecond))
	s.uninstall(release, testenv.OperatorNamespace)

	// The role in AWS trusts the ServiceAccount of the first namespace alone, so the second one uses static keys.
	const other, elsewhere = "other", "elsewhere"
	if err := s.client.Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: elsewhere}}); err != nil {
		t.Fatal(err)
	}
	arguments := slices.Concat([]string{"install", other, chart(), "--namespace", elsewhere}, s.defaults(), []string{
		"--set", `serviceAccount.annotations.eks\.amazonaws\.com/role-arn=`,
		"--set", "extraEnv[0].name=AWS_ACCESS_KEY_ID,extraEnv[0].value=" + administrator,
		"--set", "extraEnv[1].name=AWS_SECRET_ACCESS_KEY,extraEnv[1].value=not-checked",
	})
	if output, err := s.helmRun(arguments...); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	value = newValue()
	s.rotate(id, value)
	s.awaitSynced(value)
	s.uninstall(other, elsewhere)
	s.install()
}

// TestReleasedFolder: who has only the folder of a release installs its chart and its image, syncs, upgrades and
// uninstalls.
func TestReleasedFolder(t *testing.T) {
	folder := os.Getenv(releaseVariable)
	if folder == "" {
		t.Skip("no release was given: make release-dry-run, then make test-node RELEASE=dist")
	}
	charts, err := filepath.Glob(filepath.Join(folder, "secretsync-*.tgz"))
	if err != nil || len(charts) != 1 {
		t.Fatalf("the folder has %d charts, %v", len(charts), err)
	}
	s := newSetup(t)
	s.uninstall(release, testenv.OperatorNamespace)
	helm := func(verb string, values ...string) {
		t.Helper()
		arguments := slices.Concat([]string{verb, release, charts[0], "--namespace", testenv.OperatorNamespace}, s.defaults(), values)
		if output, err := s.helmRun(arguments...); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		s.awaitRolledOut(testenv.OperatorNamespace, release)
	}
	helm("install")
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	helm("upgrade", "--set", "log.level=debug")
	value = newValue()
	s.rotate(id, value)
	s.awaitSynced(value)
	s.uninstall(release, testenv.OperatorNamespace)
	if held := testsuite.Values(s, s.client, s.namespace, "db"); held["value"] != value {
		t.Error("the Secret was changed")
	}
	s.install()
}

// uninstall uninstalls a release and waits until its pods have ended.
func (s *setup) uninstall(name, namespace string) {
	s.Helper()
	if output, err := s.helmRun("uninstall", name, "--namespace", namespace); err != nil {
		s.Fatalf("%v: %s", err, output)
	}
	s.await("the pods have ended", func() bool {
		return len(s.podsOf(namespace, map[string]string{"app.kubernetes.io/instance": name})) == 0
	})
}

// TestUpgradeAndRollback: an upgrade and its rollback replace the pods, and lose no change that happens meanwhile.
func TestUpgradeAndRollback(t *testing.T) {
	s := newSetup(t)
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	before := s.operator().Name
	s.install("--set", "log.level=debug")
	if s.operator().Name == before {
		t.Error("the upgrade did not replace the pod")
	}
	value = newValue()
	s.rotate(id, value)
	s.awaitSynced(value)
	value = newValue()
	s.rotate(id, value)
	if output, err := s.helmRun("rollback", release, "--namespace", testenv.OperatorNamespace); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	s.awaitRolledOut(testenv.OperatorNamespace, release)
	s.awaitSynced(value)
	if slices.Contains(s.operator().Spec.Containers[0].Args, "--log-level=debug") {
		t.Error("the rollback kept the new value")
	}
}

// TestEviction: kubectl drain evicts the operator's pod, and its successor starts when the node is schedulable again.
func TestEviction(t *testing.T) {
	s := newSetup(t)
	pod := s.operator()
	node := pod.Spec.NodeName
	if output, err := s.kubectl("drain", node, "--pod-selector=app.kubernetes.io/instance="+release, "--timeout=90s"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	if output, err := s.kubectl("uncordon", node); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	s.awaitRolledOut(testenv.OperatorNamespace, release)
	if s.operator().Name == pod.Name {
		t.Error("the pod was not evicted")
	}
	value := newValue()
	s.sync("db", s.createSecret("db", value))
	s.awaitSynced(value)
}
