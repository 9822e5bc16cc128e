package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestRunRefusals(t *testing.T) {
	for _, test := range []struct{ arguments, want string }{
		{"", "usage"},
		{"dry-run", "usage"},
		{"dry-run latest", "v1.2.3"},
		{"release v1.2.3", "unknown command"},
	} {
		if err := run(t.Context(), strings.Fields(test.arguments)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.arguments, err, test.want)
		}
	}
}

func TestPin(t *testing.T) {
	const image, digest = "ghcr.io/secretsync/secretsync:v1.2.3", "sha256:abc"
	got, err := pin("a:\n  image: "+image+"\nb: c\n", image, digest)
	if want := "a:\n  image: " + image + "@" + digest + "\nb: c\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := pin("image: ghcr.io/secretsync/secretsync:v1.2.4\n", image, digest); err == nil {
		t.Error("manifests with another version are accepted")
	}
}

// TestChecksums compares with sha256sum, which users verify with.
func TestChecksums(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{"install.yaml": "a", "a chart.tgz": "b"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeChecksums(folder); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		command := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "checksums.txt")
		command.Dir = folder
		printed, err := command.CombinedOutput()
		return string(printed), err
	}
	if printed, err := check(); err != nil || strings.Count(printed, ": OK") != 2 {
		t.Errorf("%v: %s", err, printed)
	}
	if err := os.WriteFile(filepath.Join(folder, "install.yaml"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if printed, err := check(); err == nil || !strings.Contains(printed, "install.yaml: FAILED") {
		t.Errorf("a changed file passes: %v: %s", err, printed)
	}
}

func TestStatement(t *testing.T) {
	r := &release{version: "v1.2.3", commit: "0123", committed: "2026-01-02T03:04:05Z"}
	subjects := []subject{{Name: "install.yaml", Digest: map[string]string{"sha256": "ab"}}}
	local := r.statement(subjects, func(string) string { return "" })
	if got := local.Predicate.RunDetails.Builder.ID; got != repository+"/dry-run" {
		t.Errorf("a dry run names the builder %s", got)
	}
	workflow := r.statement(subjects, func(name string) string {
		return map[string]string{
			"GITHUB_WORKFLOW_REF": "secretsync/secretsync/.github/workflows/release.yml@refs/tags/v1.2.3",
			"GITHUB_SERVER_URL":   "https://github.com", "GITHUB_REPOSITORY": "secretsync/secretsync", "GITHUB_RUN_ID": "7",
		}[name]
	})
	content, err := json.Marshal(workflow)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"_type":"https://in-toto.io/Statement/v1"`, `"predicateType":"https://slsa.dev/provenance/v1"`,
		`"subject":[{"name":"install.yaml","digest":{"sha256":"ab"}}]`, `"gitCommit":"0123"`, `"startedOn":"2026-01-02T03:04:05Z"`,
		`"builder":{"id":"https://github.com/secretsync/secretsync/.github/workflows/release.yml@refs/tags/v1.2.3"}`,
		`"invocationId":"https://github.com/secretsync/secretsync/actions/runs/7"`,
	} {
		if !strings.Contains(string(content), want) {
			t.Errorf("the statement lacks %s: %s", want, content)
		}
	}
}

func TestSchemas(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "config/crd/secretsync.dev_*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d CRDs, %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		schemas, err := schemasOf(content)
		if err != nil || len(schemas) == 0 {
			t.Fatalf("%s: %d schemas, %v", file, len(schemas), err)
		}
		for name, schema := range schemas {
			if strings.Contains(string(schema), "x-kubernetes-") {
				t.Errorf("%s has keywords of Kubernetes", name)
			}
			var parsed struct {
				Properties map[string]struct {
					Const                string `json:"const"`
					AdditionalProperties any    `json:"additionalProperties"`
				} `json:"properties"`
			}
			if err := json.Unmarshal(schema, &parsed); err != nil {
				t.Fatal(err)
			}
			if parsed.Properties["apiVersion"].Const != "secretsync.dev/v1alpha1" || parsed.Properties["kind"].Const == "" {
				t.Errorf("%s is for %+v", name, parsed.Properties)
			}
			if parsed.Properties["spec"].AdditionalProperties != false {
				t.Errorf("%s accepts unknown fields of spec", name)
			}
			if parsed.Properties["metadata"].AdditionalProperties == false {
				t.Errorf("%s refuses all fields of metadata", name)
			}
		}
	}
}

func TestPack(t *testing.T) {
	files := []packed{{"LICENSE", []byte("text"), 0o644}, {"kubectl-example", []byte("program"), 0o755}}
	compressed, extension, err := pack("linux", files)
	if err != nil || extension != ".tar.gz" {
		t.Fatal(extension, err)
	}
	again, _, err := pack("darwin", files)
	if err != nil || !bytes.Equal(compressed, again) {
		t.Errorf("two archives of the same files differ, %v", err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	for reader := tar.NewReader(plain); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[header.Name] = header.Mode
	}
	if modes["kubectl-example"] != 0o755 || modes["LICENSE"] != 0o644 {
		t.Errorf("the archive has %v", modes)
	}
}

func TestPackForWindows(t *testing.T) {
	zipped, extension, err := pack("windows", []packed{{"LICENSE", []byte("text"), 0o644}, {"kubectl-example.exe", []byte("program"), 0o755}})
	if err != nil || extension != ".zip" {
		t.Fatal(extension, err)
	}
	reader, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil || len(reader.File) != 2 || reader.File[1].Name != "kubectl-example.exe" {
		t.Errorf("the zip has %+v, %v", reader, err)
	}
}

func TestKrewManifest(t *testing.T) {
	entry := krewEntry("v1.2.3", "kubectl-secretsync_windows_amd64.zip", "windows", "amd64", "kubectl-secretsync.exe", []byte("content"))
	content, err := krewManifest("secretsync", "v1.2.3", []krewPlatform{entry})
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Metadata struct{ Name string }
		Spec     struct {
			Version   string
			Platforms []krewPlatform
		}
	}
	if err := yaml.Unmarshal(content, &parsed); err != nil {
		t.Fatal(err)
	}
	if parsed.Metadata.Name != "secretsync" || parsed.Spec.Version != "v1.2.3" || len(parsed.Spec.Platforms) != 1 {
		t.Fatalf("the manifest is %s", content)
	}
	got := parsed.Spec.Platforms[0]
	if got.URI != repository+"/releases/download/v1.2.3/kubectl-secretsync_windows_amd64.zip" || got.Bin != "kubectl-secretsync.exe" ||
		got.SHA256 != "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73" || got.Selector.MatchLabels["os"] != "windows" {
		t.Errorf("the platform is %+v", got)
	}
}

// TestSteps: statements cover all that steps before them write, and signatures cover the statements.
func TestSteps(t *testing.T) {
	var names []string
	for _, step := range steps() {
		names = append(names, step.name)
	}
	last := []string{"write provenance and checksums", "sign"}
	if !slices.Equal(names[len(names)-2:], last) {
		t.Errorf("the last steps are not %q: %q", last, names)
	}
}
