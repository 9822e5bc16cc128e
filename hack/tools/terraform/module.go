package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// node is an object of the module that others can refer to: a local value, a resource, a data source or an output.
type node struct {
	// path by which others refer to it: {"local", "read"}, {"aws_iam_role", "operator"}, {"data", "aws_region", "current"}.
	path  []string
	body  *hclsyntax.Body      // Of a resource.
	value hclsyntax.Expression // Of a local value or an output.
}

type module struct {
	blocks []*hclsyntax.Block
	nodes  []node
	// known values, by path.
	known map[string]cty.Value
	// arguments of resources that exist, by type, name and index.
	arguments map[string]cty.Value
	outputs   map[string]cty.Value
	variables map[string]cty.Value
}

func load(directory string) (*module, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.tf"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("%s has no *.tf", directory), err)
	}
	m := &module{known: map[string]cty.Value{}, arguments: map[string]cty.Value{}, outputs: map[string]cty.Value{}, variables: map[string]cty.Value{}}
	parser := hclparse.NewParser()
	for _, file := range files {
		parsed, problems := parser.ParseHCLFile(file)
		if problems.HasErrors() {
			return nil, problems
		}
		m.blocks = append(m.blocks, parsed.Body.(*hclsyntax.Body).Blocks...)
	}
	for _, block := range m.blocks {
		switch block.Type {
		case "locals":
			for name, attribute := range block.Body.Attributes {
				m.nodes = append(m.nodes, node{path: []string{"local", name}, value: attribute.Expr})
			}
		case "resource":
			m.nodes = append(m.nodes, node{path: block.Labels, body: block.Body})
		case "data":
			m.nodes = append(m.nodes, node{path: append([]string{"data"}, block.Labels...), body: block.Body})
		case "output":
			value := block.Body.Attributes["value"]
			if value == nil {
				return nil, fmt.Errorf("output %s has no value", block.Labels[0])
			}
			m.nodes = append(m.nodes, node{path: []string{"output", block.Labels[0]}, value: value.Expr})
		case "variable", "terraform":
		default:
			return nil, fmt.Errorf("%s: blocks of the type %s are not supported", block.DefRange(), block.Type)
		}
	}
	return m, nil
}

// setVariables converts the given values to the types of the variables, sets defaults and checks the rules.
func (m *module) setVariables(given map[string]json.RawMessage) error {
	declared := map[string]bool{}
	for _, block := range m.blocks {
		if block.Type != "variable" {
			continue
		}
		name := block.Labels[0]
		declared[name] = true
		value, err := variable(block, given[name])
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		m.variables[name] = value
	}
	for name := range given {
		if !declared[name] {
			return fmt.Errorf("there is no variable %s", name)
		}
	}
	for _, block := range m.blocks {
		if block.Type != "variable" {
			continue
		}
		if err := m.check(block.Body, "validation"); err != nil {
			return fmt.Errorf("variable %s: %w", block.Labels[0], err)
		}
	}
	return nil
}

func variable(block *hclsyntax.Block, given json.RawMessage) (cty.Value, error) {
	kind, problems := typeexpr.TypeConstraint(block.Body.Attributes["type"].Expr)
	if problems.HasErrors() {
		return cty.NilVal, problems
	}
	if given != nil {
		implied, err := ctyjson.ImpliedType(given)
		if err != nil {
			return cty.NilVal, err
		}
		value, err := ctyjson.Unmarshal(given, implied)
		if err != nil {
			return cty.NilVal, err
		}
		return convert.Convert(value, kind)
	}
	standard := block.Body.Attributes["default"]
	if standard == nil {
		return cty.NilVal, errors.New("is required")
	}
	value, problems := standard.Expr.Value(nil)
	if problems.HasErrors() {
		return cty.NilVal, problems
	}
	return convert.Convert(value, kind)
}

// evaluate evaluates everything in the order of references.
func (m *module) evaluate() error {
	waiting := m.nodes
	for len(waiting) > 0 {
		var later []node
		var problems error
		for _, n := range waiting {
			missing := m.missing(n)
			if missing != "" {
				later, problems = append(later, n), errors.Join(problems, fmt.Errorf("%v refers to %s", n.path, missing))
				continue
			}
			if err := m.evaluateNode(n); err != nil {
				return fmt.Errorf("%v: %w", n.path, err)
			}
		}
		if len(later) == len(waiting) {
			return fmt.Errorf("references that lead nowhere, or in a circle: %w", problems)
		}
		waiting = later
	}
	return nil
}

// missing is the first object that a node refers to and that has not been evaluated.
func (m *module) missing(n node) string {
	var references []hcl.Traversal
	if n.value != nil {
		references = n.value.Variables()
	} else {
		references = referencesOf(n.body)
	}
	for _, reference := range references {
		path := pathOf(reference)
		if path[0] == "var" {
			continue
		}
		if _, known := m.known[key(path)]; !known {
			return key(path)
		}
	}
	return ""
}

func referencesOf(body *hclsyntax.Body) (references []hcl.Traversal) {
	for _, attribute := range body.Attributes {
		references = append(references, attribute.Expr.Variables()...)
	}
	for _, block := range body.Blocks {
		references = append(references, referencesOf(block.Body)...)
	}
	return references
}

// pathOf is the path of the object that a traversal begins with.
func pathOf(reference hcl.Traversal) []string {
	path := []string{reference.RootName()}
	length := 2
	if path[0] == "data" {
		length = 3
	}
	for _, step := range reference[1:min(length, len(reference))] {
		if attribute, named := step.(hcl.TraverseAttr); named {
			path = append(path, attribute.Name)
		}
	}
	return path
}

func key(path []string) string { return fmt.Sprint(path) }

func (m *module) evaluateNode(n node) error {
	if n.value != nil {
		value, problems := n.value.Value(m.context())
		if problems.HasErrors() {
			return problems
		}
		if n.path[0] == "output" {
			m.outputs[n.path[1]] = value
		}
		m.known[key(n.path)] = value
		return nil
	}
	value, err := m.resource(n)
	m.known[key(n.path)] = value
	return err
}

// check checks the conditions of the blocks of one type.
func (m *module) check(body *hclsyntax.Body, kind string) error {
	for _, block := range body.Blocks {
		if block.Type != kind {
			continue
		}
		holds, problems := block.Body.Attributes["condition"].Expr.Value(m.context())
		if problems.HasErrors() {
			return problems
		}
		message, problems := block.Body.Attributes["error_message"].Expr.Value(m.context())
		if problems.HasErrors() {
			return problems
		}
		if holds.False() {
			return errors.New(message.AsString())
		}
	}
	return nil
}

// context has all values that are known, as a tree, and the functions.
func (m *module) context() *hcl.EvalContext {
	tree := map[string]map[string]cty.Value{"data": {}}
	data := map[string]map[string]cty.Value{}
	put := func(in map[string]map[string]cty.Value, kind, name string, value cty.Value) {
		if in[kind] == nil {
			in[kind] = map[string]cty.Value{}
		}
		in[kind][name] = value
	}
	for _, n := range m.nodes {
		value, known := m.known[key(n.path)]
		switch {
		case !known:
		case len(n.path) == 3:
			put(data, n.path[1], n.path[2], value)
		default:
			put(tree, n.path[0], n.path[1], value)
		}
	}
	for kind, named := range data {
		tree["data"][kind] = cty.ObjectVal(named)
	}
	tree["var"] = m.variables
	values := map[string]cty.Value{}
	for kind, named := range tree {
		values[kind] = cty.ObjectVal(named)
	}
	return &hcl.EvalContext{Variables: values, Functions: map[string]function.Function{
		"concat": stdlib.ConcatFunc, "jsonencode": stdlib.JSONEncodeFunc, "length": stdlib.LengthFunc, "split": stdlib.SplitFunc, "one": onlyElement(),
	}}
}

// onlyElement is the element of a list that has at most one, or null.
func onlyElement() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			elements := arguments[0].AsValueSlice()
			switch len(elements) {
			case 0:
				return cty.NullVal(cty.DynamicPseudoType), nil
			case 1:
				return elements[0], nil
			}
			return cty.NilVal, errors.New("more than one element")
		},
	})
}

func (m *module) result() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"resources": cty.ObjectVal(m.arguments), "outputs": cty.ObjectVal(m.outputs)})
}
