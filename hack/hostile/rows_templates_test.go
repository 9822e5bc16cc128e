package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// templates is a spec of one secret with n templates of the same text.
func templates(id string, n int, text string) v1alpha1.SecretSyncSpec {
	spec := whole(id)
	spec.Template = &v1alpha1.Template{Data: map[string]string{}, MergePolicy: v1alpha1.TemplateMergeReplace}
	for i := range n {
		spec.Template.Data[fmt.Sprintf("t-%d", i)] = text
	}
	return spec
}

func templateRow(name string, n int, content string, each int, text string, ends ...string) row {
	return row{name: name, ends: ends, attack: attackOf(n, content, func(id string, _ int) v1alpha1.SecretSyncSpec { return templates(id, each, text) })}
}

func TestBesideTemplates(t *testing.T) {
	const synced, failed = v1alpha1.ReasonSynced, v1alpha1.ReasonTemplateFailed
	large := fields(1, 60_000)
	beside(t, newSetup(t), []row{
		templateRow("template, loops", 40, large, 1, `{{ range 1000 }}{{ range 1000 }}{{ $x := 1 }}{{ end }}{{ end }}`, failed),
		templateRow("template, copies of large values", 40, large, 1,
			`{{ $v := index . "field-0" }}{{ $v := repeat 17 $v }}{{ range 1000 }}{{ $w := upper $v }}{{ end }}`, failed),
		templateRow("template, lists that are held", 40, large, 1,
			`{{ $v := index . "field-0" }}{{ $l := list }}{{ range 5000 }}{{ $l = append $l (upper $v) }}{{ end }}{{ len $l }}`, failed),
		templateRow("template, maps in maps", 40, large, 1,
			`{{ $m := dict "a" (index . "field-0") }}{{ range 90 }}{{ $m = dict "a" $m "b" $m }}{{ end }}{{ toJson $m }}`, failed),
		templateRow("template, texts that double", 40, large, 1,
			`{{ $v := "x" }}{{ range 40 }}{{ $v = print $v $v }}{{ end }}`, failed),
		templateRow("template, itself", 40, large, 1, `{{ define "a" }}{{ template "a" . }}{{ template "a" . }}{{ end }}{{ template "a" . }}`, failed),
		templateRow("template, htpasswd", 30, large, 256, `{{ htpasswd "user" (index . "field-0" | trunc 500) "abcdefgh" }}`, failed),
		templateRow("template, 1 MiB of output", 10, large, 16, `{{ index . "field-0" }}`, synced),
		refusing(templateRow("template, as long as it may be", 20, fields(1, 10), 2, strings.Repeat(`{{ "" }}x`, 7000), synced, failed),
			"all templates may have at most 131072 characters", func(spec *v1alpha1.SecretSyncSpec) {
				spec.Template = templates("", 3, strings.Repeat("x", 60_000)).Template
			}),
		templateRow("template, JSON of large values", 40, `{"a":[`+strings.Repeat("[],", 20_000)+`1]}`, 64, `{{ .a | fromJson | toYaml | fromYaml | toPrettyJson | len }}`, failed),
	})
}
