package template

import (
	"cmp"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// ExecuteMap makes a map of texts from a template that gives a JSON or YAML object. The map is empty if the template
// gives nothing, or null. Errors are as those of Execute, without a key. They do not name entries of the map, which come
// from values.
func ExecuteMap(parent *pattern.Budget, source string, data map[string][]byte) (map[string]string, error) {
	e, err := newExecution(parent, data)
	if err != nil {
		return nil, err
	}
	content, err := e.makeKey("", source)
	if e.budget.refusal != nil || err != nil {
		return nil, cmp.Or(e.budget.refusal, err)
	}
	made, err := e.bind("the result", function{1, 1, 10, readTexts})(string(content))
	if e.budget.refusal != nil {
		return nil, e.budget.refusal
	}
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	object, _ := made.(map[string]any) // readTexts makes nothing else.
	texts := make(map[string]string, len(object))
	for name, text := range object {
		texts[name], _ = scalar(text)
	}
	return texts, nil
}

// readTexts reads a map of scalars.
func readTexts(c *call) any {
	made := fromYAML(c)
	if made == nil {
		return map[string]any{}
	}
	object, ok := made.(map[string]any)
	if !ok {
		c.refuse("is %s, and a map is needed: a JSON or YAML object", kind(made))
	}
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if _, ok := scalar(object[name]); !ok {
			c.refuse("has %s as entry %d of %d, in the order of their names: only texts, numbers and booleans are allowed", kind(object[name]), i+1, len(object))
		}
	}
	return object
}
