package jmespath

import (
	"bytes"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"

	"github.com/secretsync/secretsync/controllers/pattern"
)

// Work is counted in values read and bytes written. It is bounded, as a short expression can need more than any machine
// has: each "[@, @] | []" doubles a list.
const (
	// workPerSearch bounds the memory of a search too.
	workPerSearch = 1 << 20
	// heavyWork is the work from which a search is heavy, because of its memory.
	heavyWork = 1 << 14
	// workAtOnce is the work for which steps are taken at a time, and workPrice the steps for a unit of work.
	workAtOnce, workPrice = 256, 10
)

// CompilePrice is how many steps of a budget compiling takes for each byte of an expression.
const CompilePrice = 200

// search is one evaluation of an expression.
type search struct {
	functions map[string]builtin
	budget    *pattern.Budget
	// done is the work that was done, and paid the work for which steps were taken.
	done, paid int
}

// reference is an expression as the argument of a function.
type reference struct{ node parsing.ASTNode }

func (s *search) spend(work int) error {
	if s.done += work + 1; s.done > workPerSearch {
		return fail("it makes too much out of the value")
	}
	if s.done <= s.paid {
		return nil
	}
	if s.done > heavyWork {
		if err := s.budget.Heavy(); err != nil {
			return err
		}
	}
	due := s.done - s.paid + workAtOnce
	s.paid += due
	return s.budget.Spend("the expression", int64(due*workPrice))
}

// Search returns what the expression finds: the text of a string, or the JSON of anything else. JSON from the document
// is unchanged. The second result is false if nothing or null is found. Errors are of type *Error, or those of the
// budget.
func (e *Expression) Search(doc *Document, budget *pattern.Budget) ([]byte, bool, error) {
	s := &search{functions: functions(), budget: budget}
	found, err := s.eval(e.root, doc.root)
	if err != nil || found == nil {
		return nil, false, err
	}
	if text, ok := found.(string); ok {
		return []byte(text), true, nil
	}
	var written bytes.Buffer
	if err := s.encode(&written, found); err != nil {
		return nil, false, err
	}
	return written.Bytes(), true, nil
}

// eval gives the value of an expression for a current node.
func (s *search) eval(node parsing.ASTNode, current any) (any, error) {
	if err := s.spend(0); err != nil {
		return nil, err
	}
	if why, ok := current.(unclear); ok {
		return nil, fail("%s", string(why))
	}
	found, err := s.evalNode(node, current)
	if why, ok := found.(unclear); ok && err == nil {
		return nil, fail("%s", string(why))
	}
	return found, err
}

func (s *search) evalNode(node parsing.ASTNode, current any) (any, error) {
	switch node.NodeType {
	case parsing.ASTIdentity, parsing.ASTCurrentNode:
		return current, nil
	case parsing.ASTLiteral:
		if err := s.spend(literalSize(node.Value)); err != nil {
			return nil, err
		}
		return literal(node.Value)
	case parsing.ASTExpRef:
		return &reference{node: node.Children[0]}, nil
	case parsing.ASTField, parsing.ASTIndex, parsing.ASTSlice:
		return s.pick(node, current)
	case parsing.ASTSubexpression, parsing.ASTIndexExpression, parsing.ASTPipe:
		left, err := s.eval(node.Children[0], current)
		if err != nil {
			return nil, err
		}
		return s.eval(node.Children[1], left)
	case parsing.ASTProjection, parsing.ASTValueProjection, parsing.ASTFilterProjection, parsing.ASTFlatten:
		return s.project(node, current)
	case parsing.ASTMultiSelectList, parsing.ASTMultiSelectHash:
		return s.multiSelect(node, current)
	case parsing.ASTFunctionExpression:
		return s.call(node, current)
	case parsing.ASTKeyValPair:
		return s.eval(node.Children[0], current)
	}
	return s.decide(node, current)
}

// decide evaluates comparisons and boolean operators.
func (s *search) decide(node parsing.ASTNode, current any) (any, error) {
	left, err := s.eval(node.Children[0], current)
	if err != nil {
		return nil, err
	}
	switch node.NodeType {
	case parsing.ASTNotExpression:
		return !truthy(left), nil
	case parsing.ASTOrExpression:
		if truthy(left) {
			return left, nil
		}
		return s.eval(node.Children[1], current)
	case parsing.ASTAndExpression:
		if !truthy(left) {
			return left, nil
		}
		return s.eval(node.Children[1], current)
	case parsing.ASTComparator:
		right, err := s.eval(node.Children[1], current)
		if err != nil {
			return nil, err
		}
		return s.compare(node.Value, left, right)
	}
	return nil, fail("a part of it is not known")
}

// compare orders numbers only, as JMESPath does; the order of anything else is null.
func (s *search) compare(operator, left, right any) (any, error) {
	if operator == parsing.TOKEQ || operator == parsing.TOKNE {
		equal, err := s.equal(left, right)
		return equal == (operator == parsing.TOKEQ), err
	}
	first, ok := left.(number)
	second, too := right.(number)
	if !ok || !too {
		return nil, nil
	}
	if err := s.spend(size(left) + size(right)); err != nil {
		return nil, err
	}
	order, err := compareNumbers(first, second)
	if err != nil {
		return nil, err
	}
	switch operator {
	case parsing.TOKLT:
		return order < 0, nil
	case parsing.TOKLTE:
		return order <= 0, nil
	case parsing.TOKGT:
		return order > 0, nil
	}
	return order >= 0, nil
}

// equal compares by value: 1.0 is 1.
func (s *search) equal(left, right any) (bool, error) {
	if err := s.spend(size(left) + size(right)); err != nil {
		return false, err
	}
	for _, side := range []any{left, right} {
		if why, ok := side.(unclear); ok {
			return false, fail("%s", string(why))
		}
	}
	switch left := left.(type) {
	case number:
		other, ok := right.(number)
		if !ok || left == other {
			return ok, nil
		}
		order, err := compareNumbers(left, other)
		return order == 0, err
	case *listValue:
		other, ok := right.(*listValue)
		if !ok || len(left.items) != len(other.items) {
			return false, nil
		}
		return s.equalLists(left, other)
	case *objectValue:
		other, ok := right.(*objectValue)
		if !ok || len(left.fields) != len(other.fields) {
			return false, nil
		}
		return s.equalObjects(left, other)
	case *reference:
		return false, nil
	}
	return left == right, nil
}

// equalLists compares lists of the same length.
func (s *search) equalLists(left, right *listValue) (bool, error) {
	for i, item := range left.items {
		if equal, err := s.equal(item, right.items[i]); !equal {
			return false, err
		}
	}
	return true, nil
}

// equalObjects compares objects with the same number of fields.
func (s *search) equalObjects(left, right *objectValue) (bool, error) {
	for _, name := range left.names() {
		field, there := right.fields[name]
		if !there {
			return false, nil
		}
		if equal, err := s.equal(left.fields[name], field); !equal {
			return false, err
		}
	}
	return true, nil
}
