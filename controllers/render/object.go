package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// Bounds of what an error says about fields, as a message in a condition may have 32 KiB at most.
const (
	// namesShown is how many names of fields are listed.
	namesShown = 10
	// nameShown is how many bytes of each.
	nameShown = 100
)

// object is a JSON object whose fields keep the text they were written in.
type object struct{ fields map[string]json.RawMessage }

// openObject parses a value of which a key wants a property.
func openObject(value source.Value, key v1alpha1.DataKey) (*object, error) {
	if value.Binary() {
		return nil, invalid("key %q wants property %q, but the secret is binary: remove the property to take the whole value", key.Key, key.Property)
	}
	fields, err := parseObject(value.Bytes())
	if err != nil {
		return nil, invalid("key %q wants property %q, but the secret's value is not a JSON object (%s): "+
			"remove the property to take the whole value, or mend the value in AWS", key.Key, key.Property, err)
	}
	return &object{fields: fields}, nil
}

// find looks a property up: first as the literal name of a field, then as a path of names separated
// by dots.
func (o *object) find(key v1alpha1.DataKey) (json.RawMessage, error) {
	if raw, ok := o.fields[key.Property]; ok {
		return raw, nil
	}
	fields := o.fields
	steps := strings.Split(key.Property, ".")
	for i, step := range steps {
		raw, ok := fields[step]
		if !ok {
			return nil, notFound(key, steps[:i], fields)
		}
		if i == len(steps)-1 {
			return raw, nil
		}
		nested, err := parseObject(raw)
		if err != nil {
			return nil, notFound(key, steps[:i+1], nil)
		}
		fields = nested
	}
	return nil, notFound(key, nil, o.fields)
}

// notFound names the fields that there are, so that a misspelling is seen at a glance.
func notFound(key v1alpha1.DataKey, path []string, fields map[string]json.RawMessage) error {
	where := "the JSON object"
	if len(path) > 0 {
		where = shown(strings.Join(path, "."))
	}
	return &Error{Reason: v1alpha1.ReasonPropertyNotFound, Message: fmt.Sprintf(
		"key %q wants property %q, but %s has %s: correct the property, or add the field in AWS",
		key.Key, key.Property, where, names(fields))}
}

func names(fields map[string]json.RawMessage) string {
	if len(fields) == 0 {
		return "no fields"
	}
	var listed []string
	for _, name := range slices.Sorted(maps.Keys(fields))[:min(len(fields), namesShown)] {
		listed = append(listed, shown(name))
	}
	if more := len(fields) - len(listed); more > 0 {
		return fmt.Sprintf("only the fields %s and %d more", strings.Join(listed, ", "), more)
	}
	return "only the fields " + strings.Join(listed, ", ")
}

// shown quotes a name, so that it is seen where it ends, and cuts it where it is a text by itself.
func shown(name string) string {
	if len(name) > nameShown {
		name = strings.ToValidUTF8(name[:nameShown], "") + "…"
	}
	return strconv.Quote(name)
}

// parseObject reads a JSON object. Its errors give an offset and no content: what encoding/json says
// of a syntax error quotes the character it met.
func parseObject(content []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(content, &fields)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("syntax error at byte %d", syntax.Offset)
	}
	if err != nil || fields == nil {
		return nil, errors.New("it is another kind of JSON value")
	}
	return fields, nil
}

// text is a string's text, and for everything else the JSON as it stands, digit for digit.
func text(raw json.RawMessage) []byte {
	raw = bytes.TrimSpace(raw)
	var plain string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &plain) == nil {
		return []byte(plain)
	}
	return raw
}
