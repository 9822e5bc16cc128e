package render

import (
	"errors"
	"maps"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render/template"
)

// renderTemplate makes the keys of spec.template from those of the sources, and adds them, or, with mergePolicy
// Replace, replaces the keys of the sources. A template's key overrides the same key of a source.
func renderTemplate(work Work, spec *v1alpha1.Template, data map[string][]byte) (map[string][]byte, error) {
	if spec == nil {
		return data, nil
	}
	made, err := template.Execute(work.Budget, spec.Data, data)
	if failed, ok := errors.AsType[*template.Error](err); ok {
		return nil, &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: failed.Error()}
	}
	if dear, ok := errors.AsType[*pattern.Exceeded](err); ok {
		return nil, &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: "spec.template.data: " + dear.Error(), cause: err}
	}
	if err != nil {
		return nil, err
	}
	if spec.MergePolicy != v1alpha1.TemplateMergeReplace {
		maps.Copy(data, made)
		return data, nil
	}
	return made, nil
}
