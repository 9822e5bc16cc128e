package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/secretsync/secretsync/hack/prometheus"
)

// runbooks is the page that has a section for each alert.
const runbooks = "https://github.com/secretsync/secretsync/blob/main/docs/troubleshooting.md#"

// rule is an alert.
type rule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

// alerts reads the file of rules.
func alerts(t *testing.T) (all []rule) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, alertsFile))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// TestEveryAlertIsExplained: it has a severity, a summary, a section in docs/troubleshooting.md, and uses metrics that
// exist.
func TestEveryAlertIsExplained(t *testing.T) {
	metrics, err := metricsIn(root, "controllers", "cmd/manager")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, sections, _ := strings.Cut(string(page), "\n## Alerts\n")
	all := alerts(t)
	if len(all) < 15 {
		t.Fatalf("only %d alerts were found", len(all))
	}
	for _, alert := range all {
		if severity := alert.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q", alert.Alert, severity)
		}
		if !strings.HasSuffix(alert.Annotations["summary"], ".") {
			t.Errorf("the summary of %s is no sentence", alert.Alert)
		}
		if alert.Annotations["runbook_url"] != runbooks+strings.ToLower(alert.Alert) {
			t.Errorf("the runbook_url of %s is %s", alert.Alert, alert.Annotations["runbook_url"])
		}
		if !strings.Contains(sections, "\n### "+alert.Alert+"\n\n") {
			t.Errorf("docs/troubleshooting.md has no section %s below Alerts", alert.Alert)
		}
		for _, name := range regexp.MustCompile(`\bsecretsync_\w+`).FindAllString(alert.Expr, -1) {
			known := func(m metric) bool { return m.name == strings.TrimSuffix(name, "_bucket") }
			if name != "secretsync_namespace" && !slices.ContainsFunc(metrics, known) {
				t.Errorf("%s uses the metric %s, which does not exist", alert.Alert, name)
			}
		}
	}
	for _, section := range regexp.MustCompile(`\n### (\w+)\n`).FindAllStringSubmatch(sections, -1) {
		if !slices.ContainsFunc(all, func(alert rule) bool { return alert.Alert == section[1] }) {
			t.Errorf("docs/troubleshooting.md has a section %s below Alerts, which is no alert", section[1])
		}
	}
}

// TestRules lets promtool check the file of rules.
func TestRules(t *testing.T) {
	promtool(t, "check", "rules", "--lint-fatal", filepath.Join(root, alertsFile))
}

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), prometheus.Need(t, prometheus.Promtool), arguments...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
}

// TestEveryAlertFires: when it should, with the labels and the summary that it should, and no other alert does; and not
// when it should not.
func TestEveryAlertFires(t *testing.T) {
	path, err := filepath.Abs(filepath.Join(root, alertsFile))
	if err != nil {
		t.Fatal(err)
	}
	all, fires, stays := alerts(t), map[string]bool{}, map[string]bool{}
	var tests []any
	for _, story := range stories {
		tests = append(tests, story.test(all))
		if len(story.labels) == 0 && story.summary == "" {
			stays[story.alert] = true
		} else {
			fires[story.alert] = true
		}
	}
	for _, alert := range all {
		if !fires[alert.Alert] || !stays[alert.Alert] {
			t.Errorf("%s needs a story in which it fires, and one in which it does not", alert.Alert)
		}
	}
	content, err := yaml.Marshal(map[string]any{"rule_files": []string{path}, "evaluation_interval": "1m", "tests": tests})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", file)
}

// test is the story as a test of promtool.
func (s story) test(all []rule) any {
	input := []any{}
	if s.alert != "SecretSyncOperatorDown" {
		input = append(input, series(`secretsync_build_info`, "1x200"))
	}
	for name, values := range s.series {
		input = append(input, series(name, values))
	}
	var expected []any
	for _, alert := range all {
		firing := []any{}
		if alert.Alert == s.alert && s.summary != "" {
			labels := map[string]string{"severity": alert.Labels["severity"]}
			maps.Copy(labels, s.labels)
			firing = append(firing, map[string]any{
				"exp_labels":      labels,
				"exp_annotations": map[string]string{"summary": s.summary, "runbook_url": alert.Annotations["runbook_url"]},
			})
		}
		expected = append(expected, map[string]any{"eval_time": s.at, "alertname": alert.Alert, "exp_alerts": firing})
	}
	return map[string]any{"name": s.alert + " at " + s.at, "interval": "1m", "input_series": input, "alert_rule_test": expected}
}

func series(name, values string) any { return map[string]string{"series": name, "values": values} }
