package jmespath

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

// Error says why an expression can't be used. It quotes no document.
type Error struct {
	// Offset is the byte of the expression at which the problem is, from 1; 0 if it has no single place.
	Offset int
	// Problem is a clause without a full stop.
	Problem string
}

// Error is the problem, with the offset if there is one.
func (e *Error) Error() string {
	if e.Offset > 0 {
		return fmt.Sprintf("%s at byte %d", e.Problem, e.Offset)
	}
	return e.Problem
}

func fail(format string, args ...any) error { return &Error{Problem: fmt.Sprintf(format, args...)} }

// Expression is a compiled expression.
type Expression struct{ root parsing.ASTNode }

// Compile parses an expression and checks what can be checked without a document. Errors are of type *Error.
func Compile(expression string) (*Expression, error) {
	root, err := parse(expression)
	if err != nil {
		return nil, err
	}
	if err := checker(functions()).check(root, false); err != nil {
		return nil, err
	}
	return &Expression{root: root}, nil
}

// parse calls the library's parser. It panics on some expressions that end too early, as it reads beyond their end.
func parse(expression string) (root parsing.ASTNode, err error) {
	defer func() {
		if recover() != nil {
			err = &Error{Offset: len(expression), Problem: "the expression ends too early"}
		}
	}()
	root, err = parsing.NewParser().Parse(expression)
	if syntax, ok := errors.AsType[parsing.SyntaxError](err); ok {
		return root, &Error{Offset: syntax.Offset + 1, Problem: "syntax error"}
	}
	if errors.Is(err, strconv.ErrRange) || errors.Is(err, strconv.ErrSyntax) {
		return root, &Error{Problem: "brackets hold what is no index"}
	}
	if err != nil {
		return root, &Error{Problem: "a literal or a quoted name in it is not valid JSON"}
	}
	return root, nil
}

// checker has the functions that an expression may call.
type checker map[string]builtin

// check refuses what is in the library's dialect but not in jmespath.org, so that an expression means the same in every
// tool. Only an argument may refer to an expression.
func (c checker) check(node parsing.ASTNode, argument bool) error {
	switch node.NodeType {
	case parsing.ASTArithmeticExpression, parsing.ASTArithmeticUnaryExpression:
		return fail("arithmetic is no part of JMESPath")
	case parsing.ASTRootNode, parsing.ASTLetExpression, parsing.ASTVariable, parsing.ASTBindings, parsing.ASTBinding:
		return fail("\"$\" and \"let\" are no part of JMESPath")
	case parsing.ASTEmpty:
		return fail("a part of it is missing")
	case parsing.ASTExpRef:
		if !argument {
			return fail("\"&\" is for arguments of functions alone")
		}
	case parsing.ASTLiteral:
		if _, err := literal(node.Value); err != nil {
			return err
		}
	case parsing.ASTFunctionExpression:
		if err := c.checkCall(node); err != nil {
			return err
		}
	}
	for _, child := range node.Children {
		if err := c.check(child, node.NodeType == parsing.ASTFunctionExpression); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) checkCall(node parsing.ASTNode) error {
	name, _ := node.Value.(string)
	function, known := c[name]
	if !known {
		return fail("there is no function %q", name)
	}
	if given, wanted := len(node.Children), len(function.takes); given < wanted || given > wanted && !function.variadic {
		return fail("function %s takes %d arguments and was given %d", name, wanted, given)
	}
	return nil
}

// literalDigits is how many digits a number in an expression has at most: the parser reads it as a float64, which
// keeps that many.
const literalDigits = 15

// literalSize is how many values there are in what the parser made of JSON, and how many bytes of text.
func literalSize(parsed any) int {
	size := 1
	switch parsed := parsed.(type) {
	case []any:
		for _, item := range parsed {
			size += literalSize(item)
		}
	case map[string]any:
		for name, field := range parsed {
			size += len(name) + literalSize(field)
		}
	case string:
		size += len(parsed)
	}
	return size
}

// literal turns what the parser made of JSON in an expression into a value.
func literal(parsed any) (any, error) {
	switch parsed := parsed.(type) {
	case float64:
		text := strconv.FormatFloat(parsed, 'f', -1, 64)
		digits := slices.DeleteFunc([]byte(text), func(b byte) bool { return b < '0' || b > '9' })
		if len(digits) > literalDigits {
			return nil, fail("a number in it has more than %d digits", literalDigits)
		}
		return number(text), nil
	case []any:
		made := &listValue{items: []any{}}
		for _, item := range parsed {
			value, err := literal(item)
			if err != nil {
				return nil, err
			}
			made.items = append(made.items, value)
		}
		return made, nil
	case map[string]any:
		made := &objectValue{fields: map[string]any{}}
		for name, field := range parsed {
			value, err := literal(field)
			if err != nil {
				return nil, err
			}
			made.fields[name] = value
		}
		return made, nil
	}
	return parsed, nil
}
