package template

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	texttemplate "text/template"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// Execute makes a key from each template, by its name. The keys of data are the fields of the templates, each a string.
// The result has only the keys of the templates, and is nil after an error. Errors are of type *Error, or those of
// parent.
func Execute(parent *pattern.Budget, templates map[string]string, data map[string][]byte) (map[string][]byte, error) {
	e, err := newExecution(parent, data)
	if err != nil {
		return nil, err
	}
	made := make(map[string][]byte, len(templates))
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		content, err := e.makeKey(key, templates[key])
		if refusal := e.budget.refusal; refusal != nil {
			return nil, refusal
		}
		if err != nil {
			return nil, err
		}
		made[key] = content
	}
	return made, nil
}

// newExecution gives templates the keys of data as fields.
func newExecution(parent *pattern.Budget, data map[string][]byte) (*execution, error) {
	e := &execution{budget: newBudget(parent), root: make(map[string]any, len(data)), fields: slices.Sorted(maps.Keys(data))}
	e.public, e.hidden = e.functions(), e.sandboxFunctions()
	size := 0
	for _, value := range data {
		size += len(value)
	}
	if err := stopped(func() { e.budget.spendBytes(size) }); err != nil {
		return nil, cmp.Or(e.budget.refusal, err)
	}
	for name, value := range data {
		e.root[name] = string(value)
	}
	return e, nil
}

// execution is a call of Execute.
type execution struct {
	budget *budget
	// root is the data of the templates, and fields are its names in order.
	root   map[string]any
	fields []string
	// public are the functions that templates may call; hidden are those that sandbox inserts.
	public, hidden texttemplate.FuncMap
}

// makeKey makes a key from a template.
func (e *execution) makeKey(key, source string) (content []byte, err error) {
	if len(source) > maxSource {
		return nil, &Error{Key: key, Message: fmt.Sprintf("the template has %d bytes, more than %d", len(source), maxSource)}
	}
	// text/template repeats panics that are no errors of its own. The text of a panic may quote a value.
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
	// The hidden functions are added after parsing, so that the parser refuses their names in a source.
	if err := parsed.Funcs(e.hidden).Execute(into, e.root); err != nil {
		return nil, executeError(key, err, e.fields)
	}
	if into.content == nil {
		into.content = []byte{}
	}
	return into.content, nil
}
