package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/secretsync/secretsync/controllers/render/rawjson"
)

func jsonFunctions() map[string]function {
	return map[string]function{
		"toJson":       {1, 1, 3, func(c *call) any { return string(marshal(c, c.deep(0), "")) }},
		"toRawJson":    {1, 1, 3, func(c *call) any { return string(marshal(c, c.deep(0), "")) }},
		"toPrettyJson": {1, 1, 3, func(c *call) any { return string(marshal(c, c.deep(0), "  ")) }},
		"fromJson":     {1, 1, 5, fromJSON},
	}
}

// marshal writes a value with its names in order and each number digit for digit. It does not write "<" as \u003c: JSON
// does not require it, and passwords stay readable.
func marshal(c *call, value any, indent string) []byte {
	c.budget.spendBytes(3 * weight(value, 4*maxValue))
	checkText(c, value)
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		c.refuse("the value has no JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// checkText refuses bytes that encoding/json would replace without an error.
func checkText(c *call, value any) {
	switch value := value.(type) {
	case string:
		c.valid(value)
	case []any:
		for _, item := range value {
			checkText(c, item)
		}
	case map[string]any:
		for name, item := range value {
			c.valid(name)
			checkText(c, item)
		}
	}
}

func fromJSON(c *call) any {
	text := c.valid(c.text(0))
	// A value of two bytes, "0,", takes a slot of 16 and a number of 18.
	c.budget.spendBytes(16 * len(text))
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		c.refuse("the value is not JSON: syntax error at byte %d", syntax.Offset)
	}
	if err != nil {
		c.refuse("the value is not JSON: it ends too early")
	}
	end := decoder.InputOffset()
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		c.refuse("the value is not JSON: more follows behind byte %d", end)
	}
	if err := rawjson.Check([]byte(text)); err != nil {
		c.refuse("programs read the JSON in different ways: %s", err)
	}
	return value
}
