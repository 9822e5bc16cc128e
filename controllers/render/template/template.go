package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	texttemplate "text/template"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// Execute makes one key from each template, by its name. A template sees the keys of data as its fields, each
// a string. The result has the templates' keys only. Errors are of type *Error, or those of the budget, and there is no
// result beside one.
func Execute(parent *pattern.Budget, templates map[string]string, data map[string][]byte) (map[string][]byte, error) {
	execution := &execution{budget: newBudget(parent), root: make(map[string]any, len(data)), fields: slices.Sorted(maps.Keys(data))}
	execution.public, execution.hidden = execution.functions(), execution.guards()
	size := 0
	for _, value := range data {
		size += len(value)
	}
	if err := stopped(func() { execution.budget.spendBytes(size) }); err != nil {
		return nil, cmp.Or(execution.budget.refusal, err)
	}
	for name, value := range data {
		execution.root[name] = string(value)
	}
	made := make(map[string][]byte, len(templates))
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		content, err := execution.one(key, templates[key])
		if refusal := execution.budget.refusal; refusal != nil {
			return nil, refusal
		}
		if err != nil {
			return nil, err
		}
		made[key] = content
	}
	return made, nil
}

// execution is one Execute.
type execution struct {
	budget *budget
	// root is what templates see, and fields are its names in order.
	root   map[string]any
	fields []string
	// public are the functions that templates may name; hidden are those that are put into them.
	public, hidden texttemplate.FuncMap
}

// one makes one key.
func (e *execution) one(key, source string) (content []byte, err error) {
	if len(source) > maxSource {
		return nil, &Error{Key: key, Message: fmt.Sprintf("the template has %d bytes, more than %d", len(source), maxSource)}
	}
	// text/template panics again with what is no error of its own. What a panic says may quote a value.
	defer func() {
		if failure := recover(); failure != nil {
			message := "the template failed on these values"
			if spent, ok := failure.(*exhausted); ok {
				message = spent.text
			}
			content, err = nil, &Error{Key: key, Message: message}
		}
	}()
	e.budget.spendBytes(parsingBytes * len(source))
	parsed, err := texttemplate.New(key).Option("missingkey=error").Funcs(e.public).Parse(source)
	if err != nil {
		return nil, parseError(key, err)
	}
	for _, part := range parsed.Templates() {
		if part.Tree != nil && nesting(part.Root) > maxNesting {
			return nil, &Error{Key: key, Message: fmt.Sprintf("actions stand more than %d deep within each other", maxNesting)}
		}
		sandbox(part.Tree)
	}
	into := &writer{budget: e.budget}
	e.budget.depth = 0
	// The hidden functions come after the parser, which so refuses their names in a source.
	if err := parsed.Funcs(e.hidden).Execute(into, e.root); err != nil {
		return nil, executeError(key, err, e.fields)
	}
	if into.content == nil {
		into.content = []byte{}
	}
	return into.content, nil
}
