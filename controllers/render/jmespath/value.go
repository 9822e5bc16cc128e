package jmespath

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/render/rawjson"
)

// Values of an expression are nil, bool, string, number, *listValue, *objectValue, and *reference as an argument of a
// function.
type (
	// number is a JSON number as it is written.
	number string
	// listValue and objectValue have their bytes in the document; computed ones have none.
	listValue struct {
		raw   []byte
		items []any
	}
	objectValue struct {
		raw    []byte
		fields map[string]any
		// misnamed says that a name has half of a pair of escapes.
		misnamed bool
	}
	// unclear is a value that programs read in different ways, with the reason. It may be part of a value that is taken
	// unchanged, but can't be evaluated.
	unclear string
)

const (
	fieldTwice = unclear("it looks at a field that is there more than once in its object, which programs read in different ways")
	halfPair   = unclear(`it looks at a text with a \u escape that is half of a pair, which programs read in different ways`)
)

// names are those of the fields, in order.
func (o *objectValue) names() []string { return slices.Sorted(maps.Keys(o.fields)) }

// Document is a JSON document to search in.
type Document struct{ root any }

// Parse reads a document. The content must be valid JSON, and must not change.
func Parse(content []byte) *Document {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	reader := valueReader{decoder: decoder, content: content}
	return &Document{root: reader.value()}
}

// valueReader builds values from tokens. Callers exclude content that is no JSON; it would give nulls.
type valueReader struct {
	decoder *json.Decoder
	content []byte
}

func (r *valueReader) value() any {
	token, err := r.decoder.Token()
	if err != nil {
		return nil
	}
	switch token := token.(type) {
	case json.Delim:
		start := r.decoder.InputOffset() - 1
		if token == '[' {
			items := r.items()
			return &listValue{raw: r.since(start), items: items}
		}
		made := &objectValue{fields: map[string]any{}}
		r.fields(made)
		made.raw = r.since(start)
		return made
	case json.Number:
		return number(token)
	case string:
		if strings.ContainsRune(token, '\uFFFD') && rawjson.HalfPair(lastString(r.content[:r.decoder.InputOffset()])) {
			return halfPair
		}
	}
	return token
}

// lastString is the JSON string that a content ends with.
func lastString(content []byte) []byte {
	for at := len(content) - 2; at >= 0; at-- {
		if content[at] != '"' {
			continue
		}
		backslashes := len(content[:at]) - len(bytes.TrimRight(content[:at], `\`))
		if backslashes%2 == 0 {
			return content[at:]
		}
	}
	return nil
}

func (r *valueReader) items() []any {
	items := []any{}
	for r.decoder.More() {
		items = append(items, r.value())
	}
	return items
}

func (r *valueReader) fields(into *objectValue) {
	for r.decoder.More() {
		name, ok := r.value().(string)
		value := r.value()
		switch _, twice := into.fields[name]; {
		case !ok:
			into.misnamed = true
		case twice:
			into.fields[name] = fieldTwice
		default:
			into.fields[name] = value
		}
	}
}

// since is the content from a position to the next closing bracket.
func (r *valueReader) since(start int64) []byte {
	if _, err := r.decoder.Token(); err != nil {
		return nil
	}
	return r.content[start:r.decoder.InputOffset()]
}

// truthy says whether JMESPath takes a value for true: all but null, false, and empty strings, lists and objects.
func truthy(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		return value != ""
	case *listValue:
		return len(value.items) > 0
	case *objectValue:
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
	case *listValue:
		return "array"
	case *objectValue:
		return "object"
	case unclear:
		return "unclear"
	}
	return "expression"
}

// size is about how much work it is to read a value once.
func size(value any) int {
	switch value := value.(type) {
	case string:
		return len(value)
	case number:
		return len(value)
	case *listValue:
		return len(value.items)
	case *objectValue:
		return len(value.fields)
	}
	return 0
}
