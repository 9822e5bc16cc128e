package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render/jmespath"
	"github.com/secretsync/secretsync/controllers/source"
)

// document is a JSON object or list whose parts keep the text they were written in.
type document struct {
	raw json.RawMessage
	// fields is nil for a list.
	fields map[string]json.RawMessage
	// items is nil for an object.
	items []json.RawMessage
}

// parsed is what was made of one value, each part when it was first wanted.
type parsed struct {
	document *document
	tree     *jmespath.Document
}

// documents remembers what was parsed, so that a value is parsed once however many keys are taken from it.
type documents struct {
	values map[*source.Value]*parsed
	// work is what all JMESPath expressions of a spec may be together.
	work *jmespath.Budget
}

func newDocuments() documents {
	return documents{values: map[*source.Value]*parsed{}, work: jmespath.NewBudget()}
}

func (d documents) of(value *source.Value) *parsed {
	if d.values[value] == nil {
		d.values[value] = &parsed{}
	}
	return d.values[value]
}

// wish says who wants which property, for errors.
type wish struct {
	// who is a key, or an entry of spec.dataFrom with its secret.
	who string
	// property is empty where all fields are wanted.
	property string
}

func (w wish) String() string {
	if w.property == "" {
		return w.who + " wants the fields"
	}
	return fmt.Sprintf("%s wants property %q", w.who, w.property)
}

// remedy is how to do without the wish.
func (w wish) remedy() string {
	if w.property == "" {
		return "take the value as one key under spec.data"
	}
	return "remove the property to take the whole value"
}

// open parses a value into which somebody wants to look. A binary is looked into where it is a JSON document.
func (d documents) open(value *source.Value, wish wish) (*document, error) {
	known := d.of(value)
	if known.document != nil {
		return known.document, nil
	}
	opened, err := parseDocument(value.Bytes())
	if value.Binary() && (err != nil || !utf8.Valid(value.Bytes())) {
		return nil, invalid("%s, but the secret is binary and not a JSON object: %s", wish, wish.remedy())
	}
	if err != nil {
		return nil, invalid("%s, but the secret's value is not a JSON object (%s): %s, or mend the value in AWS", wish, err, wish.remedy())
	}
	known.document = opened
	return opened, nil
}

// tree parses a value for JMESPath.
func (d documents) tree(value *source.Value, entry v1alpha1.DataKey) (*jmespath.Document, error) {
	known := d.of(value)
	if known.tree != nil {
		return known.tree, nil
	}
	err := syntax(value.Bytes())
	if value.Binary() && (err != nil || !utf8.Valid(value.Bytes())) {
		return nil, invalid("key %q wants spec.data[%q].jmesPath, but the secret is binary and not JSON: remove jmesPath to take the whole value", entry.Key, entry.Key)
	}
	if err != nil {
		return nil, invalid("key %q wants spec.data[%q].jmesPath, but the secret's value is not JSON (%s): "+
			"remove jmesPath to take the whole value, or mend the value in AWS", entry.Key, entry.Key, err)
	}
	known.tree = jmespath.Parse(value.Bytes())
	return known.tree, nil
}

func parseDocument(content []byte) (*document, error) {
	if begins(content, '[') {
		var items []json.RawMessage
		if err := unmarshal(content, &items); err != nil {
			return nil, err
		}
		return &document{raw: content, items: items}, nil
	}
	fields, err := parseObject(content)
	if err != nil {
		return nil, err
	}
	return &document{raw: content, fields: fields}, nil
}

// begins says whether that is the first character that is not blank.
func begins(content []byte, first byte) bool {
	trimmed := bytes.TrimLeft(content, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == first
}

// parseObject reads a JSON object.
func parseObject(content []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := unmarshal(content, &fields); err != nil {
		return nil, err
	}
	if fields == nil { // What null leaves.
		return nil, errOtherKind()
	}
	return fields, nil
}

func errOtherKind() error { return errors.New("it is another kind of JSON value") }

// syntax says where a text is not JSON.
func syntax(content []byte) error {
	var whole json.RawMessage
	return unmarshal(content, &whole)
}

// unmarshal gives errors with an offset and no content: what encoding/json says of a syntax error quotes
// the character it met.
func unmarshal(content []byte, into any) error {
	err := json.Unmarshal(content, into)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("syntax error at byte %d", syntax.Offset)
	}
	if err != nil {
		return errOtherKind()
	}
	return nil
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
