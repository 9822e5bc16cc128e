package render

import (
	"bytes"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// wholeKey is the key of a value that is not a JSON object.
const wholeKey = "value"

// Render makes the keys. With a list of keys it fills exactly those, or fails. Without one, a JSON
// object gives one key per field, and every other text and every binary gives the key "value".
//
// A text that begins like a JSON object but is none is refused, so that a slip in an edit does not
// change the shape of a Secret that programs rely on.
//
// The bytes of the keys are those of the value where they can be; the caller must not change them.
// Errors are of type *Error.
func Render(value source.Value, keys []v1alpha1.DataKey) (map[string][]byte, error) {
	if len(value.Bytes()) == 0 {
		return nil, invalid("the secret's value is empty: put a value into it in AWS")
	}
	if len(keys) > 0 {
		return renderKeys(value, keys)
	}
	if !looksLikeObject(value) {
		return map[string][]byte{wholeKey: value.Bytes()}, nil
	}
	return renderFields(value)
}

func looksLikeObject(value source.Value) bool {
	return !value.Binary() && bytes.HasPrefix(bytes.TrimLeft(value.Bytes(), " \t\r\n"), []byte("{"))
}

func renderFields(value source.Value) (map[string][]byte, error) {
	fields, err := parseObject(value.Bytes())
	if err != nil {
		return nil, invalid("the secret's value begins like a JSON object but is not valid JSON (%s): "+
			"mend it in AWS, or, if it is plain text, list its key under spec.data without a property", err)
	}
	if len(fields) == 0 {
		return nil, invalid("the secret's value is a JSON object without fields: put a field into it in AWS")
	}
	data := make(map[string][]byte, len(fields))
	// In order, so that of several such names it is always the same one that the error names.
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if problems := validation.IsConfigMapKey(name); len(problems) > 0 {
			return nil, invalid("the JSON field %s can't be the name of a key in a Secret: "+
				"list the keys wanted under spec.data and name the field as property", shown(name))
		}
		data[name] = text(fields[name])
	}
	return data, nil
}

func renderKeys(value source.Value, keys []v1alpha1.DataKey) (map[string][]byte, error) {
	data := make(map[string][]byte, len(keys))
	var object *object
	for _, key := range keys {
		if key.Property == "" {
			data[key.Key] = value.Bytes()
			continue
		}
		if object == nil {
			parsed, err := openObject(value, key)
			if err != nil {
				return nil, err
			}
			object = parsed
		}
		raw, err := object.find(key)
		if err != nil {
			return nil, err
		}
		data[key.Key] = text(raw)
	}
	return data, nil
}
