package e2e

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/testenv"
)

// releaseMade is a release that was made before the test: a folder and a registry.
type releaseMade struct{ folder, registry, version string }

func madeRelease(t *testing.T) releaseMade {
	t.Helper()
	made := releaseMade{os.Getenv("SECRETSYNC_RELEASE"), os.Getenv("SECRETSYNC_RELEASE_REGISTRY"), os.Getenv("SECRETSYNC_RELEASE_VERSION")}
	if made.folder == "" {
		t.Skip("no release was made: make release-dry-run makes one and runs this test")
	}
	return made
}

// TestReleaseInstalls installs the chart of the registry, removes it, and installs install.yaml.
func TestReleaseInstalls(t *testing.T) {
	made := madeRelease(t)
	c := newCluster(t)
	c.run("install", "oci://"+made.registry+"/charts/secretsync", "--plain-http", "--create-namespace", "--version", strings.TrimPrefix(made.version, "v"))
	c.awaitPods("the chart of the registry")
	if got, want := c.imageInstalled(), "ghcr.io/secretsync/secretsync:"+made.version; got != want {
		t.Errorf("the chart installs %s, want %s", got, want)
	}
	c.run("uninstall", "--wait")
	content, err := os.ReadFile(filepath.Join(made.folder, "install.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if output, err := c.apply(string(content), "--force-conflicts"); err != nil { // Helm owned the CRD before.
		t.Fatalf("install.yaml: %v: %s", err, output)
	}
	c.awaitPods("install.yaml")
	image := c.imageInstalled()
	_, digest, found := strings.Cut(image, "ghcr.io/secretsync/secretsync:"+made.version+"@")
	if !found {
		t.Fatalf("install.yaml installs %s", image)
	}
	pushed, err := exec.CommandContext(t.Context(), filepath.Join(root, "bin/crane"), "digest", made.registry+"/secretsync:"+made.version).Output()
	if err != nil || strings.TrimSpace(string(pushed)) != digest {
		t.Errorf("install.yaml installs %s, the registry has %s, %v", digest, pushed, err)
	}
}

// imageInstalled is the image of the only Deployment of the operator's namespace.
func (c *cluster) imageInstalled() string {
	c.Helper()
	var deployments appsv1.DeploymentList
	if err := c.env.Client.List(c.Context(), &deployments, client.InNamespace(testenv.OperatorNamespace)); err != nil {
		c.Fatal(err)
	}
	if len(deployments.Items) != 1 {
		c.Fatalf("%d Deployments", len(deployments.Items))
	}
	return deployments.Items[0].Spec.Template.Spec.Containers[0].Image
}

// TestReleaseIsVerifiable runs the commands of docs/verifying.md, on what was released and on changed copies of it.
func TestReleaseIsVerifiable(t *testing.T) {
	made := madeRelease(t)
	page, err := os.ReadFile(filepath.Join(root, "docs/verifying.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## A dry run\n")
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(section)
	if !found || block == nil {
		t.Fatal("docs/verifying.md has no commands for a dry run")
	}
	tools, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(folder, version string) (string, error) {
		command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", block[1])
		command.Dir = folder
		command.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "REGISTRY="+made.registry, "VERSION="+version)
		printed, err := command.CombinedOutput()
		return string(printed), err
	}
	if printed, err := verify(made.folder, made.version); err != nil {
		t.Fatalf("%v: %s", err, printed)
	}
	for name, change := range map[string]func(folder string){
		"a changed install.yaml":                         func(folder string) { appendLine(t, folder, "install.yaml") },
		"a changed provenance.intoto.json":               func(folder string) { appendLine(t, folder, "provenance.intoto.json") },
		"a changed install.yaml with its right checksum": func(folder string) { appendLine(t, folder, "install.yaml"); forge(t, folder) },
	} {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(made.folder)); err != nil {
			t.Fatal(err)
		}
		change(copied)
		if printed, err := verify(copied, made.version); err == nil {
			t.Errorf("%s is verified: %s", name, printed)
		}
	}
	if printed, err := verify(made.folder, "v0.0.0-none"); err == nil {
		t.Errorf("an image that is not there is verified: %s", printed)
	}
}

func appendLine(t *testing.T, folder, name string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(folder, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// forge writes the checksums again, so that only their signature shows that a file was changed.
func forge(t *testing.T, folder string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-euc", "sha256sum $(cut -c67- checksums.txt) >forged; mv forged checksums.txt; sha256sum --check --strict checksums.txt")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

// TestReleaseHasItsFiles: the folder has what docs/verifying.md lists.
func TestReleaseHasItsFiles(t *testing.T) {
	made := madeRelease(t)
	page, err := os.ReadFile(filepath.Join(root, "docs/verifying.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"cosign.pub": true} // Only a dry run has it.
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(string(page), -1) {
		listed[strings.ReplaceAll(row[1], "VERSION", strings.TrimPrefix(made.version, "v"))] = true
	}
	entries, err := os.ReadDir(made.folder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "kubectl-") { // One for each platform.
			found[entry.Name()] = true
		}
	}
	delete(listed, "kubectl-*")
	if want, got := slices.Sorted(maps.Keys(listed)), slices.Sorted(maps.Keys(found)); !slices.Equal(got, want) {
		t.Errorf("the release has %q, docs/verifying.md lists %q", got, want)
	}
}
