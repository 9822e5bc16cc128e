package template

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func yamlFunctions() map[string]function {
	return map[string]function{
		"toYaml":   {1, 1, 10, toYAML},
		"fromYaml": {1, 1, 10, fromYAML},
	}
}

func toYAML(c *call) any {
	value := c.deep(0)
	c.budget.spendBytes(15 * weight(value, 4*maxValue)) // Each text goes through the library's parser.
	checkText(c, value)
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	err := encoder.Encode(yamlNode(c, value))
	if err == nil {
		err = encoder.Close()
	}
	if err != nil {
		c.refuse("the value has no YAML")
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// yamlNode keeps each number digit for digit.
func yamlNode(c *call, value any) *yaml.Node {
	switch value := value.(type) {
	case map[string]any:
		node := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			node.Content = append(node.Content, yamlNode(c, name), yamlNode(c, value[name]))
		}
		return node
	case []any:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range value {
			node.Content = append(node.Content, yamlNode(c, item))
		}
		return node
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value.String()}
	}
	// The library quotes what YAML 1.1 reads as a boolean or a number, as many parsers still do.
	node := &yaml.Node{}
	if err := node.Encode(value); err != nil {
		c.refuse("the value has no YAML")
	}
	// A block would lose the line break at its end with the document's last one; "<<" and "=" have a meaning if they are
	// not quoted.
	if text, ok := value.(string); ok && (strings.HasSuffix(text, "\n") || text == "<<" || text == "=") {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

func fromYAML(c *call) any {
	text := c.valid(c.text(0))
	c.budget.spendBytes(64 * len(text))
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		c.refuse("the value is not YAML%s", lineOf(err))
	}
	if len(doc.Content) == 0 {
		return nil
	}
	left := maxValue
	return (&yamlReader{call: c, left: &left}).value(doc.Content[0], 0)
}

// lineOf is the line in an error of the library. The rest of the error may quote the value.
func lineOf(err error) string {
	text := err.Error()
	const lead = "yaml: line "
	if len(text) < len(lead) || text[:len(lead)] != lead {
		return ""
	}
	digits := text[len(lead):]
	for i := range digits {
		if digits[i] < '0' || digits[i] > '9' {
			digits = digits[:i]
			break
		}
	}
	if digits == "" {
		return ""
	}
	return ": line " + digits
}

// yamlReader makes values from nodes. It counts their size, as aliases may refer to a node many times.
type yamlReader struct {
	*call
	left *int
}

func (r *yamlReader) value(node *yaml.Node, depth int) any {
	*r.left -= 16 + len(node.Value)
	if *r.left < 0 || depth > maxLevels {
		r.refuse("the YAML is too large or too deep")
	}
	switch node.Kind {
	case yaml.AliasNode:
		return r.value(node.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			list = append(list, r.value(item, depth+1))
		}
		return list
	case yaml.MappingNode:
		return r.mapping(node, depth)
	}
	return r.scalar(node)
}

func (r *yamlReader) mapping(node *yaml.Node, depth int) any {
	object, merged := map[string]any{}, []map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		if name.ShortTag() == "!!merge" {
			merged = append(merged, r.merged(value, depth)...)
			continue
		}
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		if name.Kind != yaml.ScalarNode {
			r.refuse("line %d: a name is not a scalar", name.Line)
		}
		if _, twice := object[name.Value]; twice {
			r.refuse("line %d: a name is there twice", name.Line)
		}
		*r.left -= 16 + len(name.Value)
		object[name.Value] = r.value(value, depth+1)
	}
	for _, from := range merged {
		for name, value := range from {
			if _, own := object[name]; !own {
				object[name] = value
			}
		}
	}
	return object
}

// merged are the maps that "<<" includes; earlier ones override later ones.
func (r *yamlReader) merged(node *yaml.Node, depth int) []map[string]any {
	switch value := r.value(node, depth+1).(type) {
	case map[string]any:
		return []map[string]any{value}
	case []any:
		var all []map[string]any
		for _, item := range value {
			object, ok := item.(map[string]any)
			if !ok {
				r.refuse("line %d: << needs maps", node.Line)
			}
			all = append(all, object)
		}
		return all
	}
	r.refuse("line %d: << needs a map", node.Line)
	return nil
}

func (r *yamlReader) scalar(node *yaml.Node) any {
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var on bool
		if node.Decode(&on) != nil {
			r.refuse("line %d: a boolean is not one", node.Line)
		}
		return on
	case "!!int", "!!float":
		return r.number(node)
	}
	// The library reads a number that is too large for it as a text.
	if node.Style == 0 && json.Valid([]byte(node.Value)) {
		return json.Number(node.Value)
	}
	return node.Value
}

// number keeps the digits of numbers that are valid in JSON, and rewrites others: 0x1f, 1_000, .5.
func (r *yamlReader) number(node *yaml.Node) any {
	if json.Valid([]byte(node.Value)) {
		return json.Number(node.Value)
	}
	if whole, ok := new(big.Int).SetString(node.Value, 0); ok && len(node.Value) < 100 {
		return json.Number(whole.String())
	}
	var number float64
	if node.Decode(&number) != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		r.refuse("line %d: a number is not finite", node.Line)
	}
	return json.Number(strconv.FormatFloat(number, 'g', -1, 64))
}
