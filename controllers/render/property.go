package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Bounds of what an error says about fields, as a message in a condition may have 32 KiB at most.
const (
	// namesShown is how many names of fields are listed.
	namesShown = 10
	// nameShown is how many bytes of each.
	nameShown = 100
	// indexDigits is how many digits an index has at most: AWS holds no list that long.
	indexDigits = 6
)

// gap is the place where a path ends too early.
type gap struct {
	// path leads to the gap; empty for the whole document.
	path string
	// at is the object or list there; nil if it is neither.
	at *document
	// unclear is the field at which the path ends because it must not be taken.
	unclear string
}

// failure is the error of a request that ends at the gap.
func (g *gap) failure(request propertyRequest) error {
	if g.unclear != "" {
		return g.at.clear(request.String(), g.unclear)
	}
	return notFound(request, g)
}

// find looks a property up: first as the name of a field, then as a path. The first name of a path may contain dots: if
// a path can be split in several ways, the shortest first name that matches is used.
func (o documents) find(d *document, request propertyRequest) (json.RawMessage, error) {
	if raw, ok := d.fields[request.property]; ok {
		return raw, d.clear(request.String(), request.property)
	}
	steps := strings.Split(request.property, ".")
	if d.fields == nil && !strings.HasPrefix(request.property, "[") {
		return nil, invalid("%s, but the secret's value is not a JSON object (it is a JSON array): begin the property with the number "+
			"of an item, as in \"[0].name\", or fix the value in AWS", request)
	}
	raw, missing, err := o.walk(d, steps, request)
	for length := 2; err == nil && missing != nil && missing.unclear == "" && length <= len(steps); length++ {
		first := strings.Join(steps[:length], ".")
		var found json.RawMessage
		var none *gap
		if found, none, err = o.walk(d, append([]string{first}, steps[length:]...), request); err == nil && none == nil {
			return found, nil
		}
		if none != nil && none.unclear != "" {
			missing = none
		}
	}
	switch {
	case err != nil:
		return nil, err
	case missing != nil:
		return nil, missing.failure(request)
	}
	return raw, nil
}

// walk follows a path to its end.
func (o documents) walk(d *document, steps []string, request propertyRequest) (json.RawMessage, *gap, error) {
	at := d
	for i, step := range steps {
		before := strings.Join(steps[:i], ".")
		// For the texts that are made here, besides the parsing.
		if err := o.work.spend(request.String(), "following the path", pathPrice+len(request.property)); err != nil {
			return nil, nil, err
		}
		raw, missing, err := o.step(at, step, before, request)
		if err != nil || missing != nil || i == len(steps)-1 {
			return raw, missing, err
		}
		below, err := o.into(raw, request)
		if err != nil {
			return nil, nil, err
		}
		if below == nil {
			return nil, &gap{path: strings.Join(steps[:i+1], ".")}, nil
		}
		at = below
	}
	return nil, &gap{at: d}, nil
}

// step goes to a field, and on to items of lists if numbers in brackets follow its name.
func (o documents) step(d *document, step, before string, request propertyRequest) (json.RawMessage, *gap, error) {
	if raw, ok := d.fields[step]; ok {
		return raw, d.gapAt(step, before), nil
	}
	name, indexes := cutIndexes(step)
	raw := d.raw
	if name != "" || len(indexes) == 0 {
		field, ok := d.fields[name]
		if !ok || len(indexes) == 0 {
			return nil, &gap{path: before, at: d}, nil
		}
		if missing := d.gapAt(name, before); missing != nil {
			return nil, missing, nil
		}
		raw = field
	}
	path := strings.TrimPrefix(before+"."+name, ".")
	for _, index := range indexes {
		list, err := o.into(raw, request)
		if err != nil {
			return nil, nil, err
		}
		if list == nil {
			return nil, &gap{path: path}, nil
		}
		at := index
		if at < 0 {
			at += len(list.items)
		}
		if at < 0 || at >= len(list.items) {
			return nil, &gap{path: path, at: list}, nil
		}
		raw = list.items[at]
		path += fmt.Sprintf("[%d]", index)
	}
	return raw, nil, nil
}

// gapAt is the gap at a field that must not be taken; nil for other fields.
func (d *document) gapAt(name, before string) *gap {
	if _, unclear := d.unclear[name]; !unclear {
		return nil
	}
	return &gap{path: before, at: d, unclear: name}
}

// cutIndexes splits "hosts[0][-1]" into the name and the numbers. Brackets with anything else in them belong to the
// name.
func cutIndexes(step string) (string, []int) {
	var indexes []int
	for strings.HasSuffix(step, "]") {
		open := strings.LastIndexByte(step, '[')
		if open < 0 {
			break
		}
		index, ok := parseIndex(step[open+1 : len(step)-1])
		if !ok {
			break
		}
		indexes = append(indexes, index)
		step = step[:open]
	}
	slices.Reverse(indexes)
	return step, indexes
}

func parseIndex(digits string) (int, bool) {
	unsigned := strings.TrimPrefix(digits, "-")
	if unsigned == "" || len(unsigned) > indexDigits || strings.Trim(unsigned, "0123456789") != "" {
		return 0, false
	}
	index, err := strconv.Atoi(digits)
	return index, err == nil
}

// notFound names the fields that exist, so that a misspelling is easy to see.
func notFound(request propertyRequest, missing *gap) error {
	where := "the JSON document"
	if missing.path != "" {
		where = shown(missing.path)
	}
	return &Error{Reason: v1alpha1.ReasonPropertyNotFound, Message: fmt.Sprintf(
		"%s, but %s has %s: correct the property, or add the field in AWS", request, where, missing.at.has())}
}

func (d *document) has() string {
	switch {
	case d == nil || len(d.fields) == 0 && d.items == nil:
		return "no fields"
	case d.fields == nil:
		return fmt.Sprintf("%d items", len(d.items))
	}
	var listed []string
	for _, name := range slices.Sorted(maps.Keys(d.fields))[:min(len(d.fields), namesShown)] {
		listed = append(listed, shown(name))
	}
	if more := len(d.fields) - len(listed); more > 0 {
		return fmt.Sprintf("only the fields %s and %d more", strings.Join(listed, ", "), more)
	}
	return "only the fields " + strings.Join(listed, ", ")
}

// shown quotes a name, and cuts a long one.
func shown(name string) string {
	if len(name) > nameShown {
		name = strings.ToValidUTF8(name[:nameShown], "") + "…"
	}
	return strconv.Quote(name)
}
