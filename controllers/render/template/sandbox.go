package template

import (
	"fmt"
	"strconv"
	"text/template/parse"
)

// Names of the functions that guard puts into templates.
const (
	stepFunction  = "_step"
	enterFunction = "_enter"
	leaveFunction = "_leave"
	printFunction = "_print"
	// These show a text that is written in the template.
	namedIndex    = "_indexNamed"
	namedRequired = "_requiredNamed"
	namedFail     = "_failNamed"
)

// guard puts actions into a parsed template by which it is bounded: a step counter at the head of everything
// that can run more than once, a depth around its whole, and a check of all that is printed.
func sandbox(tree *parse.Tree) {
	if tree == nil || tree.Root == nil {
		return
	}
	nodes := sandboxList(tree.Root)
	tree.Root.Nodes = append([]parse.Node{action(tree.Root, enterFunction, nodes)}, tree.Root.Nodes...)
	tree.Root.Nodes = append(tree.Root.Nodes, action(tree.Root, leaveFunction, 0))
}

// nesting is how deeply actions stand within each other.
func nesting(list *parse.ListNode) int {
	if list == nil {
		return 0
	}
	deepest := 0
	for _, node := range list.Nodes {
		var branch *parse.BranchNode
		switch node := node.(type) {
		case *parse.IfNode:
			branch = &node.BranchNode
		case *parse.WithNode:
			branch = &node.BranchNode
		case *parse.RangeNode:
			branch = &node.BranchNode
		default:
			continue
		}
		deepest = max(deepest, 1+nesting(branch.List), 1+nesting(branch.ElseList))
	}
	return deepest
}

// guardList gives how many nodes there are in a list and below, without bodies that count by themselves.
func sandboxList(list *parse.ListNode) int {
	if list == nil {
		return 0
	}
	nodes := 0
	for _, node := range list.Nodes {
		nodes += 1 + sandboxNode(node)
	}
	return nodes
}

func sandboxNode(node parse.Node) int {
	switch node := node.(type) {
	case *parse.ActionNode:
		nodes := sandboxPipe(node.Pipe)
		if len(node.Pipe.Decl) == 0 {
			node.Pipe.Cmds = append(node.Pipe.Cmds, command(node, printFunction))
		}
		return nodes + 1
	case *parse.IfNode:
		return sandboxBranch(&node.BranchNode)
	case *parse.WithNode:
		return sandboxBranch(&node.BranchNode)
	case *parse.RangeNode:
		nodes := sandboxPipe(node.Pipe) + sandboxList(node.ElseList)
		body := sandboxList(node.List)
		node.List.Nodes = append([]parse.Node{action(node.List, stepFunction, body)}, node.List.Nodes...)
		return nodes
	case *parse.TemplateNode:
		return sandboxPipe(node.Pipe)
	}
	return 0
}

func sandboxBranch(node *parse.BranchNode) int {
	return sandboxPipe(node.Pipe) + sandboxList(node.List) + sandboxList(node.ElseList)
}

// guardPipe counts, and marks each index whose names stand in the template: an error may then show them.
func sandboxPipe(pipe *parse.PipeNode) int {
	if pipe == nil {
		return 0
	}
	nodes := 0
	for _, one := range pipe.Cmds {
		nodes += len(one.Args)
		for _, argument := range one.Args {
			nodes += sandboxArgument(argument)
		}
		if name, ok := one.Args[0].(*parse.IdentifierNode); ok {
			nodes += comparisonCost(name.Ident)
			name.Ident = named(name.Ident, one.Args[1:], one == pipe.Cmds[0])
		}
	}
	return nodes
}

func sandboxArgument(argument parse.Node) int {
	switch argument := argument.(type) {
	case *parse.PipeNode:
		return sandboxPipe(argument)
	case *parse.ChainNode:
		return len(argument.Field) + sandboxArgument(argument.Node)
	case *parse.FieldNode:
		return len(argument.Ident)
	case *parse.VariableNode:
		return len(argument.Ident)
	}
	return 0
}

// comparisonCost is for the comparisons of text/template, which may read two large values and are not counted
// as our own functions are.
func comparisonCost(name string) int {
	switch name {
	case "eq", "ne", "lt", "le", "gt", "ge":
		return 50
	}
	return 0
}

// named is the function that may show its texts, where they are written in the template. What a pipe brings,
// which only the first command of it is without, may be a value.
func named(name string, arguments []parse.Node, first bool) string {
	switch {
	case name == "index" && first && len(arguments) > 1 && written(arguments[1:]):
		return namedIndex
	case name == "required" && len(arguments) > 0 && written(arguments[:1]):
		return namedRequired
	case name == "fail" && written(arguments):
		return namedFail
	}
	return name
}

func written(arguments []parse.Node) bool {
	for _, argument := range arguments {
		if argument.Type() != parse.NodeString && argument.Type() != parse.NodeNumber {
			return false
		}
	}
	return len(arguments) > 0
}

// action is {{ name number }}.
func action(at parse.Node, name string, number int) parse.Node {
	count := &parse.NumberNode{NodeType: parse.NodeNumber, Pos: at.Position(), IsInt: true, Int64: int64(number), Text: strconv.Itoa(number)}
	called := command(at, name)
	called.Args = append(called.Args, count)
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at.Position(),
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: at.Position(), Cmds: []*parse.CommandNode{called}}}
}

func command(at parse.Node, name string) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at.Position(), Args: []parse.Node{parse.NewIdentifier(name).SetPos(at.Position())}}
}

// guards are the functions that guard names.
func (e *execution) guards() map[string]any {
	step := func(nodes int) (string, error) {
		return "", stopped(func() { e.budget.spend(2 + nodes) })
	}
	return map[string]any{
		stepFunction: step,
		enterFunction: func(nodes int) (string, error) {
			if e.budget.depth++; e.budget.depth > maxDepth {
				return "", &exhausted{fmt.Sprintf("templates call each other more than %d deep", maxDepth)}
			}
			return step(nodes)
		},
		leaveFunction: func(int) string { e.budget.depth--; return "" },
		printFunction: e.bind("print", function{1, 1, 0, printed}),
		namedIndex:    e.bind("index", function{1, -1, 0, indexNamed}),
		namedRequired: e.bind("required", function{2, 2, 0, func(c *call) any { return required(c, cut(c.text(0))) }}),
		namedFail:     e.bind("fail", function{1, 1, 0, func(c *call) any { return failed(c, cut(c.text(0))) }}),
	}
}

// stopped gives what spend panics with as an error.
func stopped(run func()) (err error) {
	defer func() {
		if spent, ok := recover().(*exhausted); ok {
			err = spent
		}
	}()
	run()
	return nil
}
