package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/hack/readme"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// TestGitOps parses the manifests of docs/gitops.md, checks that they name the released chart and each other, and renders
// the chart with their values: its schema refuses unknown ones.
func TestGitOps(t *testing.T) {
	objects := manifests(t, "docs/gitops.md", "Flux", "Argo CD")
	released, err := readme.ReleasedChart(testsuite.Root)
	if err != nil {
		t.Fatal(err)
	}
	reference, version, _ := strings.Cut(released, " --version ")
	repository, chart := filepath.Split(strings.TrimPrefix(reference, "oci://"))

	source, release, application := objects["OCIRepository"], objects["HelmRelease"], objects["Application"]
	for _, field := range []struct {
		of   *unstructured.Unstructured
		want string
		path []string
	}{
		{source, "source.toolkit.fluxcd.io/v1", []string{"apiVersion"}},
		{source, reference, []string{"spec", "url"}},
		{source, version, []string{"spec", "ref", "tag"}},
		{source, objects["Namespace"].GetName(), []string{"metadata", "namespace"}},
		{source, "copy", []string{"spec", "layerSelector", "operation"}},
		{release, "helm.toolkit.fluxcd.io/v2", []string{"apiVersion"}},
		{release, source.GetKind(), []string{"spec", "chartRef", "kind"}},
		{release, source.GetName(), []string{"spec", "chartRef", "name"}},
		{release, source.GetNamespace(), []string{"metadata", "namespace"}},
		{application, "argoproj.io/v1alpha1", []string{"apiVersion"}},
		{application, strings.TrimSuffix(repository, "/"), []string{"spec", "source", "repoURL"}},
		{application, chart, []string{"spec", "source", "chart"}},
		{application, version, []string{"spec", "source", "targetRevision"}},
		{application, source.GetNamespace(), []string{"spec", "destination", "namespace"}},
	} {
		if got, _, err := unstructured.NestedString(field.of.Object, field.path...); err != nil || got != field.want {
			t.Errorf("%s has %s = %q (%v), want %q", field.of.GetKind(), strings.Join(field.path, "."), got, err, field.want)
		}
	}
	render(t, "Flux", release, "spec", "values")
	render(t, "Argo CD", application, "spec", "source", "helm", "valuesObject")
}

// manifests are the objects of the YAML blocks of a page, by kind.
func manifests(t *testing.T, page string, sections ...string) map[string]*unstructured.Unstructured {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(testsuite.Root, page))
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := readme.Blocks(string(content), sections...)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]*unstructured.Unstructured{}
	for _, block := range blocks {
		for document := range strings.SplitSeq(block.Text, "\n---\n") {
			object := &unstructured.Unstructured{}
			if err := yaml.UnmarshalStrict([]byte(document), &object.Object); err != nil {
				t.Fatalf("line %d: %v", block.Line, err)
			}
			objects[object.GetKind()] = object
		}
	}
	for _, kind := range []string{"Namespace", "OCIRepository", "HelmRelease", "Application"} {
		if objects[kind] == nil {
			t.Fatalf("%s has no %s", page, kind)
		}
	}
	return objects
}

func render(t *testing.T, tool string, object *unstructured.Unstructured, path ...string) {
	t.Helper()
	values, found, err := unstructured.NestedMap(object.Object, path...)
	if err != nil || !found {
		t.Fatalf("%s: no %s: %v", tool, strings.Join(path, "."), err)
	}
	content, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(helm(t), "helm"), "template", "secretsync",
		filepath.Join(testsuite.Root, "config/chart"), "--namespace", "secretsync-system", "--values", file)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", tool, err, output)
	}
	for _, want := range []string{"eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/secretsync", "--cluster-name=prod"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("%s: the chart renders no %q", tool, want)
		}
	}
}
