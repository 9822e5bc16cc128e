package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// bareKey is a key that TOML takes without quotes.
var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// toTOML writes a map in TOML 1.0: scalars and lists first, then each map as a table.
func toTOML(c *call) any {
	checkText(c, c.deep(0))
	w := &tomlWriter{call: c}
	w.table(nil, c.object(0))
	return strings.TrimPrefix(w.b.String(), "\n")
}

type tomlWriter struct {
	*call
	b strings.Builder
}

func (w *tomlWriter) table(path []string, object map[string]any) {
	var tables []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, ok := object[name].(map[string]any); ok {
			tables = append(tables, name)
			continue
		}
		w.b.WriteString(w.key(name) + " = " + w.value(object[name]) + "\n")
	}
	for _, name := range tables {
		below := append(slices.Clone(path), w.key(name))
		head := "\n[" + strings.Join(below, ".") + "]\n"
		w.fits(w.b.Len() + len(head))
		w.b.WriteString(head)
		w.table(below, object[name].(map[string]any))
	}
}

func (w *tomlWriter) key(name string) string {
	if bareKey.MatchString(name) {
		return name
	}
	return tomlText(name)
}

func (w *tomlWriter) value(value any) string {
	switch value := value.(type) {
	case nil:
		w.refuse("a value is null, which TOML does not have")
	case string:
		return tomlText(value)
	case json.Number:
		return w.number(value.String())
	case float64:
		return strconv.FormatFloat(value, 'e', -1, 64)
	case []any:
		items := make([]string, len(value))
		for i, item := range value {
			items[i] = w.value(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var fields []string
		for _, name := range slices.Sorted(maps.Keys(value)) {
			fields = append(fields, w.key(name)+" = "+w.value(value[name]))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	}
	text, _ := scalar(value)
	return text
}

// number refuses whole numbers that do not fit into the 64 bits that TOML requires of parsers.
func (w *tomlWriter) number(text string) string {
	if strings.ContainsAny(text, ".eE") {
		return text
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		w.refuse("a whole number has more than the 64 bits that TOML allows: make it a text")
	}
	return text
}

func tomlText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
