package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// chartMetadata is Chart.yaml.
type chartMetadata struct {
	Version, Home, Icon string
	AppVersion          string `yaml:"appVersion"`
	Maintainers         []struct{ Name, Email, URL string }
	Annotations         map[string]string
}

func chartYAML(t *testing.T) (m chartMetadata) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &m); err != nil {
		t.Fatal(err)
	}
	if m.AppVersion == "" {
		t.Fatal("Chart.yaml has no appVersion")
	}
	return m
}

// annotation reads an annotation of Artifact Hub, which is YAML in a text, and refuses fields that it does not have.
func annotation[T any](t *testing.T, name string) (parsed T) {
	t.Helper()
	text := chartYAML(t).Annotations["artifacthub.io/"+name]
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&parsed); err != nil {
		t.Fatalf("the annotation %s: %v", name, err)
	}
	return parsed
}

// link is a link in an annotation.
type link struct{ Name, URL string }

// TestChanges: each change has one of the kinds that Artifact Hub knows.
func TestChanges(t *testing.T) {
	for _, change := range annotation[[]struct {
		Kind, Description string
		Links             []link
	}](t, "changes") {
		if !slices.Contains([]string{"added", "changed", "deprecated", "removed", "fixed", "security"}, change.Kind) || change.Description == "" {
			t.Errorf("the change %+v", change)
		}
		for _, l := range change.Links {
			checkLink(t, l)
		}
	}
	for _, l := range annotation[[]link](t, "links") {
		checkLink(t, l)
	}
}

// checkLink checks that a link is to a file of the repository, at the tag of the version.
func checkLink(t *testing.T, l link) {
	t.Helper()
	m := chartYAML(t)
	file, found := strings.CutPrefix(l.URL, m.Home+"/blob/"+m.AppVersion+"/")
	if _, err := os.Stat(filepath.Join(root, file)); !found || err != nil || l.Name == "" {
		t.Errorf("the link %+v is to no file of %s: %v", l, m.AppVersion, err)
	}
}

// TestIconAndMaintainers: the icon is a file of the repository, and its URL has the tag of the version.
func TestIconAndMaintainers(t *testing.T) {
	m := chartYAML(t)
	raw := strings.Replace(m.Home, "https://github.com/", "https://raw.githubusercontent.com/", 1) + "/" + m.AppVersion + "/"
	file, found := strings.CutPrefix(m.Icon, raw)
	if !found {
		t.Fatalf("the icon %s is not below %s", m.Icon, raw)
	}
	if content, err := os.ReadFile(filepath.Join(root, file)); err != nil || !bytes.HasPrefix(content, []byte("<svg ")) {
		t.Errorf("the icon %s is no SVG: %v", file, err)
	}
	if len(m.Maintainers) != 1 || m.Maintainers[0].Name != "SecretSync maintainers" || m.Maintainers[0].URL != m.Home {
		t.Errorf("the maintainers are %+v, want the project", m.Maintainers)
	}
	if m.Annotations["artifacthub.io/signKey"] != "" {
		t.Error("signKey names a PGP key, but the chart is signed by cosign without a key")
	}
}

// TestImages: the image is the one that the chart installs.
func TestImages(t *testing.T) {
	images := annotation[[]struct {
		Name, Image string
		Platforms   []string
	}](t, "images")
	all, err := render(t, small)
	if err != nil {
		t.Fatal(err)
	}
	if want := at(all[deployment], manager+"image"); len(images) != 1 || images[0].Image != want {
		t.Errorf("the images are %+v, the chart installs %v", images, want)
	}
}

// TestCRDs: the CRDs are those of the chart, and each has an example whose fields the API has.
func TestCRDs(t *testing.T) {
	listed := annotation[[]struct {
		Kind, Version, Name, Description string
		DisplayName                      string `yaml:"displayName"`
	}](t, "crds")
	content, err := os.ReadFile(filepath.Join(folder, "files/secretsyncs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := sigsyaml.Unmarshal(content, &crd); err != nil {
		t.Fatal(err)
	}
	if len(listed) != 1 || listed[0].Name != crd.Name || listed[0].Kind != crd.Spec.Names.Kind || listed[0].Version != crd.Spec.Versions[0].Name {
		t.Errorf("the CRDs are %+v, the chart has %s", listed, crd.Name)
	}
	text := chartYAML(t).Annotations["artifacthub.io/crdsExamples"]
	var examples []v1alpha1.SecretSync
	if err := sigsyaml.Unmarshal([]byte(text), &examples); err != nil {
		t.Fatal(err)
	}
	if len(examples) != 1 || examples[0].APIVersion != crd.Spec.Group+"/"+listed[0].Version || examples[0].Kind != listed[0].Kind {
		t.Errorf("the examples are %+v", examples)
	}
	for i, example := range examples {
		spec, err := sigsyaml.Marshal(example.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := parse(t, string(spec)), at(map[string]any{"list": parse(t, text)}, fmt.Sprintf("list[%d].spec", i)); !reflect.DeepEqual(got, want) {
			t.Errorf("the API reads %v as %v: a field is misspelt", want, got)
		}
	}
}
