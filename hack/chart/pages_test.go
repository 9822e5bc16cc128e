package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCommandsOfThePages: each helm install and helm upgrade of the pages names a chart that exists and only values that
// the chart accepts.
func TestCommandsOfThePages(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, filepath.Join(root, "README.md"), filepath.Join(folder, "README.md")) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range regexp.MustCompile(`(?m)^helm (?:install|upgrade) (?:.*\\\n)*.*$`).FindAllString(string(content), -1) {
			found++
			t.Run(filepath.Base(page), func(t *testing.T) {
				t.Parallel()
				checkCommand(t, command)
			})
		}
	}
	if found < 9 {
		t.Errorf("only %d commands were found", found)
	}
}

// checkCommand renders the chart with the values of a command.
func checkCommand(t *testing.T, command string) {
	t.Helper()
	const substitutes = `helm() { printf '%s\n' "$@"; }; terraform() { :; }; `
	words, err := exec.CommandContext(t.Context(), "bash", "-c", substitutes+command).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	arguments := strings.Split(strings.TrimSpace(string(words)), "\n")
	if len(arguments) < 4 {
		t.Fatalf("%s has only %d words", command, len(arguments))
	}
	if chart := arguments[2]; chart != "config/chart" && chart != "oci://ghcr.io/secretsync/charts/secretsync" {
		t.Errorf("%s: there is no chart %s", command, chart)
	}
	render := []string{"template", arguments[1], folder}
	for i, argument := range arguments {
		if slices.Contains([]string{"--set", "--set-string", "--set-json"}, argument) {
			render = append(render, argument, arguments[i+1])
		}
	}
	if _, err := runHelm(t, render); err != nil {
		t.Errorf("%s: %v", command, err)
	}
}
