package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/secretsync/secretsync/hack/prometheus"
)

// TestMetricsAreAsDocumented: each metric of a running operator is in docs/reference/metrics.md, with its type and its
// labels, and promtool finds no fault.
func TestMetricsAreAsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/reference/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(secretsync_\\w+)` \\| (\\w+) \\| (.*?) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = row[2:]
	}
	scraped, err := scrape(t.Context(), running)
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(scraped))
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for name, family := range families {
		if !strings.HasPrefix(name, "secretsync_") {
			continue
		}
		own++
		row, found := documented[name]
		if !found {
			t.Errorf("docs/reference/metrics.md does not have %s", name)
			continue
		}
		if kind := strings.ToLower(family.GetType().String()); kind != row[0] {
			t.Errorf("%s is a %s, and a %s according to docs/reference/metrics.md", name, kind, row[0])
		}
		for _, series := range family.GetMetric() {
			for _, label := range series.GetLabel() {
				if !strings.Contains(row[1], "`"+label.GetName()+"`") {
					t.Errorf("%s has the label %s, which docs/reference/metrics.md does not have", name, label.GetName())
				}
			}
		}
	}
	if own < 12 {
		t.Fatalf("the operator has only %d metrics of its own", own)
	}
	check := exec.CommandContext(t.Context(), prometheus.Need(t, prometheus.Promtool), "check", "metrics")
	check.Stdin = bytes.NewReader(scraped)
	if output, err := check.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("promtool check metrics: %v: %s", err, output)
	}
}
