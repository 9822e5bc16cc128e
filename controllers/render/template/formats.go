package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

var (
	// variableName is a name that POSIX shells take for a variable.
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// unquotedText needs no quotes in an assignment.
	unquotedText = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-]+$`)
)

func formatFunctions() map[string]function {
	return map[string]function{
		"toToml":       {1, 1, 20, toTOML},
		"toProperties": {1, 1, 20, toProperties},
		"toDotenv":     {1, 1, 20, toDotenv},
	}
}

// eachText walks a map of scalars in the order of its names.
func eachText(c *call, write func(name, text string)) {
	c.deep(0)
	object := c.object(0)
	checkText(c, object)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		text, ok := scalar(object[name])
		if !ok {
			c.refuse("the field %s is %s, and the format has texts only", c.fieldName(name), kind(object[name]))
		}
		write(name, text)
	}
}

// fieldName shows the name of a key of the data, but no name from within a value.
func (c *call) fieldName(name string) string {
	if _, ok := c.root[name]; ok {
		return fmt.Sprintf("%q", cut(name))
	}
	return "of a value"
}

// toProperties writes the format of Java's Properties.load, in ASCII.
func toProperties(c *call) any {
	var b strings.Builder
	eachText(c, func(name, text string) {
		b.WriteString(propertyText(name, true) + "=" + propertyText(text, false) + "\n")
	})
	return b.String()
}

func propertyText(text string, isName bool) string {
	var b strings.Builder
	leading := true
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == ' ' && (isName || leading), r == '\\', r == '#', r == '!', r == '=', r == ':':
			b.WriteString(`\` + string(r))
		case r < ' ' || r > '~':
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04X`, unit)
			}
		default:
			b.WriteRune(r)
		}
		leading = leading && r == ' '
	}
	return b.String()
}

// toDotenv writes assignments that a POSIX shell reads. Parsers of .env files read them alike if a value needs no
// escape.
func toDotenv(c *call) any {
	var b strings.Builder
	eachText(c, func(field, text string) {
		if !variableName.MatchString(field) {
			c.refuse("the field %s has a name that no variable can have: choose names by pick or dict", c.fieldName(field))
		}
		switch {
		case strings.ContainsRune(text, 0):
			c.refuse("a value has a byte 0, which no variable can have")
		case unquotedText.MatchString(text):
		case !strings.Contains(text, "'"):
			text = "'" + text + "'"
		default:
			text = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(text) + `"`
		}
		b.WriteString(field + "=" + text + "\n")
	})
	return b.String()
}
