package jmespath

import (
	"strings"
	"testing"
)

// What programs read in different ways is never chosen between, nor changed: it comes as it stands, within what is
// taken whole, or the expression is refused.
func TestUnclearPartsAreNotLookedAt(t *testing.T) {
	const twice, half = "more than once", "half of a pair"
	for name, test := range map[string]struct{ content, expression, want, refused string }{
		"another field":             {`{"a":1,"a":2,"b":3}`, `b`, "3", ""},
		"the whole":                 {`{"a":1,"a":2}`, `@`, `{"a":1,"a":2}`, ""},
		"the field":                 {`{"a":1,"a":2}`, `a`, "", twice},
		"below the field":           {`{"a":{"x":1},"a":{"x":2}}`, `a.x`, "", twice},
		"a name in other letters":   {`{"a":1,"\u0061":2}`, `a`, "", twice},
		"all values":                {`{"a":1,"a":2}`, `*`, "", twice},
		"values()":                  {`{"a":1,"a":2}`, `values(@)`, "", twice},
		"length()":                  {`{"a":1,"a":2}`, `length(@)`, "", twice},
		"keys()":                    {`{"a":1,"a":2}`, `keys(@)`, `["a"]`, ""},
		"merge()":                   {`{"a":1,"a":2}`, `merge(@, @)`, "", twice},
		"merge() over it":           {"{\"a\":1,\"a\":2}", "merge(@, `{\"a\":3}`)", `{"a":3}`, ""},
		"a filter":                  {`[{"a":1,"a":2,"b":1}]`, "[?a==`2`].b", "", twice},
		"equality":                  {`{"o":{"a":1,"a":2},"p":{"a":2}}`, "o == p", "", twice},
		"a text":                    {`{"a":"x\ud800y"}`, `a`, "", half},
		"a text behind a backslash": {`{"a":"\\\ud800\""}`, `a`, "", half},
		"a text with a whole pair":  {`{"a":"\ud83d\ude00\ufffd\\ud800"}`, `a`, "\U0001F600\uFFFD\\ud800", ""},
		"a text in a list":          {`["x","\udc00"]`, `[0]`, "x", ""},
		"the text in a list":        {`["x","\udc00"]`, `[1]`, "", half},
		"join()":                    {`["x","\udc00"]`, `join(',', @)`, "", half},
		"sort()":                    {`["x","\udc00"]`, `sort(@)`, "", half},
		"contains()":                {`["x","\udc00"]`, `contains(@, 'y')`, "", half},
		"flatten":                   {`[["x"],["\udc00"]]`, `[]`, "", half},
		"a slice":                   {`["x","\udc00"]`, `[1:]`, "", half},
		"a name":                    {`{"\ud800":1,"a":2}`, `keys(@)`, "", half},
		"beside a name":             {`{"\ud800":1,"a":2}`, `a`, "2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			expression, err := Compile(test.expression)
			if err != nil {
				t.Fatal(err)
			}
			found, _, err := expression.Search(Parse([]byte(test.content)), newBudget())
			switch {
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("got %s, %v; want a refusal that mentions %q", found, err, test.refused)
			case test.refused == "" && (err != nil || string(found) != test.want):
				t.Errorf("got %s, %v; want %s", found, err, test.want)
			}
		})
	}
}
