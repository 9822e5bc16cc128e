package jmespath

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Values of an expression are nil, bool, string, number, *list, *object, and *reference as an argument of a function.
type (
	// number is a JSON number as it is written.
	number string
	// list and object have the bytes that they stand in the document with; computed ones have none.
	list struct {
		raw   []byte
		items []any
	}
	object struct {
		raw    []byte
		fields map[string]any
	}
)

// names are those of the fields, in order.
func (o *object) names() []string { return slices.Sorted(maps.Keys(o.fields)) }

// Document is a JSON document to search in.
type Document struct{ root any }

// Parse reads a document. The content must be valid JSON, and must not change.
func Parse(content []byte) *Document {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	reader := reader{decoder: decoder, content: content}
	return &Document{root: reader.value()}
}

// reader builds values of tokens. Content that is no JSON, which callers exclude, ends in nulls.
type reader struct {
	decoder *json.Decoder
	content []byte
}

func (r *reader) value() any {
	token, err := r.decoder.Token()
	if err != nil {
		return nil
	}
	switch token := token.(type) {
	case json.Delim:
		start := r.decoder.InputOffset() - 1
		if token == '[' {
			items := r.items()
			return &list{raw: r.since(start), items: items}
		}
		fields := r.fields()
		return &object{raw: r.since(start), fields: fields}
	case json.Number:
		return number(token)
	}
	return token
}

func (r *reader) items() []any {
	items := []any{}
	for r.decoder.More() {
		items = append(items, r.value())
	}
	return items
}

func (r *reader) fields() map[string]any {
	fields := map[string]any{}
	for r.decoder.More() {
		name, _ := r.value().(string)
		fields[name] = r.value() // Of a name that is there twice, the last one counts, as everywhere in render.
	}
	return fields
}

// since is what stands from there to the closing bracket that is next.
func (r *reader) since(start int64) []byte {
	if _, err := r.decoder.Token(); err != nil {
		return nil
	}
	return r.content[start:r.decoder.InputOffset()]
}

// truthy is what JMESPath takes for true: everything but null, false, and empty strings, lists and objects.
func truthy(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		return value != ""
	case *list:
		return len(value.items) > 0
	case *object:
		return len(value.fields) > 0
	}
	return true
}

// kind is the name of a value's type in JMESPath.
func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case number:
		return "number"
	case *list:
		return "array"
	case *object:
		return "object"
	}
	return "expression"
}

// size is about how much work it is to look at a value once.
func size(value any) int {
	switch value := value.(type) {
	case string:
		return len(value)
	case number:
		return len(value)
	case *list:
		return len(value.items)
	case *object:
		return len(value.fields)
	}
	return 0
}
