package jmespath

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

// builtin is a function that jmespath.org lists.
type builtin struct {
	// takes names for each argument the types that it may have, as kind and elements name them, separated by "|".
	takes []string
	// variadic lets the last argument be given again and again.
	variadic bool
	call     func(s *search, arguments []any) (any, error)
}

// functions has all functions by their names.
func functions() map[string]builtin {
	const lists = "numbers|strings"
	return map[string]builtin{
		"abs":         {takes: []string{"number"}, call: absolute},
		"avg":         {takes: []string{"numbers"}, call: average},
		"ceil":        {takes: []string{"number"}, call: ceil},
		"contains":    {takes: []string{"array|string", ""}, call: contains},
		"ends_with":   {takes: []string{"string", "string"}, call: affix(strings.HasSuffix)},
		"floor":       {takes: []string{"number"}, call: floor},
		"join":        {takes: []string{"string", "strings"}, call: join},
		"keys":        {takes: []string{"object"}, call: keys},
		"length":      {takes: []string{"string|array|object"}, call: length},
		"map":         {takes: []string{"expression", "array"}, call: mapItems},
		"max":         {takes: []string{lists}, call: extreme(1)},
		"max_by":      {takes: []string{"array", "expression"}, call: extremeBy(1)},
		"merge":       {takes: []string{"object"}, variadic: true, call: merge},
		"min":         {takes: []string{lists}, call: extreme(-1)},
		"min_by":      {takes: []string{"array", "expression"}, call: extremeBy(-1)},
		"not_null":    {takes: []string{""}, variadic: true, call: notNull},
		"reverse":     {takes: []string{"string|array"}, call: reverse},
		"sort":        {takes: []string{lists}, call: sorted},
		"sort_by":     {takes: []string{"array", "expression"}, call: sortedBy},
		"starts_with": {takes: []string{"string", "string"}, call: affix(strings.HasPrefix)},
		"sum":         {takes: []string{"numbers"}, call: sum},
		"to_array":    {takes: []string{""}, call: toArray},
		"to_number":   {takes: []string{""}, call: toNumber},
		"to_string":   {takes: []string{""}, call: toString},
		"type":        {takes: []string{""}, call: typeOf},
		"values":      {takes: []string{"object"}, call: values},
	}
}

// call evaluates the arguments, checks their types, and calls the function.
func (s *search) call(node parsing.ASTNode, current any) (any, error) {
	name, _ := node.Value.(string)
	function, known := s.functions[name]
	if !known {
		return nil, fail("there is no function %q", name)
	}
	arguments := make([]any, 0, len(node.Children))
	for i, child := range node.Children {
		argument, err := s.eval(child, current)
		if err != nil {
			return nil, err
		}
		wanted := function.takes[min(i, len(function.takes)-1)]
		if err := s.spend(size(argument)); err != nil {
			return nil, err
		}
		for _, item := range items(argument) {
			if why, ok := item.(unclear); ok {
				return nil, fail("%s", string(why))
			}
		}
		if !suits(argument, wanted) {
			return nil, fail("argument %d of function %s must be %s and is %s", i+1, name, described(wanted), kind(argument))
		}
		arguments = append(arguments, argument)
	}
	return function.call(s, arguments)
}

// described names the types that an argument may have.
func described(wanted string) string {
	if wanted == "" {
		return "a value"
	}
	return strings.NewReplacer("|", " or ", "numbers", "array of numbers", "strings", "array of strings").Replace(wanted)
}

// suits says whether a value has one of the types wanted.
func suits(value any, wanted string) bool {
	is := kind(value)
	if wanted == "" {
		return is != "expression"
	}
	for name := range strings.SplitSeq(wanted, "|") {
		if name == is || name == "numbers" && isListOf(value, "number") || name == "strings" && isListOf(value, "string") {
			return true
		}
	}
	return false
}

// isListOf says whether a value is a list whose items have all that type; an empty list is a list of every type.
func isListOf(value any, wanted string) bool {
	list, ok := value.(*listValue)
	if !ok {
		return false
	}
	for _, item := range list.items {
		if kind(item) != wanted {
			return false
		}
	}
	return true
}

func affix(has func(text, part string) bool) func(*search, []any) (any, error) {
	return func(_ *search, arguments []any) (any, error) {
		text, _ := arguments[0].(string)
		part, _ := arguments[1].(string)
		return has(text, part), nil
	}
}

func contains(s *search, arguments []any) (any, error) {
	if text, ok := arguments[0].(string); ok {
		part, ok := arguments[1].(string)
		return ok && strings.Contains(text, part), nil
	}
	for _, item := range items(arguments[0]) {
		if equal, err := s.equal(item, arguments[1]); equal || err != nil {
			return equal, err
		}
	}
	return false, nil
}

func items(value any) []any {
	if list, ok := value.(*listValue); ok {
		return list.items
	}
	return nil
}

func join(s *search, arguments []any) (any, error) {
	separator, _ := arguments[0].(string)
	var joined strings.Builder
	for i, item := range items(arguments[1]) {
		if i > 0 {
			joined.WriteString(separator)
		}
		text, _ := item.(string)
		joined.WriteString(text)
		if err := s.spend(len(text) + len(separator)); err != nil {
			return nil, err
		}
	}
	return joined.String(), nil
}

func length(_ *search, arguments []any) (any, error) {
	var size int
	switch value := arguments[0].(type) {
	case string:
		size = utf8.RuneCountInString(value)
	case *listValue:
		size = len(value.items)
	case *objectValue:
		if value.misnamed || slices.Contains(slices.Collect(maps.Values(value.fields)), any(fieldTwice)) {
			return nil, fail("%s", string(fieldTwice))
		}
		size = len(value.fields)
	}
	return number(strconv.Itoa(size)), nil
}

func keys(_ *search, arguments []any) (any, error) {
	made := &listValue{items: []any{}}
	if object, ok := arguments[0].(*objectValue); ok {
		if object.misnamed {
			return nil, fail("%s", string(halfPair))
		}
		for _, name := range object.names() {
			made.items = append(made.items, name)
		}
	}
	return made, nil
}

func values(_ *search, arguments []any) (any, error) {
	made := &listValue{items: []any{}}
	if object, ok := arguments[0].(*objectValue); ok {
		made.items = object.values()
	}
	return made, nil
}

func merge(s *search, arguments []any) (any, error) {
	made := &objectValue{fields: map[string]any{}}
	for _, argument := range arguments {
		object, _ := argument.(*objectValue)
		made.misnamed = made.misnamed || object.misnamed
		maps.Copy(made.fields, object.fields)
		if err := s.spend(len(object.fields)); err != nil {
			return nil, err
		}
	}
	return made, nil
}

func notNull(_ *search, arguments []any) (any, error) {
	for _, argument := range arguments {
		if argument != nil {
			return argument, nil
		}
	}
	return nil, nil
}

func reverse(s *search, arguments []any) (any, error) {
	if text, ok := arguments[0].(string); ok {
		runes := []rune(text)
		for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
			runes[i], runes[j] = runes[j], runes[i]
		}
		return string(runes), s.spend(len(text))
	}
	given := items(arguments[0])
	made := &listValue{items: make([]any, 0, len(given))}
	for _, item := range slices.Backward(given) {
		made.items = append(made.items, item)
	}
	return made, s.spend(len(given))
}

func toArray(_ *search, arguments []any) (any, error) {
	if list, ok := arguments[0].(*listValue); ok {
		return list, nil
	}
	return &listValue{items: arguments[:1:1]}, nil
}

func toString(s *search, arguments []any) (any, error) {
	if text, ok := arguments[0].(string); ok {
		return text, nil
	}
	var written bytes.Buffer
	if err := s.encode(&written, arguments[0]); err != nil {
		return nil, err
	}
	return written.String(), nil
}

func typeOf(_ *search, arguments []any) (any, error) { return kind(arguments[0]), nil }

func mapItems(s *search, arguments []any) (any, error) {
	expression, _ := arguments[0].(*reference)
	made := &listValue{items: []any{}}
	for _, item := range items(arguments[1]) {
		value, err := s.eval(expression.node, item)
		if err != nil {
			return nil, err
		}
		made.items = append(made.items, value)
	}
	return made, nil
}
