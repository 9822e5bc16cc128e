package template

import (
	"fmt"
	"maps"
	texttemplate "text/template"
)

// functions are all that templates may call, besides what text/template decides by itself: and, or, not, len,
// slice, call and the comparisons. Its other builtins are here again, bounded.
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

// printed is the check of whatever a template prints: text/template writes "<no value>" and Go's notation of
// maps, which are of use in no Secret.
func printed(c *call) any {
	text, ok := scalar(c.arguments[0])
	if !ok {
		panic(&refusal{fmt.Sprintf("it prints %s, which has no text: name a field of it, or use toJson or join", kind(c.arguments[0]))})
	}
	return text
}
