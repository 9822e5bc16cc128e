package render

import (
	"maps"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render/template"
)

// renderTemplate makes the keys of spec.template from those of the sources, and adds them, or, with mergePolicy
// Replace, replaces the keys of the sources. A template's key overrides the same key of a source.
func renderTemplate(work Work, spec *v1alpha1.Template, data map[string][]byte) (map[string][]byte, error) {
	if spec == nil || len(spec.Data) == 0 {
		return data, nil
	}
	made, err := template.Execute(work.Budget, spec.Data, data)
	if err != nil {
		return nil, templateError("spec.template.data", err)
	}
	if spec.MergePolicy != v1alpha1.TemplateMergeReplace {
		maps.Copy(data, made)
		return data, nil
	}
	return made, nil
}
