package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// answer is the second and the third cell of a row of the table of kube-score's checks in docs/operations.md.
type answer struct {
	why    string
	values []string
}

// TestLinters: kube-score complains of what docs/operations.md explains, and of nothing once all values there are set.
func TestLinters(t *testing.T) {
	explained := answers(t)
	var all []string
	for check, a := range explained {
		if a.why == "" || len(a.values) == 0 {
			t.Errorf("docs/operations.md has no reason or no value for the check %s", check)
		}
		for _, value := range a.values {
			all = append(all, "--set", value)
		}
	}
	complaints := slices.Concat(score(t), score(t, "--set", "replicas=2"))
	for _, check := range complaints {
		if _, found := explained[check]; !found {
			t.Errorf("kube-score complains of %s, which docs/operations.md does not explain", check)
		}
	}
	for check := range explained {
		if !slices.Contains(complaints, check) {
			t.Errorf("docs/operations.md explains %s, of which kube-score does not complain", check)
		}
	}
	if rest := score(t, all...); len(rest) > 0 {
		t.Errorf("with all values of the table, kube-score complains of %s", rest)
	}
}

// answers reads the table.
func answers(t *testing.T) map[string]answer {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n### Linters\n")
	section, _, _ = strings.Cut(section, "\n### ")
	explained := map[string]answer{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(section, -1) {
		a := answer{why: row[2]}
		for _, value := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[3], -1) {
			a.values = append(a.values, value[1])
		}
		explained[row[1]] = a
	}
	if len(explained) < 5 {
		t.Fatalf("only %d checks were found in docs/operations.md", len(explained))
	}
	return explained
}

// score returns the checks that are not passed by what the chart renders.
func score(t *testing.T, arguments ...string) (failed []string) {
	t.Helper()
	program, err := built("kube-score")
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := runHelm(t, append([]string{"template", "secretsync", folder}, arguments...))
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "score", "--output-format=json", "--kubernetes-version=v1.37", "-")
	command.Stdin = strings.NewReader(rendered)
	output, err := command.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // It exits with 1 if it complains.
		t.Fatal(err)
	}
	var objects []struct {
		Checks []struct {
			Check   struct{ ID string }
			Grade   int
			Skipped bool
		}
	}
	if err := json.Unmarshal(output, &objects); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	const passed = 10
	checks := 0
	for _, object := range objects {
		for _, c := range object.Checks {
			checks++
			if !c.Skipped && c.Grade < passed {
				failed = append(failed, c.Check.ID)
			}
		}
	}
	if checks < 20 {
		t.Fatalf("kube-score made only %d checks", checks)
	}
	return failed
}
