package template

import (
	"strings"
)

// stringFunctions take their arguments as Helm users expect: the text from a pipe is the last one.
func stringFunctions() map[string]function {
	return map[string]function{
		"trim":       {1, 1, 0, func(c *call) any { return strings.TrimSpace(c.text(0)) }},
		"trimAll":    {2, 2, 0, func(c *call) any { return strings.Trim(c.text(1), c.text(0)) }},
		"trimPrefix": {2, 2, 0, func(c *call) any { return strings.TrimPrefix(c.text(1), c.text(0)) }},
		"trimSuffix": {2, 2, 0, func(c *call) any { return strings.TrimSuffix(c.text(1), c.text(0)) }},
		"upper":      {1, 1, 0, func(c *call) any { return strings.ToUpper(c.text(0)) }},
		"lower":      {1, 1, 0, func(c *call) any { return strings.ToLower(c.text(0)) }},
		"contains":   {2, 2, 0, func(c *call) any { return strings.Contains(c.text(1), c.text(0)) }},
		"hasPrefix":  {2, 2, 0, func(c *call) any { return strings.HasPrefix(c.text(1), c.text(0)) }},
		"hasSuffix":  {2, 2, 0, func(c *call) any { return strings.HasSuffix(c.text(1), c.text(0)) }},
		"replace":    {3, 3, 0, replace},
		"repeat":     {2, 2, 0, repeat},
		"substr":     {3, 3, 0, substr},
		"trunc":      {2, 2, 0, trunc},
		"indent":     {2, 2, 0, func(c *call) any { return indent(c) }},
		"nindent":    {2, 2, 0, func(c *call) any { return "\n" + indent(c) }},
		"splitList":  {2, 2, 0, split},
		"join":       {2, 2, 0, join},
	}
}

func replace(c *call) any {
	from, to, text := c.text(0), c.text(1), c.text(2)
	c.budget.spendBytes(c.fits(len(text) + strings.Count(text, from)*max(0, len(to)-len(from))))
	return strings.ReplaceAll(text, from, to)
}

func repeat(c *call) any {
	times, text := c.integer(0), c.text(1)
	if times < 0 || times > maxValue {
		c.refuse("argument 1 must be between 0 and %d", maxValue)
	}
	c.fits(times * len(text))
	return strings.Repeat(text, times)
}

// substr counts bytes, as sprig's does; an end below 0 means the end of the text.
func substr(c *call) any {
	start, end, text := c.integer(0), c.integer(1), c.text(2)
	if end < 0 || end > len(text) {
		end = len(text)
	}
	start = min(max(start, 0), end)
	return text[start:end]
}

// trunc counts bytes from the start, or from the end if the number is below 0.
func trunc(c *call) any {
	length, text := c.integer(0), c.text(1)
	if length < 0 {
		return text[max(0, len(text)+max(length, -len(text))):]
	}
	return text[:min(length, len(text))]
}

func indent(c *call) string {
	width, text := c.integer(0), c.text(1)
	if width < 0 || width > 1000 {
		c.refuse("argument 1 must be between 0 and 1000")
	}
	lines := 1 + strings.Count(text, "\n")
	c.fits(len(text) + lines*width)
	pad := strings.Repeat(" ", width)
	return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
}

func split(c *call) any {
	separator, text := c.text(0), c.text(1)
	c.fits(16 * strings.Count(text, separator))
	parts := strings.Split(text, separator)
	list := make([]any, len(parts))
	for i, part := range parts {
		list[i] = part
	}
	return list
}

func join(c *call) any {
	separator, list := c.text(0), c.list(1)
	c.fits(len(separator) * len(list))
	c.deep(1)
	parts := make([]string, len(list))
	for i, item := range list {
		text, ok := scalar(item)
		if !ok {
			c.refuse("an item of the list is %s, and a text is needed", kind(item))
		}
		parts[i] = text
	}
	return strings.Join(parts, separator)
}
