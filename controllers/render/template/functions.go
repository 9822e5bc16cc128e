package template

import (
	"fmt"
	"maps"
	texttemplate "text/template"
)

// functions are all that templates may call, besides those of text/template: and, or, not, len, slice, call and the
// comparisons. Its other builtins are replaced here by bounded ones.
func (e *execution) functions() texttemplate.FuncMap {
	bound := texttemplate.FuncMap{}
	for name, f := range library() {
		bound[name] = e.bind(name, f)
	}
	return bound
}

// library has every function by its name.
func library() map[string]function {
	all := map[string]function{}
	for _, group := range []map[string]function{
		stringFunctions(), quotingFunctions(), printFunctions(), encodingFunctions(), collectionFunctions(), choiceFunctions(),
		jsonFunctions(), yamlFunctions(), formatFunctions(), databaseFunctions(), dockerFunctions(),
		pemFunctions(), certificateFunctions(), pkcs12Functions(), jksFunctions(), htpasswdFunctions(),
	} {
		maps.Copy(all, group)
	}
	return all
}

// printed checks each value that a template prints: text/template would write "<no value>", and Go's notation of maps,
// which no Secret needs.
func printed(c *call) any {
	text, ok := scalar(c.arguments[0])
	if !ok {
		panic(&functionError{fmt.Sprintf("it prints %s, which has no text: name a field of it, or use toJson or join", kind(c.arguments[0]))})
	}
	return text
}
