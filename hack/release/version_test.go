package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/hack/controlplane"
)

const root = "../.."

// current is the version that the chart names.
func current(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config/chart/Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^appVersion: (\S+)$`).FindSubmatch(content)
	if match == nil {
		t.Fatal("Chart.yaml has no appVersion")
	}
	return string(match[1])
}

// TestVersionsAgree wants all manifests and pages to name one version, and none that moves.
func TestVersionsAgree(t *testing.T) {
	version := current(t)
	if err := checkVersion(version); err != nil {
		t.Fatal(err)
	}
	if err := agree(root, version); err != nil {
		t.Error(err)
	}
	named := regexp.MustCompile(`ghcr\.io/secretsync/[a-z/]*secretsync:([A-Za-z0-9._-]+)`)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, file := range append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "config/manager/deployment.yaml")) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllSubmatch(content, -1) {
			if got := string(match[1]); got != version && got != strings.TrimPrefix(version, "v") {
				t.Errorf("%s names %s, not version %s", file, match[0], version)
			}
		}
	}
}

// TestOldestKubernetesAgrees wants everything that names the oldest supported Kubernetes to name the tested one.
func TestOldestKubernetesAgrees(t *testing.T) {
	for file, says := range map[string]string{
		"config/chart/Chart.yaml":  `kubeVersion: ">=%s.0-0"`,
		"docs/operations.md":       "Kubernetes %s and newer are supported",
		"Makefile":                 "$(MAKE) test KUBERNETES=%s\n",
		".github/workflows/ci.yml": `kubernetes: ["%s", `,
	} {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(says, controlplane.Oldest); !strings.Contains(string(content), want) {
			t.Errorf("%s does not say %q, the oldest that is tested", file, want)
		}
	}
}

func TestSetVersion(t *testing.T) {
	folder := t.TempDir()
	for _, p := range places() {
		content, err := os.ReadFile(filepath.Join(root, p.file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, p.file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, p.file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := setVersion(folder, "v9.8.7-rc.1"); err != nil {
		t.Fatal(err)
	}
	if err := agree(folder, "v9.8.7-rc.1"); err != nil {
		t.Error(err)
	}
	if err := agree(folder, "v9.8.8"); err == nil || !strings.Contains(err.Error(), "make set-version VERSION=v9.8.8") {
		t.Errorf("another version: %v, want the remedy", err)
	}
	chart, err := os.ReadFile(filepath.Join(folder, "config/chart/Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(chart), "\nversion: 9.8.7-rc.1\nappVersion: v9.8.7-rc.1\n") || !strings.Contains(string(chart), "apiVersion: v2\n") {
		t.Errorf("the chart is now %s", chart)
	}
	for _, wrong := range []string{"", "1.2.3", "v1.2", "v01.2.3", "latest", "v1.2.3 x", "v1.2.3-"} {
		if err := setVersion(folder, wrong); err == nil {
			t.Errorf("version %q is accepted", wrong)
		}
	}
}
