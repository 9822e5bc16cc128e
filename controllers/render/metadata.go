package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render/template"
)

const (
	// metadataMost is how many labels, and how many annotations, may be rendered; metadataBytes is how many bytes
	// rendered annotations may have together.
	metadataMost, metadataBytes = 64, 32 << 10

	metadataField = "spec.template.metadata"
	// ownPrefix begins the labels and annotations of the operator. Others of it let SecretSyncs merge keys into a Secret,
	// or take it over.
	ownPrefix = "secretsync.dev/"
	// accountPrefix begins the annotations by which Kubernetes issues tokens of ServiceAccounts.
	accountPrefix = "kubernetes.io/service-account."
	// Helm finds its releases by this label.
	helmLabel, helmOwner = "owner", "helm"
)

// metadataPart is spec.template.metadata, either its labels or its annotations.
type metadataPart struct {
	field     string
	templates map[string]string
	from      string
	// check says what is wrong with a rendered entry, or is empty. It quotes neither name nor value.
	check func(name, value string) string
}

// renderMetadata makes labels and annotations from the keys of the sources.
func renderMetadata(work Work, spec *v1alpha1.Template, data map[string][]byte) (labels, annotations map[string]string, err error) {
	if spec == nil || spec.Metadata == nil {
		return nil, nil, nil
	}
	metadata := spec.Metadata
	labels, err = metadataPart{metadataField + ".labels", metadata.Labels, metadata.LabelsFrom, checkLabel}.render(work, data)
	if err != nil {
		return nil, nil, err
	}
	annotations, err = metadataPart{metadataField + ".annotations", metadata.Annotations, metadata.AnnotationsFrom, checkAnnotation}.render(work, data)
	if err != nil {
		return nil, nil, err
	}
	size := 0
	for name, value := range annotations {
		size += len(name) + len(value)
	}
	if size > metadataBytes {
		return nil, nil, &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
			"the annotations that %s gives have more than %d bytes together: shorten them, or render keys by spec.template.data", metadataField, metadataBytes)}
	}
	return labels, annotations, nil
}

// render makes the entries of a part; those of single templates override those of the map.
func (p metadataPart) render(work Work, data map[string][]byte) (map[string]string, error) {
	made := map[string]string{}
	if p.from != "" {
		texts, err := template.ExecuteMap(work.Budget, p.from, data)
		if err != nil {
			return nil, templateError(p.field+"From", err)
		}
		for i, name := range slices.Sorted(maps.Keys(texts)) {
			// Names come from values, so none is quoted.
			at := fmt.Sprintf("%sFrom: entry %d of %d, in the order of their names", p.field, i+1, len(texts))
			if err := p.refuse(at, name, texts[name]); err != nil {
				return nil, err
			}
		}
		made = texts
	}
	texts, err := template.Execute(work.Budget, p.templates, data)
	if err != nil {
		return nil, templateError(p.field, err)
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := p.refuse(fmt.Sprintf("%s[%q]", p.field, name), name, string(texts[name])); err != nil {
			return nil, err
		}
		made[name] = string(texts[name])
	}
	if len(made) > metadataMost {
		return nil, &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: fmt.Sprintf("%s and %sFrom give %d entries together, more than %d: render fewer",
			p.field, p.field, len(made), metadataMost)}
	}
	return made, nil
}

// refuse refuses an entry that no Secret may have, or that grants more than a Secret.
func (p metadataPart) refuse(at, name, value string) error {
	if reserved := reservedMetadata(name, value); reserved != "" {
		return &Error{Reason: v1alpha1.ReasonPolicyDenied, Message: fmt.Sprintf("%s has %s: choose another name", at, reserved)}
	}
	if len(validation.IsQualifiedName(strings.ToLower(name))) > 0 {
		return &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: at + " has a name that Kubernetes does not allow: " +
			"letters, digits, '-', '_' and '.', 63 characters at most, after an optional DNS name and a slash"}
	}
	if flaw := p.check(name, value); flaw != "" {
		return &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: at + " " + flaw}
	}
	return nil
}

// reservedMetadata says what an entry is reserved for, or is empty.
func reservedMetadata(name, value string) string {
	switch {
	case strings.HasPrefix(name, ownPrefix):
		return "a name under " + ownPrefix + ", which the operator sets"
	case strings.HasPrefix(name, accountPrefix):
		return "a name under " + accountPrefix + ", by which Kubernetes issues tokens"
	case name == helmLabel && value == helmOwner:
		return "the name " + helmLabel + " and the value " + helmOwner + ", by which Helm finds its releases"
	}
	return ""
}

func checkLabel(name, value string) string {
	switch {
	case len(validation.IsQualifiedName(name)) > 0:
		return "has a name that Kubernetes does not allow: the DNS name before the slash has lower-case letters only"
	case len(validation.IsValidLabelValue(value)) > 0:
		return "gives a value that no label can have: letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, " +
			"63 characters at most; change it by replace or trunc, or use an annotation"
	}
	return ""
}

func checkAnnotation(_, value string) string {
	if !utf8.ValidString(value) {
		return "gives a value that is not UTF-8 text: encode it, for example by b64enc"
	}
	return ""
}

// templateError is the error of templates of a field.
func templateError(field string, err error) error {
	if failed, ok := errors.AsType[*template.Error](err); ok {
		failed.Field = field
		return &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: failed.Error()}
	}
	if dear, ok := errors.AsType[*pattern.Exceeded](err); ok {
		return &Error{Reason: v1alpha1.ReasonTemplateFailed, Message: field + ": " + dear.Error(), cause: err}
	}
	return err
}
