// Command monitoring generates the list of metrics from the code, and the alerts of the chart and of the kustomize
// component from the file of rules for Prometheus, and the dashboards.
//
//	go run ./hack/monitoring
//
// It runs in the root of the repository, and imports nothing of the project.
package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

const (
	// metricsPage is the generated list of metrics.
	metricsPage = "docs/reference/metrics.md"
	// alertsFile is the file of rules for Prometheus, from which the others are generated.
	alertsFile = "config/monitoring/alerts.yaml"
	// componentAlerts is the PrometheusRule of the kustomize component, chartAlerts is what the chart's PrometheusRule has.
	// dashboards and chartDashboards are the folders of the dashboards: for users, and for the chart.
	dashboards, chartDashboards  = "config/monitoring/dashboards", "config/chart/files/dashboards"
	componentAlerts, chartAlerts = "config/components/prometheus-rules/prometheus_rule.yaml", "config/chart/files/alerts.yaml"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

// run writes all generated files of the repository whose root this is.
func run(root string) error {
	files, err := generated(root)
	if err != nil {
		return err
	}
	for file, content := range files {
		// An existing file keeps its mode.
		if err := os.WriteFile(filepath.Join(root, file), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generated are the generated files, by their path.
func generated(root string) (map[string]string, error) {
	metrics, err := metricsIn(root, "controllers", "cmd/manager")
	if err != nil {
		return nil, err
	}
	rules, err := os.ReadFile(filepath.Join(root, alertsFile))
	if err != nil {
		return nil, err
	}
	_, groups, found := strings.Cut(string(rules), "\ngroups:\n")
	if !found {
		return nil, fmt.Errorf("%s has no groups", alertsFile)
	}
	groups = "groups:\n" + groups
	files := map[string]string{
		metricsPage:     pageOf(metrics),
		chartAlerts:     generatedFrom + groups,
		componentAlerts: generatedFrom + ruleHead + indent(groups),
	}
	for name, shown := range map[string]dashboard{"fleet.json": fleet(), "operator.json": operator()} {
		content, err := shown.json()
		if err != nil {
			return nil, err
		}
		files[path.Join(dashboards, name)], files[path.Join(chartDashboards, name)] = content, content
	}
	return files, nil
}

// generatedFrom is the first line of generated rules.
const generatedFrom = "# Generated from " + alertsFile + ": make generate\n"

// ruleHead is the PrometheusRule of the component before its groups.
const ruleHead = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: secretsync
  namespace: secretsync-system
spec:
`

// indent indents lines by two blanks.
func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}
