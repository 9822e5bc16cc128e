package jmespath

import (
	"cmp"
	"slices"
)

// keyed is an item with its sort key: its decimal if it is a number, otherwise its text.
type keyed struct {
	item   any
	number decimal
	text   string
}

func compareKeyed(a, b keyed) int {
	return cmp.Or(a.number.compare(b.number), cmp.Compare(a.text, b.text))
}

// keyedItems pairs items with their sort keys, which must all be numbers, or all be strings.
func (s *search) keyedItems(given []any, by func(item any) (any, error)) ([]keyed, error) {
	pairs := make([]keyed, 0, len(given))
	first := ""
	for i, item := range given {
		key, err := by(item)
		if err != nil {
			return nil, err
		}
		if err := s.spend(size(key)); err != nil {
			return nil, err
		}
		if i == 0 {
			first = kind(key)
		}
		pair := keyed{item: item}
		switch key := key.(type) {
		case number:
			pair.number, err = key.parse()
		case string:
			pair.text = key
		default:
			return nil, fail("what a list is ordered by must be a number or a string, and is %s", kind(key))
		}
		if err != nil {
			return nil, err
		}
		if kind(key) != first {
			return nil, fail("what a list is ordered by must be numbers or strings, and is both")
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

func itself(item any) (any, error) { return item, nil }

// by evaluates the expression of sort_by and its like.
func (s *search) by(argument any) func(item any) (any, error) {
	expression, _ := argument.(*reference)
	return func(item any) (any, error) { return s.eval(expression.node, item) }
}

func (s *search) ordered(given []any, by func(any) (any, error)) (any, error) {
	pairs, err := s.keyedItems(given, by)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(pairs, compareKeyed)
	made := &listValue{items: make([]any, 0, len(pairs))}
	for _, pair := range pairs {
		made.items = append(made.items, pair.item)
	}
	return made, s.spend(len(pairs))
}

func sorted(s *search, arguments []any) (any, error) { return s.ordered(items(arguments[0]), itself) }

func sortedBy(s *search, arguments []any) (any, error) {
	return s.ordered(items(arguments[0]), s.by(arguments[1]))
}

// best is the first item that no other exceeds in that direction; null for an empty list.
func (s *search) best(given []any, by func(any) (any, error), direction int) (any, error) {
	pairs, err := s.keyedItems(given, by)
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	found := pairs[0]
	for _, pair := range pairs[1:] {
		if direction*compareKeyed(pair, found) > 0 {
			found = pair
		}
	}
	return found.item, nil
}

func extreme(direction int) func(*search, []any) (any, error) {
	return func(s *search, arguments []any) (any, error) { return s.best(items(arguments[0]), itself, direction) }
}

func extremeBy(direction int) func(*search, []any) (any, error) {
	return func(s *search, arguments []any) (any, error) {
		return s.best(items(arguments[0]), s.by(arguments[1]), direction)
	}
}
