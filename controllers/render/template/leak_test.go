package template

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
)

// marker stands for a value. It has no character that quoting would change.
const marker = "hunter2marker"

// TestErrorsHaveNoPartOfAValue gives each function values where it takes none of the kind, by position and by pipe.
func TestErrorsHaveNoPartOfAValue(t *testing.T) {
	values := []string{
		marker, `{"` + marker + `":"` + marker + `"`, `{"a":` + marker + `}`, `[` + marker, "a: [" + marker, "- " + marker + "\n\t" + marker, "&" + marker + " [*" + marker + "]",
		"-----BEGIN CERTIFICATE-----\n" + base64.StdEncoding.EncodeToString([]byte(marker)) + "\n-----END CERTIFICATE-----\n",
		"-----BEGIN PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString([]byte(marker)) + "\n-----END PRIVATE KEY-----\n", "%" + marker, "%!(" + marker, marker + "\xff", marker + "\n:\x00",
		"<<: " + marker, "? [" + marker + "]\n: " + marker, "a: !!int " + marker, "a: !!float " + marker, "a: !!bool " + marker, "a: !" + marker + " x", marker + ": 1\n" + marker + ": 2", "9" + strings.Repeat("9", 30) + marker,
	}
	builtins := []string{"and", "or", "not", "len", "slice", "call", "eq", "ne", "lt", "le", "gt", "ge"}
	failed := 0
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(library())), builtins) {
		for i, value := range values {
			shapes := argumentShapes()
			if i > 0 {
				shapes = shapes[:6] // What a value says matters where it is read as one.
			}
			for _, arguments := range shapes {
				for _, source := range []string{"{{ " + name + " " + arguments + " }}", "{{ .v | " + name + " " + arguments + " }}"} {
					_, err := render(source, map[string]string{"v": value})
					if err == nil {
						continue
					}
					failed++
					if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "999999") || strings.Contains(text, "aHVudGVy") {
						t.Fatalf("%s: the error quotes the value", source)
					}
				}
			}
		}
	}
	if failed < 1000 {
		t.Errorf("only %d errors were seen", failed)
	}
}

func argumentShapes() []string {
	return []string{
		".v", ".v .v", `"%d" .v`, `(dict "host" .v)`, `(dict .v (list .v))`, ".v (list .v)", "", ".v .v .v",
		"1 .v", ".v 1", "-1 .v", ". .v", ".v .", ".", `(dict .v .v "host" "h" "port" .v)`, "(list .v)", "(list .v) .v", ".v (list (list .v))",
		"(list (dict .v .v))", "(dict .v (dict .v .v))", `"%f" .v`, `(dict "registry" .v "username" (list .v))`, "nil .v", ".v nil", "1.5 .v", "(list .v).x", "(dict).v", ".v.x",
	}
}

func TestPanicsInFunctionsHaveNoPartOfAValue(t *testing.T) {
	e := &execution{budget: newBudget(newPass())}
	for _, thrown := range []any{marker, &Error{Message: marker}, strings.NewReader(marker)} {
		result, err := e.bind("broken", function{1, 1, 0, func(*call) any { panic(thrown) }})(marker)
		if result != nil {
			t.Errorf("a panic with a %T gives a result of type %T", thrown, result)
		}
		if err == nil || err.Error() != "broken failed on these values" {
			t.Errorf("a panic with a %T gives another error", thrown)
		}
	}
}

func TestMessagesOfTheAuthorAreShownOnlyWhereTheyAreWritten(t *testing.T) {
	data := map[string]string{"v": marker}
	refuses(t, data, map[string]string{
		`{{ fail "no host" }}`:                              "line 1, column 3: no host",
		`{{ required "no host" "" }}`:                       "no host",
		`{{ "" | required "no host" }}`:                     "no host",
		`{{ fail .v }}`:                                     "the template refuses these values",
		`{{ .v | fail }}`:                                   "the template refuses these values",
		`{{ fail (print "no " .v) }}`:                       "the template refuses these values",
		`{{ required .v "" }}`:                              "a value that the template requires is empty",
		`{{ required (printf "no %s" .v) "" }}`:             "a value that the template requires is empty",
		`{{ $m := .v }}{{ required $m "" }}`:                "a value that the template requires is empty",
		`{{ if true }}{{ with fail .v }}{{ end }}{{ end }}`: "the template refuses these values",
	})
}
