package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// renderedMetadata renders labels and annotations from a secret.
func renderedMetadata(content string, metadata v1alpha1.TemplateMetadata) (Rendered, error) {
	value := source.TextValue(content)
	return Render(newWork(), &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Metadata: &metadata}}, Inputs{Source: &value})
}

func TestMetadata(t *testing.T) {
	const content = `{"env":"staging","labels":{"tier":0.10,"spot":true,"env":"other"},"yaml":"a: b\n# c\nd: 'e'","none":"","null":null}`
	type texts = map[string]string
	for name, test := range map[string]struct {
		metadata            v1alpha1.TemplateMetadata
		labels, annotations texts
	}{
		"single ones": {v1alpha1.TemplateMetadata{Labels: texts{"example.com/env": "{{ .env }}", "plain": "text"}, Annotations: texts{"a": "{{ .env | upper }}\n"}},
			texts{"example.com/env": "staging", "plain": "text"}, texts{"a": "STAGING\n"}},
		"maps":               {v1alpha1.TemplateMetadata{LabelsFrom: "{{ .labels }}", AnnotationsFrom: "{{ .yaml }}"}, texts{"tier": "0.10", "spot": "true", "env": "other"}, texts{"a": "b", "d": "e"}},
		"both":               {v1alpha1.TemplateMetadata{Labels: texts{"env": "{{ .env }}"}, LabelsFrom: "{{ .labels }}"}, texts{"tier": "0.10", "spot": "true", "env": "staging"}, texts{}},
		"maps of nothing":    {v1alpha1.TemplateMetadata{LabelsFrom: "{{ .none }}", AnnotationsFrom: "{{ .null }}"}, texts{}, texts{}},
		"a map that is made": {v1alpha1.TemplateMetadata{AnnotationsFrom: `{{ dict "x" .env | toJson }}`}, texts{}, texts{"x": "staging"}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := renderedMetadata(content, test.metadata)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.labels, made.Labels) + cmp.Diff(test.annotations, made.Annotations); diff != "" {
				t.Error(diff)
			}
			if len(made.Data) != 5 {
				t.Errorf("there are %d keys", len(made.Data))
			}
		})
	}
}

// TestMetadataReadsTheSources: not the keys of templates, which come later.
func TestMetadataReadsTheSources(t *testing.T) {
	value := source.TextValue(`{"env":"source"}`)
	spec := &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{
		MergePolicy: v1alpha1.TemplateMergeReplace, Data: map[string]string{"env": "template"},
		Metadata: &v1alpha1.TemplateMetadata{Labels: map[string]string{"env": "{{ .env }}"}},
	}}
	made, err := Render(newWork(), spec, Inputs{Source: &value})
	if err != nil || made.Labels["env"] != "source" || string(made.Data["env"]) != "template" || len(made.Data) != 1 {
		t.Errorf("%v, %v, %v", made.Labels, asText(made.Data), err)
	}
}

// TestMetadataRefuses: what no Secret may have, and what grants more than a Secret. Messages quote nothing of the values,
// not even names of labels.
func TestMetadataRefuses(t *testing.T) {
	labels := func(name, template string) v1alpha1.TemplateMetadata {
		return v1alpha1.TemplateMetadata{Labels: map[string]string{name: template}}
	}
	labelsFrom, annotationsFrom := v1alpha1.TemplateMetadata{LabelsFrom: "{{ .v }}"}, v1alpha1.TemplateMetadata{AnnotationsFrom: "{{ .v }}"}
	const policy, failed = v1alpha1.ReasonPolicyDenied, v1alpha1.ReasonTemplateFailed
	many := func(count, size int) string {
		var entries []string
		for i := range count {
			entries = append(entries, fmt.Sprintf(`"a%d":%q`, i, strings.Repeat("x", size)))
		}
		return "{" + strings.Join(entries, ",") + "}"
	}
	for name, test := range map[string]struct {
		metadata v1alpha1.TemplateMetadata
		v        string
		reason   string
		mentions []string
	}{
		"owner=helm":                 {labelsFrom, `{"owner":"helm"}`, policy, []string{"labelsFrom: entry 1 of 1", "Helm"}},
		"owner=helm, single":         {labels("owner", "{{ .v }}"), `"helm"`, policy, []string{`labels["owner"]`, "Helm"}},
		"the operator's label":       {labelsFrom, `{"a":"b","secretsync.dev/hunter2":"x"}`, policy, []string{"entry 2 of 2", "under secretsync.dev/"}},
		"the operator's annotation":  {annotationsFrom, `{"secretsync.dev/merge-from":"*"}`, policy, []string{"annotationsFrom: entry 1 of 1", "under secretsync.dev/"}},
		"an account's annotation":    {annotationsFrom, `{"kubernetes.io/service-account.hunter2":"x"}`, policy, []string{"issues tokens"}},
		"a name in capitals":         {labelsFrom, `{"Hunter2.example/hunter2":"x"}`, failed, []string{"entry 1 of 1", "lower-case"}},
		"a name that none can have":  {annotationsFrom, `{"hunter2 hunter2":"x"}`, failed, []string{"entry 1 of 1", "Kubernetes does not allow"}},
		"a value that none can have": {labelsFrom, `{"a":"hunter2!"}`, failed, []string{"entry 1 of 1", "no label can have", "annotation"}},
		"a value that is too long":   {labels("example.com/a", "{{ .v }}"), `"` + strings.Repeat("x", 64) + `"`, failed, []string{`labels["example.com/a"]`, "63"}},
		"a name in spec":             {labels("a b", "x"), `""`, failed, []string{`labels["a b"]`, "Kubernetes does not allow"}},
		"bytes that are not UTF-8":   {v1alpha1.TemplateMetadata{Annotations: map[string]string{"a": "{{ b64dec .v }}"}}, `"//8="`, failed, []string{`annotations["a"]`, "UTF-8"}},
		"a list":                     {labelsFrom, `["hunter2"]`, failed, []string{"spec.template.metadata.labelsFrom: the result: is a list", "map is needed"}},
		"a text":                     {labelsFrom, `"hunter2"`, failed, []string{"is a text"}},
		"a nested map":               {labelsFrom, `{"a":1,"hunter2":{"hunter2":1}}`, failed, []string{"a map as entry 2 of 2"}},
		"null":                       {annotationsFrom, `{"hunter2":null}`, failed, []string{"null as entry 1 of 1"}},
		"what is not YAML":           {labelsFrom, `"a: [hunter2"`, failed, []string{"labelsFrom: the result: the value is not YAML"}},
		"too many":                   {labelsFrom, many(65, 1), failed, []string{"65 entries", "64"}},
		"too large":                  {annotationsFrom, many(64, 511), v1alpha1.ReasonTargetTooLarge, []string{"spec.template.metadata", "32768"}},
		"a template that fails":      {labels("example.com/a", "{{ .none }}"), `"hunter2"`, failed, []string{`spec.template.metadata.labels["example.com/a"]: line 1, column`, `"none"`}},
		"a map's that fails":         {v1alpha1.TemplateMetadata{LabelsFrom: "{{ .none }}"}, `"hunter2"`, failed, []string{"spec.template.metadata.labelsFrom: line 1"}},
		"a template that is none":    {labels("example.com/a", "{{"), `"hunter2"`, failed, []string{`spec.template.metadata.labels["example.com/a"]: line 1`}},
		"work without end":           {v1alpha1.TemplateMetadata{LabelsFrom: `{{ range 1000000000 }}{{ .v }}{{ end }}`}, `"x"`, failed, []string{"spec.template.metadata.labelsFrom"}},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := renderedMetadata(`{"v":`+test.v+`}`, test.metadata)
			wantRefusal(t, err, test.reason, test.mentions...)
			if strings.Contains(strings.ToLower(err.Error()), marker) || made.Labels != nil || made.Data != nil {
				t.Errorf("%v, with %d keys", err, len(made.Data))
			}
		})
	}
}
