package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// allow is the advice on how to remove the keys intentionally.
const allow = "fix the value in AWS, or, if the new one is meant, %s (an edit of the spec allows it)"

// checkWhole refuses a value that is not a JSON object if the keys of a JSON object were synced: a single mistake in
// AWS, such as a byte order mark, would replace them all by the key "value". synced are the keys of the last sync by
// the same spec.
func checkWhole(spec *v1alpha1.SecretSyncSpec, value *source.Value, synced []string) error {
	fields := slices.DeleteFunc(slices.Clone(synced), func(key string) bool { return notFromValue(spec, synced, key) })
	if len(fields) == 0 || slices.Equal(fields, []string{wholeKey}) || value == nil || len(value.Bytes()) == 0 || looksLikeObject(value) {
		return nil
	}
	return rejected("the secret's value was a JSON object at the last sync and is none now (%s): the keys %s would be replaced by the single key %q: "+allow,
		wholeFlaw(value), listed(fields), wholeKey, fmt.Sprintf("list it under spec.data, as in {key: %s}", wholeKey))
}

// notFromValue says whether a key is no field of the value: it comes from a template, or has a previous value.
func notFromValue(spec *v1alpha1.SecretSyncSpec, synced []string, key string) bool {
	if spec.Template != nil {
		if _, made := spec.Template.Data[key]; made {
			return true
		}
	}
	if spec.KeepPrevious == nil {
		return false
	}
	suffix := spec.KeepPrevious.Suffix
	if suffix == "" {
		suffix = previousSuffix
	}
	of, former := strings.CutSuffix(key, suffix)
	return former && slices.Contains(synced, of)
}

// wholeFlaw describes a value that is not a JSON object.
func wholeFlaw(value *source.Value) string {
	content := value.Bytes()
	switch {
	case value.Binary() && isObject(content):
		return "it is stored as binary, in which no JSON is looked for"
	case value.Binary():
		return "it is binary"
	}
	around := wrapping(content, isObject, "the JSON object")
	switch {
	case len(strings.TrimSpace(string(content))) == 0:
		return "it is blank"
	case around != "":
		return around
	case !json.Valid(content) && !plainJSON(content):
		return "it is plain text"
	}
	return jsonFlaw(content)
}

// CheckKeysRemain refuses keys of which none was synced last by the same spec. Every key that programs read would be
// removed, for example because of an empty object, renamed fields or secrets, or another kind of value. synced are the
// keys of that sync, without those of before a rotation; empty if the spec is new. Errors are of type *Error, with
// reason ValueRejected.
func CheckKeysRemain(data map[string][]byte, synced []string) error {
	if len(synced) == 0 || slices.ContainsFunc(synced, func(key string) bool { _, stays := data[key]; return stays }) {
		return nil
	}
	return rejected("every key of the last sync would be removed (%s), and others would take their place: "+allow,
		listed(synced), "change the spec, for example by listing the keys under spec.data")
}

// listed names keys, the first ones of many.
func listed(keys []string) string {
	if len(keys) > namesShown {
		return fmt.Sprintf("%s and %d more", strings.Join(keys[:namesShown], ", "), len(keys)-namesShown)
	}
	return strings.Join(keys, ", ")
}
