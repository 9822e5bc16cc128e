package template

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	texttemplate "text/template"
)

func quotingFunctions() map[string]function {
	return map[string]function{
		"quote":    {1, -1, 0, func(c *call) any { return quoteEach(c, jsonText) }},
		"squote":   {1, -1, 0, func(c *call) any { return quoteEach(c, shellText) }},
		"html":     {1, -1, 0, func(c *call) any { return texttemplate.HTMLEscapeString(glue(c)) }},
		"js":       {1, -1, 0, func(c *call) any { return texttemplate.JSEscapeString(glue(c)) }},
		"urlquery": {1, -1, 0, func(c *call) any { return url.QueryEscape(glue(c)) }},
	}
}

func quoteEach(c *call, quoted func(*call, string) string) string {
	parts := make([]string, c.count())
	for i := range parts {
		parts[i] = quoted(c, c.text(i))
	}
	return strings.Join(parts, " ")
}

// jsonText is a text as a JSON string, which YAML, Go and JavaScript read as well.
func jsonText(c *call, text string) string {
	return string(marshal(c, text, ""))
}

// shellText is one word of a POSIX shell: within single quotes, only the quote itself is special.
func shellText(c *call, text string) string {
	if strings.ContainsRune(text, 0) {
		c.refuse("a value has a byte 0, which no word of a shell can have")
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func printFunctions() map[string]function {
	return map[string]function{
		"print":   {0, -1, 0, func(c *call) any { return glue(c) }},
		"println": {0, -1, 0, func(c *call) any { return fmt.Sprintln(c.scalars()...) }},
		"printf":  {1, -1, 0, printf},
	}
}

// scalars refuses arguments that have no text.
func (c *call) scalars() []any {
	for i := range c.arguments {
		c.text(i)
	}
	return c.arguments
}

func glue(c *call) string { return fmt.Sprint(c.scalars()...) }

// printf refuses formats for which package fmt writes an error into the text, such as "%!d(string=…)", as it would end
// up in a Secret. It also refuses widths that take much memory.
func printf(c *call) any {
	format := c.text(0)
	var values []any
	for rest := format; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			break
		}
		flags := strings.TrimLeft(after, "+-# 0")
		body := strings.TrimLeft(flags, "0123456789.")
		width, precision, _ := strings.Cut(flags[:len(flags)-len(body)], ".")
		if len(width) > 4 || len(precision) > 3 {
			c.refuse("a width has more than 4 digits, or a precision more than 3")
		}
		if body == "" {
			c.refuse("the format ends within a verb")
		}
		verb := body[0]
		if verb != '%' {
			values = append(values, verbValue(c, verb, len(values)+1))
		} else if len(body) != len(after) {
			c.refuse("%%%% takes no flags")
		}
		rest = body[1:]
	}
	if len(values) != c.count()-1 {
		c.refuse("the format has %d verbs for %d values", len(values), c.count()-1)
	}
	return fmt.Sprintf(format, values...)
}

func verbValue(c *call, verb byte, i int) any {
	if i >= c.count() {
		c.refuse("the format has more verbs than there are values")
	}
	text := c.text(i)
	switch verb {
	case 's', 'q', 'v':
		return text
	case 'd', 'c', 'b', 'o':
		return c.integer(i)
	case 'x', 'X':
		if number, ok := c.arguments[i].(int); ok {
			return number
		}
		return text
	case 'e', 'f', 'g':
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			c.refuse("argument %d must be a number", i+1)
		}
		return number
	case 't':
		on, err := strconv.ParseBool(text)
		if err != nil {
			c.refuse("argument %d must be true or false", i+1)
		}
		return on
	}
	c.refuse("the format has a verb that is not one of s q v d c b o x X e f g t")
	return nil
}
