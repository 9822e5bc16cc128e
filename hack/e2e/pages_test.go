package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/hack/readme"
)

// TestCommandsInSecurity runs the commands of the page, in its order, as a user who has installed the chart from a
// checkout.
func TestCommandsInSecurity(t *testing.T) {
	c := newCluster(t)
	c.install()
	page, err := os.ReadFile(filepath.Join(root, "docs/security.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 4 {
		t.Fatalf("only %d blocks of commands were found", len(blocks))
	}
	released, err := readme.ReleasedChart(root)
	if err != nil {
		t.Fatal(err)
	}
	kubectl, home := filepath.Dir(c.env.Plane.Kubectl()), c.env.Plane.Directory()
	for _, block := range blocks {
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(block[1], released, "config/chart"))
		shell.Dir = root
		shell.Env = append(os.Environ(), "KUBECONFIG="+c.env.Plane.Kubeconfig(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home,
			"PATH="+strings.Join([]string{kubectl, filepath.Dir(c.helm), os.Getenv("PATH")}, string(os.PathListSeparator)))
		if output, err := shell.CombinedOutput(); err != nil {
			t.Errorf("%s%v: %s", block[1], err, output)
		}
	}
}
