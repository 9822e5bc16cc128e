package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

const root, folder = "../..", "../../config/chart"

// helm is the path of Helm, which is built once. The test lists the chart's files, because Go would otherwise reuse a
// result after a change of a template, which only Helm reads.
var helm = sync.OnceValues(func() (string, error) {
	if err := filepath.WalkDir(folder, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
		return "", err
	}
	return built("helm")
})

// built builds one of the pinned tools if it is missing, and returns its path.
func built(tool string) (string, error) {
	build := exec.CommandContext(context.Background(), "make", "--no-print-directory", "bin/"+tool)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w: %s", tool, err, output)
	}
	return filepath.Abs(filepath.Join(root, "bin", tool))
}

// manifests are the objects of a chart, by kind and name.
type manifests map[string]any

// render renders the chart of release secretsync in namespace secretsync-system with values, each a YAML document. The
// last one wins. The error has what Helm prints.
func render(t *testing.T, values ...string) (manifests, error) {
	t.Helper()
	output, err := runHelm(t, []string{"template", "secretsync", folder}, values...)
	if err != nil {
		return nil, err
	}
	found := read(t, output)
	if len(found) < 5 {
		t.Fatalf("the chart renders only %d objects: %s", len(found), output)
	}
	return found, nil
}

// read reads manifests.
func read(t *testing.T, output string) manifests {
	t.Helper()
	found := manifests{}
	decoder := yaml.NewDecoder(strings.NewReader(output))
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("the chart renders no YAML: %v: %s", err, output)
		}
		if object != nil { // Nothing but comments.
			found[fmt.Sprintf("%v/%v", object["kind"], at(object, "metadata.name"))] = object
		}
	}
}

// runHelm runs Helm with values, and returns what it prints.
func runHelm(t *testing.T, arguments []string, values ...string) (string, error) {
	t.Helper()
	program, err := helm()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	arguments = append(slices.Clone(arguments), "--namespace", "secretsync-system")
	for i, content := range values {
		file := filepath.Join(directory, strconv.Itoa(i)+".yaml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, "--values", file)
	}
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+os.DevNull, "HELM_CACHE_HOME="+directory, "HELM_CONFIG_HOME="+directory, "HELM_DATA_HOME="+directory)
	output, err := command.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("helm: %w: %s", err, exit.Stderr)
	}
	return string(output), err
}

// at returns what an object has at a path: fields separated by dots, each with at most one selector of an item of its
// list, by number ([0]) or by the value of a field ([name=manager]). A field with dots stands in quotes. It returns nil
// if there is none.
func at(object any, path string) any {
	for _, step := range steps(path) {
		if object == nil {
			return nil
		}
		name, selector, selects := strings.Cut(step, "[")
		fields, _ := object.(map[string]any)
		object = fields[strings.Trim(name, `"`)]
		if selects {
			object = item(object, strings.TrimSuffix(selector, "]"))
		}
	}
	return object
}

// steps splits a path at the dots outside of quotes.
func steps(path string) []string {
	quoted := false
	return strings.FieldsFunc(path, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == '.' && !quoted
	})
}

func item(list any, selector string) any {
	items, _ := list.([]any)
	if field, want, byField := strings.Cut(selector, "="); byField {
		for _, candidate := range items {
			if fields, _ := candidate.(map[string]any); fields != nil && fmt.Sprint(fields[field]) == want {
				return candidate
			}
		}
		return nil
	}
	if number, err := strconv.Atoi(selector); err == nil && number < len(items) {
		return items[number]
	}
	return nil
}

// parse reads YAML.
func parse(t *testing.T, text string) (parsed any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return parsed
}
