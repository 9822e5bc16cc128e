package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// documented is the line of a page that begins with a prefix.
func documented(t *testing.T, page, beginning string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, beginning) {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("%s has no line that begins with %q", page, beginning)
	return ""
}

// TestAFinalizerThatIsLeftBehind: it blocks the deletion of a namespace once the operator is uninstalled; the
// documented command fixes that.
func TestAFinalizerThatIsLeftBehind(t *testing.T) {
	s := newSetup(t)
	s.foreign("app")
	id, _ := s.createSecret("db", value())
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id},
		Target: v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReady("db")
	s.end((*testenv.Manager).Stop)
	t.Cleanup(func() { s.start("after-uninstall") })
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
	if err := s.env.Client.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	s.await("the SecretSync waits for the operator", func() bool { return !s.get("db").DeletionTimestamp.IsZero() })
	s.await("the Secret is gone, and the namespace still exists", func() bool { return s.secret("app") == nil && s.exists(namespace) })

	command := documented(t, "docs/troubleshooting.md", "kubectl patch secretsyncs.secretsync.dev/stripe-key")
	command = strings.NewReplacer("stripe-key", "db", "payments", s.namespace, "'", "", "kubectl ", "").Replace(command)
	arguments := append(strings.Fields(command), "--kubeconfig", s.env.Plane.Kubeconfig())
	if said, err := exec.CommandContext(t.Context(), s.env.Plane.Kubectl(), arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	s.await("the SecretSync is gone", func() bool {
		return !s.exists(&v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "db"}})
	})
	s.await("the namespace is gone", func() bool { return !s.exists(namespace) })
}

// TestTheChartWarnsOfTheFinalizer: the chart's notes warn of it.
func TestTheChartWarnsOfTheFinalizer(t *testing.T) {
	notes, err := os.ReadFile(filepath.Join(root, "config/chart/templates/NOTES.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !containsAll(string(notes), []string{"helm uninstall", v1alpha1.FinalizerMerge}) {
		t.Error("the notes do not warn of the finalizer")
	}
}
