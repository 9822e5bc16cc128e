package jmespath

import (
	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

// pick takes a field, an item, or a run of items.
func (s *search) pick(node parsing.ASTNode, current any) (any, error) {
	switch wanted := node.Value.(type) {
	case string:
		if object, ok := current.(*objectValue); ok {
			return object.fields[wanted], nil
		}
	case int:
		if list, ok := current.(*listValue); ok {
			if wanted < 0 {
				wanted += len(list.items)
			}
			if 0 <= wanted && wanted < len(list.items) {
				return list.items[wanted], nil
			}
		}
	case []*int:
		if list, ok := current.(*listValue); ok {
			return s.slice(wanted, list)
		}
	}
	return nil, nil
}

// slice takes items from start to stop, which is not among them, in steps.
func (s *search) slice(parts []*int, from *listValue) (any, error) {
	step := 1
	if parts[2] != nil {
		step = *parts[2]
	}
	if step == 0 {
		return nil, fail("the step of a slice must not be 0")
	}
	length := len(from.items)
	// Indexes beyond an end of the list are moved to that end.
	first, last := 0, length
	start, stop := 0, length
	if step < 0 {
		first, last = -1, length-1
		start, stop = length-1, -1
	}
	bound := func(at *int, otherwise int) int {
		if at == nil {
			return otherwise
		}
		position := *at
		if position < 0 {
			position += length
		}
		return min(max(position, first), last)
	}
	start, stop = bound(parts[0], start), bound(parts[1], stop)
	// A longer step would leave the list too, and may overflow.
	step = min(max(step, -length-1), length+1)
	taken := &listValue{items: []any{}}
	for at := start; step > 0 && at < stop || step < 0 && at > stop; at += step {
		taken.items = append(taken.items, from.items[at])
	}
	return taken, s.spend(len(taken.items))
}

// project evaluates an expression for each of many values, and leaves out those for which it gives null.
func (s *search) project(node parsing.ASTNode, current any) (any, error) {
	left, err := s.eval(node.Children[0], current)
	if err != nil {
		return nil, err
	}
	items, ok := many(node, left)
	if !ok {
		return nil, nil
	}
	if err := s.spend(len(items)); err != nil {
		return nil, err
	}
	if node.NodeType == parsing.ASTFlatten {
		return s.flatten(items)
	}
	made := &listValue{items: []any{}}
	for _, item := range items {
		if node.NodeType == parsing.ASTFilterProjection {
			kept, err := s.eval(node.Children[2], item)
			if err != nil {
				return nil, err
			}
			if !truthy(kept) {
				continue
			}
		}
		value, err := s.eval(node.Children[1], item)
		if err != nil {
			return nil, err
		}
		if value != nil {
			made.items = append(made.items, value)
		}
	}
	return made, nil
}

// many are the values of a projection: the items of a list, or the fields of an object in the order of their names.
func many(node parsing.ASTNode, value any) ([]any, bool) {
	if node.NodeType != parsing.ASTValueProjection {
		list, ok := value.(*listValue)
		if !ok {
			return nil, false
		}
		return list.items, true
	}
	object, ok := value.(*objectValue)
	if !ok {
		return nil, false
	}
	return object.values(), true
}

func (o *objectValue) values() []any {
	values := make([]any, 0, len(o.fields))
	for _, name := range o.names() {
		values = append(values, o.fields[name])
	}
	return values
}

func (s *search) flatten(items []any) (any, error) {
	flat := &listValue{items: []any{}}
	for _, item := range items {
		added := []any{item}
		if nested, ok := item.(*listValue); ok {
			added = nested.items
		}
		if err := s.spend(len(added)); err != nil {
			return nil, err
		}
		flat.items = append(flat.items, added...)
	}
	return flat, nil
}

func (s *search) multiSelect(node parsing.ASTNode, current any) (any, error) {
	if current == nil {
		return nil, nil
	}
	values := make([]any, 0, len(node.Children))
	for _, child := range node.Children {
		value, err := s.eval(child, current)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	if node.NodeType == parsing.ASTMultiSelectList {
		return &listValue{items: values}, nil
	}
	made := &objectValue{fields: make(map[string]any, len(values))}
	for i, child := range node.Children {
		name, _ := child.Value.(string)
		made.fields[name] = values[i]
	}
	return made, nil
}
