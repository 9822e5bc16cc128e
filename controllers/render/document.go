package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render/jmespath"
	"github.com/secretsync/secretsync/controllers/render/rawjson"
	"github.com/secretsync/secretsync/controllers/source"
)

// document is a JSON object or list whose parts keep their original text.
type document struct {
	raw json.RawMessage
	// fields is nil for a list.
	fields map[string]json.RawMessage
	// unclear has the fields that must not be taken, with the reason: JSON that programs read in different ways.
	unclear map[string]string
	// items is nil for an object.
	items []json.RawMessage
}

// parsedValue is a value as parsed so far; each part is parsed at its first use.
type parsedValue struct {
	document *document
	tree     *jmespath.Document
}

// documents caches what was parsed, so that a value is parsed once for all keys that are taken from it.
type documents struct {
	values map[*source.Value]*parsedValue
	// below are the objects and lists in them that paths go through, by the address of their first byte.
	below map[*byte]*document
	work  Work
	// held are the keys that null empties.
	held nulls
}

func newDocuments(work Work, held nulls) documents {
	return documents{values: map[*source.Value]*parsedValue{}, below: map[*byte]*document{}, work: work, held: held}
}

func parsing(content []byte) string { return fmt.Sprintf("reading %d bytes of JSON", len(content)) }

func (d documents) of(value *source.Value) *parsedValue {
	if d.values[value] == nil {
		d.values[value] = &parsedValue{}
	}
	return d.values[value]
}

// propertyRequest says which key or entry takes which property, for errors.
type propertyRequest struct {
	// requester is a key, or an entry of spec.dataFrom with its secret.
	requester string
	// property is empty if all fields are taken.
	property string
}

func (w propertyRequest) String() string {
	if w.property == "" {
		return w.requester + " wants the fields"
	}
	return fmt.Sprintf("%s wants property %q", w.requester, w.property)
}

// remedy is how to do without the request.
func (w propertyRequest) remedy() string {
	if w.property == "" {
		return "take the value as one key under spec.data"
	}
	return "remove the property to take the whole value"
}

// open parses a value whose fields are requested. A binary is parsed if it is a JSON document.
func (d documents) open(value *source.Value, request propertyRequest) (*document, error) {
	known := d.of(value)
	if known.document != nil {
		return known.document, nil
	}
	if err := d.work.spend(request.String(), parsing(value.Bytes()), parsePrice*len(value.Bytes())); err != nil {
		return nil, err
	}
	opened, err := parseDocument(value.Bytes())
	if value.Binary() && (err != nil || !utf8.Valid(value.Bytes())) {
		return nil, invalid("%s, but the secret is binary and not a JSON object: %s", request, request.remedy())
	}
	if err != nil {
		return nil, invalid("%s, but the secret's value is not a JSON object (%s): %s, or fix the value in AWS", request, err, request.remedy())
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
	field := fmt.Sprintf("spec.data[%q].jmesPath", entry.Key)
	if err := d.work.spend(field, parsing(value.Bytes()), 2*parsePrice*len(value.Bytes())); err != nil {
		return nil, err
	}
	err := syntax(value.Bytes())
	if value.Binary() && (err != nil || !utf8.Valid(value.Bytes())) {
		return nil, invalid("key %q wants %s, but the secret is binary and not JSON: remove jmesPath to take the whole value", entry.Key, field)
	}
	if err != nil {
		return nil, invalid("key %q wants %s, but the secret's value is not JSON (%s): "+
			"remove jmesPath to take the whole value, or fix the value in AWS", entry.Key, field, err)
	}
	known.tree = jmespath.Parse(value.Bytes())
	return known.tree, nil
}

func parseDocument(content []byte) (*document, error) {
	if begins(content, '[') {
		if !json.Valid(content) {
			return nil, errors.New(jsonFlaw(content))
		}
		return readDocument(content), nil
	}
	return parseObject(content)
}

// into parses a part of a document, once for all paths through it. It returns nil for what is neither an object nor a
// list.
func (d documents) into(raw json.RawMessage, request propertyRequest) (*document, error) {
	raw = bytes.TrimLeft(raw, jsonBlanks)
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return nil, nil
	}
	if known := d.below[&raw[0]]; known != nil {
		return known, nil
	}
	// A part of valid JSON is valid.
	if err := d.work.spend(request.String(), parsing(raw), len(raw)); err != nil {
		return nil, err
	}
	opened := readDocument(raw)
	d.below[&raw[0]] = opened
	return opened, nil
}

// readDocument reads an object or a list that is valid JSON.
func readDocument(content []byte) *document {
	if begins(content, '[') {
		return &document{raw: content, items: rawjson.Items(content)}
	}
	members := rawjson.Members(content)
	fields := make(map[string]json.RawMessage, len(members))
	for _, member := range members {
		fields[member.Name] = member.Value
	}
	return &document{raw: content, fields: fields, unclear: unclearFields(content, members, len(fields))}
}

// begins says whether the first character that is not blank is the one given.
func begins(content []byte, first byte) bool {
	trimmed := bytes.TrimLeft(content, jsonBlanks)
	return len(trimmed) > 0 && trimmed[0] == first
}

// parseObject reads a JSON object. Errors say what the content is instead.
func parseObject(content []byte) (*document, error) {
	if !isObject(content) {
		return nil, errors.New(objectFlaw(content))
	}
	return readDocument(content), nil
}

// unclearFields finds the fields of an object that occur twice, or whose name or text has half of a surrogate pair:
// encoding/json takes the last occurrence, and replaces the half by U+FFFD.
func unclearFields(content []byte, members []rawjson.Member, names int) map[string]string {
	if len(members) == names && !bytes.Contains(content, []byte(`\u`)) {
		return nil
	}
	unclear, known := map[string]string{}, map[string]bool{}
	for _, member := range members {
		switch {
		case known[member.Name]:
			unclear[member.Name] = "is there more than once"
		case rawjson.HalfPair(member.RawName):
			unclear[member.Name] = `has a name with a \u escape that is half of a pair`
		case begins(member.Value, '"') && rawjson.HalfPair(member.Value):
			unclear[member.Name] = `has a text with a \u escape that is half of a pair`
		}
		known[member.Name] = true
	}
	return unclear
}

// clear refuses a field that must not be taken.
func (d *document) clear(requester, name string) error {
	if why, unclear := d.unclear[name]; unclear {
		return invalid("%s: the JSON field %s of the secret's value %s, which programs read in different ways: fix the value in AWS", requester, shown(name), why)
	}
	return nil
}

const errOtherKind = "it is another kind of JSON value"

// syntax says where a text is not JSON, by an offset and without content: the error of encoding/json quotes a
// character.
func syntax(content []byte) error {
	if json.Valid(content) {
		return nil
	}
	return errors.New(jsonFlaw(content))
}

// text is a string's text, and nil for null; for everything else it is the JSON as it is written, digit for digit.
func text(raw json.RawMessage) []byte {
	raw = bytes.TrimSpace(raw)
	if string(raw) == jsonNull {
		return nil
	}
	var plain string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &plain) == nil {
		return []byte(plain)
	}
	return raw
}
