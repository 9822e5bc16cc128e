package template

import "strings"

func choiceFunctions() map[string]function {
	return map[string]function{
		"default": {2, 2, 0, func(c *call) any {
			if empty(c.arguments[1]) {
				return c.arguments[0]
			}
			return c.arguments[1]
		}},
		"coalesce": {1, -1, 0, coalesce},
		"empty":    {1, 1, 0, func(c *call) any { return empty(c.arguments[0]) }},
		"required": {2, 2, 0, func(c *call) any { return required(c, "a value that the template requires is empty") }},
		"fail":     {1, 1, 0, func(c *call) any { return failed(c, "the template refuses these values") }},
		"ternary": {3, 3, 0, func(c *call) any {
			if empty(c.arguments[2]) {
				return c.arguments[1]
			}
			return c.arguments[0]
		}},
		"add":      {1, -1, 0, add},
		"sub":      {2, 2, 0, func(c *call) any { return c.integer(0) - c.integer(1) }},
		"int":      {1, 1, 0, func(c *call) any { return c.integer(0) }},
		"toString": {1, 1, 0, func(c *call) any { return c.text(0) }},
	}
}

func add(c *call) any {
	sum := 0
	for i := range c.arguments {
		sum += c.integer(i)
	}
	return sum
}

func coalesce(c *call) any {
	for _, value := range c.arguments {
		if !empty(value) {
			return value
		}
	}
	return ""
}

// empty is like sprig's: true for null, false, 0, and anything of length 0.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case bool:
		return !value
	case int:
		return value == 0
	case float64:
		return value == 0
	case string:
		return value == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	text, _ := scalar(value)
	return strings.Trim(text, "-0.") == ""
}

// required is like Helm's. The message is shown only if it is a constant in the template, not if it may be computed
// from a value.
func required(c *call, message string) any {
	value := c.arguments[1]
	if text, ok := value.(string); value == nil || ok && text == "" {
		panic(&functionError{message})
	}
	return value
}

func failed(c *call, message string) any {
	c.text(0)
	panic(&functionError{message})
}
