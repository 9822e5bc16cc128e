package template

import (
	"maps"
	"slices"
	"strconv"
)

func collectionFunctions() map[string]function {
	return map[string]function{
		"dict":      {0, -1, 0, dict},
		"list":      {0, -1, 0, func(c *call) any { return slices.Clone(c.arguments) }},
		"get":       {2, 2, 0, get},
		"hasKey":    {2, 2, 0, func(c *call) any { _, ok := c.object(0)[c.text(1)]; return ok }},
		"index":     {1, -1, 0, func(c *call) any { return index(c, func(string) string { return "" }) }},
		"keys":      {1, 1, 0, func(c *call) any { c.deep(0); return names(c.object(0)) }},
		"values":    {1, 1, 0, values},
		"pick":      {1, -1, 0, func(c *call) any { return chosen(c, true) }},
		"omit":      {1, -1, 0, func(c *call) any { return chosen(c, false) }},
		"merge":     {1, -1, 0, merge},
		"append":    {2, 2, 0, func(c *call) any { c.deep(0); return append(slices.Clone(c.list(0)), c.arguments[1]) }},
		"first":     {1, 1, 0, func(c *call) any { return end(c, 0) }},
		"last":      {1, 1, 0, func(c *call) any { return end(c, -1) }},
		"has":       {2, 2, 0, func(c *call) any { return slices.Contains(texts(c, 1), c.text(0)) }},
		"uniq":      {1, 1, 0, func(c *call) any { return uniq(c) }},
		"sortAlpha": {1, 1, 0, func(c *call) any { return listOf(slices.Sorted(slices.Values(texts(c, 0)))) }},
	}
}

func dict(c *call) any {
	if c.count()%2 != 0 {
		c.refuse("needs a value after each name")
	}
	object := make(map[string]any, c.count()/2)
	for i := 0; i < c.count(); i += 2 {
		object[c.text(i)] = c.arguments[i+1]
	}
	return object
}

// get is the empty text if there is no such field, for use with default and coalesce.
func get(c *call) any {
	if value, ok := c.object(0)[c.text(1)]; ok {
		return value
	}
	return ""
}

// indexNamed is index with names that are constants in the template.
func indexNamed(c *call) any {
	return index(c, func(name string) string { return strconv.Quote(cut(name)) })
}

// index is like text/template's, but a missing field is an error. A name that comes from a value is not shown.
func index(c *call, shown func(string) string) any {
	at := c.arguments[0]
	for i := 1; i < c.count(); i++ {
		switch in := at.(type) {
		case map[string]any:
			name := c.text(i)
			value, ok := in[name]
			if !ok {
				panic(&functionError{missing(shown(name), c.fields)})
			}
			at = value
		case []any:
			number := c.integer(i)
			if number < 0 || number >= len(in) {
				c.refuse("argument %d is outside of the list, which has %d items", i+1, len(in))
			}
			at = in[number]
		default:
			c.refuse("argument %d is asked of %s, and needs a map or a list", i+1, kind(at))
		}
	}
	return at
}

func names(object map[string]any) []any { return listOf(slices.Sorted(maps.Keys(object))) }

func listOf(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// values are in the order of their names.
func values(c *call) any {
	c.deep(0)
	object := c.object(0)
	list := make([]any, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		list = append(list, object[name])
	}
	return list
}

func chosen(c *call, keep bool) any {
	c.deep(0)
	named := map[string]bool{}
	for i := 1; i < c.count(); i++ {
		named[c.text(i)] = true
	}
	object := map[string]any{}
	for name, value := range c.object(0) {
		if named[name] == keep {
			object[name] = value
		}
	}
	return object
}

// merge is like sprig's: the first map overrides the others. It changes none of them.
func merge(c *call) any {
	object := map[string]any{}
	for i := c.count() - 1; i >= 0; i-- {
		c.deep(i)
		maps.Copy(object, c.object(i))
	}
	return object
}

func end(c *call, from int) any {
	list := c.list(0)
	if len(list) == 0 {
		c.refuse("the list is empty")
	}
	if from < 0 {
		return list[len(list)-1]
	}
	return list[0]
}

func texts(c *call, i int) []string {
	c.deep(i)
	list := c.list(i)
	all := make([]string, len(list))
	for at, item := range list {
		text, ok := scalar(item)
		if !ok {
			c.refuse("an item of the list is %s, and a text is needed", kind(item))
		}
		all[at] = text
	}
	return all
}

func uniq(c *call) []any {
	seen, kept := map[string]bool{}, []string{}
	for _, text := range texts(c, 0) {
		if !seen[text] {
			kept = append(kept, text)
		}
		seen[text] = true
	}
	return listOf(kept)
}
