package template

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// Values within templates are only of these kinds: string, bool, int, float64, json.Number, nil, []any and
// map[string]any.

// function is a function that templates may call.
type function struct {
	// least and most are how many arguments it takes; most is -1 if there is no limit.
	least, most int
	// cost is how many steps it takes, besides those for the bytes that it reads and returns.
	cost int
	run  func(*call) any
}

// call is a call of a function. Its methods panic with *functionError if an argument is not of the kind that the
// function takes. bind turns the panic into an error, so functions need no branch for each argument.
type call struct {
	name      string
	arguments []any
	*execution
}

// bind makes a function that text/template can call. It drops the text of other panics, as it may quote a value.
func (e *execution) bind(name string, f function) func(...any) (any, error) {
	return func(arguments ...any) (result any, err error) {
		defer func() {
			switch failure := recover().(type) {
			case nil:
			case *functionError:
				result, err = nil, failure
			case *exhausted:
				result, err = nil, failure
			default:
				result, err = nil, &functionError{name + " failed on these values"}
			}
		}()
		c := &call{name: name, arguments: arguments, execution: e}
		if len(arguments) < f.least || f.most >= 0 && len(arguments) > f.most {
			c.refuse("has %d arguments, and takes %s", len(arguments), f.takes())
		}
		read := 0
		for i, argument := range arguments {
			arguments[i] = plain(argument)
			read += size(arguments[i])
		}
		e.budget.spend(2 + f.cost)
		e.budget.spendBytes(read)
		result = f.run(c)
		made := weight(result, maxValue+1024)
		if made > maxValue+16 {
			c.refuse("gives more than %d bytes", maxValue)
		}
		e.budget.spendBytes(made)
		return result, nil
	}
}

// plain converts constants, and results of builtins of text/template, to the kinds of values.
func plain(value any) any {
	switch value.(type) {
	case nil, string, bool, int, float64, json.Number, []any, map[string]any:
		return value
	}
	reflected := reflect.ValueOf(value)
	switch {
	case reflected.CanInt():
		return int(reflected.Int())
	case reflected.CanUint() && reflected.Uint() <= math.MaxInt:
		return int(reflected.Uint()) //nolint:gosec // the line above has compared it
	case reflected.CanFloat():
		return reflected.Float()
	}
	panic(&functionError{"an argument is of a kind that no function takes"})
}

func size(value any) int {
	switch value := value.(type) {
	case string:
		return len(value)
	case json.Number:
		return len(value)
	}
	return 0
}

func (f function) takes() string {
	switch {
	case f.most < 0:
		return fmt.Sprintf("%d or more", f.least)
	case f.least == f.most:
		return strconv.Itoa(f.least)
	}
	return fmt.Sprintf("%d to %d", f.least, f.most)
}

func (c *call) refuse(format string, arguments ...any) {
	panic(&functionError{c.name + ": " + fmt.Sprintf(format, arguments...)})
}

func (c *call) count() int { return len(c.arguments) }

// text is a scalar as its text.
func (c *call) text(i int) string {
	text, ok := scalar(c.arguments[i])
	if !ok {
		c.refuse("argument %d is %s, and a text is needed", i+1, kind(c.arguments[i]))
	}
	return text
}

// valid is a text for formats that must be UTF-8.
func (c *call) valid(text string) string {
	if !utf8.ValidString(text) {
		c.refuse("a value is not UTF-8 text: encode it first, for example by b64enc")
	}
	return text
}

func (c *call) integer(i int) int {
	number, err := strconv.Atoi(c.text(i))
	if err != nil {
		c.refuse("argument %d must be a whole number", i+1)
	}
	return number
}

func (c *call) object(i int) map[string]any {
	object, ok := c.arguments[i].(map[string]any)
	if !ok {
		c.refuse("argument %d is %s, and a map is needed", i+1, kind(c.arguments[i]))
	}
	return object
}

func (c *call) list(i int) []any {
	list, ok := c.arguments[i].([]any)
	if !ok {
		c.refuse("argument %d is %s, and a list is needed", i+1, kind(c.arguments[i]))
	}
	return list
}

// deep is an argument that the function reads completely.
func (c *call) deep(i int) any {
	c.budget.spendBytes(c.fits(weight(c.arguments[i], 4*maxValue)))
	return c.arguments[i]
}

// fits refuses a size before memory is allocated for it.
func (c *call) fits(bytes int) int {
	if bytes < 0 || bytes > 4*maxValue {
		c.refuse("works on more than %d bytes", maxValue)
	}
	c.budget.take(bytes)
	return bytes
}

// scalar is the text of a value; false for maps, lists and null.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		return strconv.FormatBool(value), true
	case int:
		return strconv.Itoa(value), true
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), true
	}
	return "", false
}

func kind(value any) string {
	switch value.(type) {
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int, float64, json.Number:
		return "a number"
	}
	return "a text"
}
