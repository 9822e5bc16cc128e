package jmespath

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzSearch wants the same result each time, which is JSON where it is no string, and errors without the marker.
func FuzzSearch(f *testing.F) {
	const marker = "hunter2marker"
	for _, expression := range []string{
		"@", "a.b", "a[0]", "a[-1].b", "[*].a", "*.a", "a[?b>`1`]", "a[]", "{x: a, y: b}", "[a, b]", "a || b", "a && !b", "sort_by(@, &a)", "sum(a)",
		"avg(@)", "join(',', keys(@))", "to_string(@)", "to_number(a)", "a[1:2:-1]", `"a.b"`, "'x'", "`1`", "max(@)", "merge(@, @)", "a == b", "foo(", "a[",
	} {
		for _, content := range []string{`{"a":{"b":"MARK"}}`, `[{"a":1.50},{"a":"MARK"}]`, `{"a":[1,2e400,0.1],"b":null}`, `"MARK"`, `[[["MARK"]]]`, `[3,1,2]`, "1e-9999999999"} {
			f.Add(expression, content)
		}
	}
	f.Fuzz(func(t *testing.T, expression, content string) {
		content = strings.ReplaceAll(content, "MARK", marker)
		if len(expression) > 1024 || !json.Valid([]byte(content)) || strings.Contains(expression, marker) {
			return
		}
		checkSearch(t, expression, []byte(content), marker)
	})
}

func checkSearch(t *testing.T, expression string, content []byte, marker string) {
	t.Helper()
	compiled, err := Compile(expression)
	if err != nil {
		return
	}
	got, there, err := compiled.Search(Parse(content), newBudget())
	again, _, twice := compiled.Search(Parse(content), newBudget())
	if (err == nil) != (twice == nil) || string(got) != string(again) {
		t.Fatal("the same search gives another result")
	}
	if err != nil && strings.Contains(err.Error(), marker) {
		t.Fatal("the error quotes the document")
	}
	// In a list, whatever was found is written as JSON.
	listed, err := Compile("[" + expression + "]")
	if err != nil || !there {
		return
	}
	if got, _, err := listed.Search(Parse(content), newBudget()); err == nil && len(got) > 0 && !json.Valid(got) {
		t.Fatal("what was computed is no JSON")
	}
}
