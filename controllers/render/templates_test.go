package render

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestTemplatesComeLast(t *testing.T) {
	secret := source.TextValue(`{"user":"app","password":"p@ss","url":"former"}`)
	templates := map[string]string{"url": "postgres://{{ .user }}:{{ .password | urlquery }}@db"}
	for name, test := range map[string]struct {
		merge v1alpha1.TemplateMerge
		want  map[string]string
	}{
		"beside the keys of the sources, before one of the same name": {"", map[string]string{"user": "app", "password": "p@ss", "url": "postgres://app:p%40ss@db"}},
		"instead of them": {v1alpha1.TemplateMergeReplace, map[string]string{"url": "postgres://app:p%40ss@db"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: templates, MergePolicy: test.merge}}
			data, err := renderData(newWork(), spec, Inputs{Source: &secret})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for key, value := range data {
				got[key] = string(value)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATemplateThatFailsSaysSo(t *testing.T) {
	secret := source.TextValue(`{"password":"hunted-value"}`)
	spec := &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"url": "{{ .pasword }}"}}}
	_, err := renderData(newWork(), spec, Inputs{Source: &secret})
	failed, ok := errors.AsType[*Error](err)
	if !ok || failed.Reason != v1alpha1.ReasonTemplateFailed {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{`spec.template.data["url"]`, "line 1", `"pasword"`, `"password"`} {
		if !strings.Contains(failed.Message, part) {
			t.Errorf("the message %q does not mention %s", failed.Message, part)
		}
	}
	if strings.Contains(failed.Message, "hunted") {
		t.Error("the message quotes a value")
	}
}
