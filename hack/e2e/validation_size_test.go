package e2e

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestValidationBoundsTheSize tests specs with parts of the maximum size, and slightly larger ones.
func TestValidationBoundsTheSize(t *testing.T) {
	text := func(length int) string { return strings.Repeat("x", length) }
	names := func(count, length int) (all []string) {
		for n := range count {
			all = append(all, fmt.Sprintf("%04d", n)+text(length-4))
		}
		return all
	}
	data := func(count, length int) (all []v1alpha1.DataKey) {
		for _, key := range names(count, 8) {
			all = append(all, v1alpha1.DataKey{Key: key, Property: text(length - 8)})
		}
		return all
	}
	from := func(count, length int) []v1alpha1.DataFrom {
		return []v1alpha1.DataFrom{{Include: names(count, length)}, {Find: &v1alpha1.Find{NamePattern: "a"}, Exclude: names(count, length),
			Rename: []v1alpha1.Rename{{Match: "a", Replace: "b"}}}}
	}
	guards := func(count, length int) *v1alpha1.Guards {
		made := &v1alpha1.Guards{RequiredKeys: names(count, 250)}
		for _, key := range names(64, 8) {
			made.Keys = append(made.Keys, v1alpha1.KeyGuard{Key: key, Pattern: text(length)})
		}
		return made
	}
	metadata := func(template string) v1alpha1.SecretSyncSpec {
		from := template[:16384]
		return v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{
			Labels: map[string]string{"a": template}, LabelsFrom: from, Annotations: map[string]string{"a": text(32767)}, AnnotationsFrom: from}}}
	}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		refused string
	}{
		"templates": {v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"a": text(65536), "b": text(65536)}}}, ""},
		"a template": {v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"a": text(65537)}}},
			"a template may have at most 65536 characters"},
		"templates that are too large": {v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"a": text(65536), "b": text(65536), "c": "x"}}},
			"all templates may have at most 131072 characters together"},
		"data":                {v1alpha1.SecretSyncSpec{Data: data(512, 256)}, ""},
		"data that is large":  {v1alpha1.SecretSyncSpec{Data: data(512, 257)}, "spec.data may have at most 131072 characters together"},
		"names":               {v1alpha1.SecretSyncSpec{DataFrom: from(256, 126)}, ""},
		"names that are long": {v1alpha1.SecretSyncSpec{DataFrom: from(256, 129)}, "spec.dataFrom may have at most 65536 characters together"},
		"guards":              {v1alpha1.SecretSyncSpec{Guards: guards(100, 600)}, ""},
		"guards that are large": {v1alpha1.SecretSyncSpec{Guards: guards(100, 1000)},
			"spec.guards may have at most 65536 characters together"},
		"annotations": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Annotations: map[string]v1alpha1.AnnotationValue{"a": v1alpha1.AnnotationValue(text(16384)), "b": v1alpha1.AnnotationValue(text(16382))}}}, ""},
		"annotations that are large": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Annotations: map[string]v1alpha1.AnnotationValue{"a": v1alpha1.AnnotationValue(text(16384)), "b": v1alpha1.AnnotationValue(text(16383))}}},
			"all target.annotations may have at most 32768 characters together"},
		"an annotation":     {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Annotations: map[string]v1alpha1.AnnotationValue{"a": v1alpha1.AnnotationValue(text(16385))}}}, "spec.target.annotations.a: Too long: may not be more than 16384"},
		"a label":           {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{"a": v1alpha1.LabelValue(text(64))}}}, "spec.target.labels.a: Too long: may not be more than 63"},
		"a label's key":     {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{text(318): "a"}}}, "a label's key may have at most 317 characters"},
		"rendered metadata": {metadata(text(32767)), ""}, "rendered metadata that is large": {metadata(text(32768)), "all of template.metadata.labels 32768"},
		"a tag":        {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{Tags: map[string]string{"a": text(257)}}}}}, "a tag's key may have at most 128 characters, and its value 256"},
		"tags of AWS'": {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{Tags: map[string]string{text(128): text(256)}}}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.spec.Source.SecretID = "a"
			secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "sized"}, Spec: test.spec}
			err := shared.Client.Create(t.Context(), secretSync, client.DryRunAll)
			if test.refused == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
				t.Errorf("got %v, want a refusal that says %q", err, test.refused)
			}
		})
	}
}
