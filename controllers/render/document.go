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

// document is a JSON object or list whose parts keep the text they were written in.
type document struct {
	raw json.RawMessage
	// fields is nil for a list.
	fields map[string]json.RawMessage
	// unclear says of fields why they must not be taken: JSON that programs read in different ways.
	unclear map[string]string
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
	// below are the objects and lists in them that paths have led through, by their first byte.
	below map[*byte]*document
	work  Work
}

func newDocuments(work Work) documents {
	return documents{values: map[*source.Value]*parsed{}, below: map[*byte]*document{}, work: work}
}

func parsing(content []byte) string { return fmt.Sprintf("reading %d bytes of JSON", len(content)) }

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
	if err := d.work.spend(wish.String(), parsing(value.Bytes()), parsePrice*len(value.Bytes())); err != nil {
		return nil, err
	}
	opened, err := parseDocument(value.Bytes())
	if value.Binary() && (err != nil || !utf8.Valid(value.Bytes())) {
		return nil, invalid("%s, but the secret is binary and not a JSON object: %s", wish, wish.remedy())
	}
	if err != nil {
		return nil, invalid("%s, but the secret's value is not a JSON object (%s): %s, or fix the value in AWS", wish, err, wish.remedy())
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

// into opens a part of a document, as often as paths lead through it by the work of once. It gives nothing for what is
// neither an object nor a list.
func (d documents) into(raw json.RawMessage, wish wish) (*document, error) {
	raw = bytes.TrimLeft(raw, jsonBlanks)
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return nil, nil
	}
	if known := d.below[&raw[0]]; known != nil {
		return known, nil
	}
	// A part of valid JSON is valid.
	if err := d.work.spend(wish.String(), parsing(raw), len(raw)); err != nil {
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

// begins says whether that is the first character that is not blank.
func begins(content []byte, first byte) bool {
	trimmed := bytes.TrimLeft(content, jsonBlanks)
	return len(trimmed) > 0 && trimmed[0] == first
}

// parseObject reads a JSON object. Errors say what stands there in its place.
func parseObject(content []byte) (*document, error) {
	if !isObject(content) {
		return nil, errors.New(objectFlaw(content))
	}
	return readDocument(content), nil
}

// unclearFields finds the fields of an object that are there twice, or whose name or text has half of a pair of
// escapes: encoding/json takes the last one, and replaces the half by U+FFFD.
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
func (d *document) clear(who, name string) error {
	if why := d.unclear[name]; why != "" {
		return invalid("%s: the JSON field %s of the secret's value %s, which programs read in different ways: fix the value in AWS", who, shown(name), why)
	}
	return nil
}

const errOtherKind = "it is another kind of JSON value"

// syntax says where a text is not JSON, by an offset and no content: what encoding/json says of a syntax error quotes
// the character it met.
func syntax(content []byte) error {
	if json.Valid(content) {
		return nil
	}
	return errors.New(jsonFlaw(content))
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
