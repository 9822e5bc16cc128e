package render

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// wholeKey is the key of a value that is not a JSON object.
const wholeKey = "value"

// Inputs are the source values of the entries of a spec, in the order of the spec.
type Inputs struct {
	// Source is the value of spec.source. It is nil if no entry reads it, or if it is optional and does not exist.
	Source *source.Value
	// Data has the value of each entry of spec.data; nil if the secret or version of an optional entry does not exist.
	// A value is parsed once for all entries that share its pointer.
	Data []*source.Value
	// DataFrom has the secrets of each entry of spec.dataFrom: one for a source, any number for find, none if an
	// optional one does not exist.
	DataFrom [][]NamedValue
	// SyncedKeys are the keys of the last sync by the same spec. They are empty if there was none, or if the spec was
	// edited since.
	SyncedKeys []string
}

// NamedValue is a value with the name of its secret in AWS, without the suffix of the ARN.
type NamedValue struct {
	Name  string
	Value source.Value
}

// Rendered is what Render makes.
type Rendered struct {
	// Data are the keys.
	Data map[string][]byte
	// Labels and Annotations are those of spec.template.metadata.
	Labels, Annotations map[string]string
	// Nulls are the keys that are empty because of a null in AWS, sorted, unless their entry allows this (CheckNulls).
	Nulls []string
}

// Render makes the keys, and labels and annotations. With data and dataFrom, it makes all keys that they list, or fails. template overrides data,
// and data overrides dataFrom. Without data and dataFrom, a JSON object gives a key for each field; any other text and
// any binary gives the key "value".
//
// These are refused, so that a mistake in AWS does not change the shape of a Secret that programs rely on: a text that
// begins like a JSON object but is none; a value that is no JSON object if the keys of one were synced (reason
// ValueRejected); inputs that give no key at all.
//
// The keys share the bytes of the values if possible; the caller must not change them. Errors are of type *Error,
// except those of the context of the work, and of the function that lets heavy work begin.
func Render(work Work, spec *v1alpha1.SecretSyncSpec, inputs Inputs) (Rendered, error) {
	if err := work.weigh(inputs.size()); err != nil {
		return Rendered{}, err
	}
	held := nulls{}
	data, err := renderSources(work, spec, inputs, held)
	if err != nil {
		return Rendered{}, err
	}
	made, err := renderTemplates(work, spec.Template, data)
	if refusal, ok := errors.AsType[*Error](err); ok && readsWhole(spec) && !looksLikeObject(inputs.Source) {
		refusal.Message += "; the secret's value is not a JSON object (" + wholeFlaw(inputs.Source) + ")"
	}
	made.Nulls = held.in(made.Data)
	return made, err
}

// renderTemplates makes what spec.template asks for. Metadata comes first: it reads the keys of the sources.
func renderTemplates(work Work, spec *v1alpha1.Template, data map[string][]byte) (Rendered, error) {
	labels, annotations, err := renderMetadata(work, spec, data)
	if err != nil {
		return Rendered{}, err
	}
	made, err := renderTemplate(work, spec, data)
	if err != nil {
		return Rendered{}, err
	}
	return Rendered{Data: made, Labels: labels, Annotations: annotations}, nil
}

// readsWhole says whether the keys are those of spec.source as a whole.
func readsWhole(spec *v1alpha1.SecretSyncSpec) bool {
	return len(spec.Data) == 0 && len(spec.DataFrom) == 0
}

func renderSources(work Work, spec *v1alpha1.SecretSyncSpec, inputs Inputs, held nulls) (map[string][]byte, error) {
	if readsWhole(spec) {
		if err := checkWhole(spec, inputs.Source, inputs.SyncedKeys); err != nil {
			return nil, err
		}
		return renderWhole(work, inputs.Source, held)
	}
	return renderEntries(work, spec, inputs, held)
}

// renderEntries makes the keys of dataFrom and data; data overrides dataFrom.
func renderEntries(work Work, spec *v1alpha1.SecretSyncSpec, inputs Inputs, held nulls) (map[string][]byte, error) {
	opened := newDocuments(work, held)
	data, err := opened.renderFrom(spec.DataFrom, inputs.DataFrom)
	if err != nil {
		return nil, err
	}
	if err := opened.renderKeys(spec.Data, inputs.Data, data); err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, invalid("there is nothing to write: no entry of spec.data and spec.dataFrom gives a key; " +
			"correct them, or put into AWS what they look for")
	}
	return data, nil
}

func renderWhole(work Work, value *source.Value, held nulls) (map[string][]byte, error) {
	if value == nil {
		return nil, invalid("there is nothing to write: no value was read for spec.source")
	}
	if len(value.Bytes()) == 0 {
		return nil, invalid("the secret's value is empty: put a value into it in AWS")
	}
	if wholeNull(value) {
		return nil, errWholeNull("spec.source")
	}
	if !looksLikeObject(value) {
		return map[string][]byte{wholeKey: value.Bytes()}, nil
	}
	if err := work.spend("spec.source", parsing(value.Bytes()), parsePrice*len(value.Bytes())); err != nil {
		return nil, err
	}
	return renderFields(value, held)
}

func looksLikeObject(value *source.Value) bool {
	return !value.Binary() && bytes.HasPrefix(bytes.TrimLeft(value.Bytes(), jsonBlanks), []byte("{"))
}

func renderFields(value *source.Value, held nulls) (map[string][]byte, error) {
	object, err := parseObject(value.Bytes())
	if err != nil {
		return nil, invalid("the secret's value begins like a JSON object but is not valid JSON (%s): "+
			"fix it in AWS, or, if it is plain text, list its key under spec.data without a property", err)
	}
	if len(object.fields) == 0 {
		return nil, invalid("the secret's value is a JSON object without fields: put a field into it in AWS")
	}
	data := make(map[string][]byte, len(object.fields))
	// In order, so that the error always names the same field.
	for _, name := range slices.Sorted(maps.Keys(object.fields)) {
		if problems := validation.IsConfigMapKey(name); len(problems) > 0 {
			return nil, invalid("the JSON field %s can't be the name of a key in a Secret: "+
				"list the keys wanted under spec.data and name the field as property, or take the secret by spec.dataFrom with a conversion", shown(name))
		}
		if err := object.clear("spec.source", name); err != nil {
			return nil, err
		}
		data[name] = held.note(name, v1alpha1.NullHold, text(object.fields[name]))
	}
	return data, nil
}
