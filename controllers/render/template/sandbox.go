package template

import (
	"fmt"
	"strconv"
	"text/template/parse"
)

// Names of the functions that sandbox inserts into templates.
const (
	stepFunction  = "_step"
	enterFunction = "_enter"
	leaveFunction = "_leave"
	printFunction = "_print"
	// These show a text that is a constant in the template.
	namedIndex    = "_indexNamed"
	namedRequired = "_requiredNamed"
	namedFail     = "_failNamed"
)

// sandbox inserts actions into a parsed template that bound it: a step counter at the start of each part that can run
// more than once, a depth counter around the whole, and a check of each value that is printed.
func sandbox(tree *parse.Tree) {
	if tree == nil || tree.Root == nil {
		return
	}
	nodes := sandboxList(tree.Root)
	tree.Root.Nodes = append([]parse.Node{action(tree.Root, enterFunction, nodes)}, tree.Root.Nodes...)
	tree.Root.Nodes = append(tree.Root.Nodes, action(tree.Root, leaveFunction, 0))
}

// nesting is how deeply actions are nested.
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

// sandboxList returns how many nodes are in a list and below, without the bodies that count their own.
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
			node.Pipe.Cmds = append(node.Pipe.Cmds, callOf(node, printFunction))
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

// sandboxPipe counts, and marks each index whose names are constants in the template: errors may show them.
func sandboxPipe(pipe *parse.PipeNode) int {
	if pipe == nil {
		return 0
	}
	nodes := 0
	for _, command := range pipe.Cmds {
		nodes += len(command.Args)
		for _, argument := range command.Args {
			nodes += sandboxArgument(argument)
		}
		if name, ok := command.Args[0].(*parse.IdentifierNode); ok {
			nodes += comparisonCost(name.Ident)
			name.Ident = named(name.Ident, command.Args[1:], command == pipe.Cmds[0])
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

// comparisonCost is the cost of the comparisons of text/template, which may read two large values and have no cost of
// their own.
func comparisonCost(name string) int {
	switch name {
	case "eq", "ne", "lt", "le", "gt", "ge":
		return 50
	}
	return 0
}

// named is the variant of a function that may show its texts, if they are constants in the template. All commands of a
// pipe but the first get an argument from the pipe, which may be a value.
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
	called := callOf(at, name)
	called.Args = append(called.Args, count)
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at.Position(),
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: at.Position(), Cmds: []*parse.CommandNode{called}}}
}

func callOf(at parse.Node, name string) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at.Position(), Args: []parse.Node{parse.NewIdentifier(name).SetPos(at.Position())}}
}

// sandboxFunctions are the functions that sandbox inserts.
func (e *execution) sandboxFunctions() map[string]any {
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

// stopped returns the panic of spend as an error.
func stopped(run func()) (err error) {
	defer func() {
		if spent, ok := recover().(*exhausted); ok {
			err = spent
		}
	}()
	run()
	return nil
}
