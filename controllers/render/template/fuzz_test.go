package template

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// slow is far above what the bounds allow on a busy machine.
const slow = 30 * time.Second

// FuzzExecute feeds templates, and a value in which MARK stands for what must never be in an error.
func FuzzExecute(f *testing.F) {
	values := []string{"MARK", `{"a":"MARK","n":[1,2.50]}`, "a: [MARK, *x]", "-----BEGIN CERTIFICATE-----\nMARK\n-----END CERTIFICATE-----\n", "TUFSSw==", "MARK\n\xff\x00", "{{ .v }}"}
	for i, name := range slices.Sorted(maps.Keys(library())) {
		f.Add("{{ "+name+" .v }}", values[i%len(values)])
		f.Add("{{ .v | "+name+" \"a\" | "+name+" 3 }}", values[(i+1)%len(values)])
		f.Add("{{ range $k, $v := . }}{{ "+name+" (dict $k $v) . }}{{ end }}", values[(i+2)%len(values)])
	}
	for _, source := range []string{
		`{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}`, `{{ range 9999999999 }}{{ end }}`, `{{ $x := .v }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}`,
		`{{ with fromJson .v }}{{ .a | quote }}{{ else }}{{ break }}{{ end }}`, `{{ block "b" .v }}{{ len . }}{{ end }}{{- /* x */ -}}`, `{{ if and .v (or .w 1) }}{{ index .v 0 }}{{ end }}`,
	} {
		f.Add(source, "MARK")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		value = strings.ReplaceAll(value, "MARK", marker)
		began := time.Now()
		got, err := render(source, map[string]string{"v": value, "w": "1"})
		if took := time.Since(began); took > slow {
			t.Errorf("it took %s", took)
		}
		if len(got) > maxOutput {
			t.Errorf("it gave %d bytes", len(got))
		}
		if err != nil && strings.Contains(err.Error(), marker) && !strings.Contains(source, marker) {
			t.Error("the error quotes the value")
		}
		again, failure := render(source, map[string]string{"v": value, "w": "1"})
		if again != got || (failure == nil) != (err == nil) || err != nil && err.Error() != failure.Error() {
			t.Error("it gives something else the second time")
		}
	})
}

// manifest is what templates are in.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Template struct {
			Data     map[string]string `yaml:"data"`
			Metadata struct {
				Labels, Annotations map[string]string
				LabelsFrom          string `yaml:"labelsFrom"`
			}
		} `yaml:"template"`
	} `yaml:"spec"`
}

// templates are all templates of a manifest.
func (m *manifest) templates() map[string]string {
	all, metadata := map[string]string{}, m.Spec.Template.Metadata
	maps.Copy(all, m.Spec.Template.Data)
	maps.Copy(all, metadata.Labels)
	maps.Copy(all, metadata.Annotations)
	if metadata.LabelsFrom != "" {
		all["labelsFrom"] = metadata.LabelsFrom
	}
	return all
}

// TestTemplatesInManifestsRender renders the templates of the page and of the samples.
func TestTemplatesInManifestsRender(t *testing.T) {
	texts := strings.Split(page(t), "```yaml\n")[1:]
	samples, err := filepath.Glob("../../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range samples {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.Split(string(content), "\n---\n")...)
	}
	data := pageData(t)
	data["value"], data["archive"] = data["bundle"], data["p12"]
	rendered := 0
	for _, text := range texts {
		text, _, _ = strings.Cut(text, "```")
		var read manifest
		if err := yaml.Unmarshal([]byte(text), &read); err != nil || read.Kind != "SecretSync" {
			continue
		}
		values := maps.Clone(data)
		if strings.HasSuffix(read.Metadata.Name, "managed") {
			maps.DeleteFunc(values, func(name, _ string) bool { return name != "username" && name != "password" })
		}
		if strings.HasSuffix(read.Metadata.Name, "archive") {
			values["password"] = "changeit"
		}
		if strings.HasPrefix(read.Metadata.Name, "cluster-") {
			maps.Copy(values, map[string]string{"name": "staging", "server": "https://staging.example.com", "ca": "Y2E=", "role": "r", "labels": `{"tier":"2"}`})
		}
		for key, source := range read.templates() {
			if got, err := render(source, values); err != nil || got == "" {
				t.Errorf("%s, key %s: %d bytes, %v", read.Metadata.Name, key, len(got), err)
			}
			rendered++
		}
	}
	if rendered < 20 {
		t.Errorf("only %d templates were found", rendered)
	}
}
