package jmespath

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/controllers/pattern"
)

func newBudget() *pattern.Budget { return pattern.NewBudget(context.Background(), pattern.PassSteps) }

// sample has numbers that no float64 holds, and texts with blanks that must stay.
const sample = `{"db": {"port" : 5432, "cents":0.10,"big":12345678901234567890,"exp":1e21, "tls":{ "ca" :"x\/y", "a":[1, 2.0] }},
 "a.b":"dotted","empty":"","none":null,"off":false,
 "servers": [{"name":"one","weight":0.10,"zone":"a"}, {"name":"two","weight":12345678901234567890,"zone":"b"},
  {"name":"three","weight":12345678901234567889,"zone":"a"}],
 "numbers":[3, 1.50, -2e2, 0.1e1], "words":["b","a","c"], "nested":[[1],[2, [3]],4], "z":{"b":1,"a":2,"c":3}}`

func TestSearch(t *testing.T) {
	for expression, want := range map[string]string{
		// Selection keeps everything as it stands.
		"db.port":                       "5432",
		"db.cents":                      "0.10",
		"db.big":                        "12345678901234567890",
		"db.exp":                        "1e21",
		"db.tls":                        `{ "ca" :"x\/y", "a":[1, 2.0] }`,
		"db.tls.ca":                     "x/y",
		"db.tls.a":                      "[1, 2.0]",
		`"a.b"`:                         "dotted",
		"empty":                         "",
		"off":                           "false",
		"servers[0].weight":             "0.10",
		"servers[-1].name":              "three",
		"servers[1]":                    `{"name":"two","weight":12345678901234567890,"zone":"b"}`,
		"@.db.port":                     "5432",
		"servers[?name=='two'] | [0]":   `{"name":"two","weight":12345678901234567890,"zone":"b"}`,
		"max_by(servers, &weight).name": "two",
		"none || db.tls":                `{ "ca" :"x\/y", "a":[1, 2.0] }`,
		"off && db":                     "false",
		"!off":                          "true",
		"not_null(none, db.big)":        "12345678901234567890",
		"to_string(db.tls)":             `{ "ca" :"x\/y", "a":[1, 2.0] }`,
		"to_number('0.10')":             "0.10",
		"to_array(db.exp)[0]":           "1e21",
		"`[1, {\"b\": 2, \"a\": 0.5}]`": `[1,{"a":0.5,"b":2}]`,

		// What is computed is compact, and in order.
		"servers[*].weight":                  `[0.10,12345678901234567890,12345678901234567889]`,
		"{B: db.port, A: db.tls}":            `{"A":{ "ca" :"x\/y", "a":[1, 2.0] },"B":5432}`,
		"[db.port, none, '<&>']":             `[5432,null,"<&>"]`,
		"z.*":                                "[2,1,3]",
		"keys(z)":                            `["a","b","c"]`,
		"values(z)":                          "[2,1,3]",
		"merge(z, {a: 'x'})":                 `{"a":"x","b":1,"c":3}`,
		"nested[]":                           "[1,2,[3],4]",
		"nested[][]":                         "[1,2,3,4]",
		"numbers[1:3]":                       "[1.50,-2e2]",
		"numbers[::-1]":                      "[0.1e1,-2e2,1.50,3]",
		"numbers[9223372036854775807::-1]":   "[0.1e1,-2e2,1.50,3]",
		"numbers[::9223372036854775807]":     "[3]",
		"join('-', words)":                   "b-a-c",
		"servers[?contains(name, 'o')].name": `["one","two"]`,
		"servers[?starts_with(name, 't')] | [].zone": `["b","a"]`,
		"ends_with(empty, 'x')":                      "false",
		"map(&zone, servers)":                        `["a","b","a"]`,
		"reverse(words)":                             `["c","a","b"]`,
		"reverse('üa')":                              "aü",
		"type(db.big)":                               "number",
		"length(servers)":                            "3",
		"length('日本')":                               "2",
		"length(z)":                                  "3",

		// Numbers are compared and computed exactly.
		"servers[?weight > `0.1`].name":            `["two","three"]`,
		"servers[?weight >= `0.1`].name":           `["one","two","three"]`,
		"servers[?weight < `1`].name":              `["one"]`,
		"servers[?weight <= `0.1`].name":           `["one"]`,
		"servers[?weight == `0.1`].name":           `["one"]`,
		"servers[?weight != `0.1`] | length(@)":    "2",
		"servers[1].weight == servers[2].weight":   "false",
		"numbers[0] == `3.0`":                      "true",
		"db.tls.a == `[1, 2]`":                     "true",
		"z == `{\"a\":2,\"b\":1,\"c\":3}`":         "true",
		"z == `{\"a\":2,\"b\":1,\"d\":3}`":         "false",
		"sort(numbers)":                            "[-2e2,0.1e1,1.50,3]",
		"sort(words)":                              `["a","b","c"]`,
		"sort_by(servers, &weight)[*].name":        `["one","three","two"]`,
		"min_by(servers, &zone).name":              "one",
		"max(numbers)":                             "3",
		"min(numbers)":                             "-2e2",
		"max(words)":                               "c",
		"sum(numbers)":                             "-194.5",
		"sum(servers[*].weight)":                   "24691357802469135779.1",
		"sum(servers[?name=='x'].weight)":          "0",
		"avg(numbers)":                             "-48.625",
		"abs(numbers[2])":                          "2e2",
		"ceil(numbers[1])":                         "2",
		"floor(numbers[1])":                        "1",
		"floor(`-1.5`)":                            "-2",
		"ceil(`-1.5`)":                             "-1",
		"ceil(db.exp)":                             "1e21",
		"contains(numbers, `1`)":                   "true",
		"contains(words, 'd')":                     "false",
		"servers[?zone=='a' && weight > `1`].name": `["three"]`,
	} {
		t.Run(expression, func(t *testing.T) {
			compiled, err := Compile(expression)
			if err != nil {
				t.Fatal(err)
			}
			doc := Parse([]byte(sample))
			for range 3 { // The same, each time: maps have no order of their own.
				got, there, err := compiled.Search(doc, newBudget())
				if err != nil || !there || string(got) != want {
					t.Fatalf("got %q (%t, %v), want %q", got, there, err, want)
				}
			}
		})
	}
}

func TestSearchFindsNothing(t *testing.T) {
	for _, expression := range []string{
		"none", "missing", "db.missing", "servers[9]", "servers[-9]", "db[0]", "servers.name", "db[*]", "servers.*", "words > `1`",
		"missing[].x", "missing.{a: b}", "to_number('1x')", "to_number('')", "to_number(words)", "max(`[]`)", "avg(`[]`)", "empty[::2]",
	} {
		compiled, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got, there, err := compiled.Search(Parse([]byte(sample)), newBudget()); there || err != nil {
			t.Errorf("%s gives %q, %v", expression, got, err)
		}
	}
}

func TestScalarsAsDocuments(t *testing.T) {
	for content, want := range map[string]string{`"a\nb"`: "a\nb", " 0.10 ": "0.10", "true": "true", "\n[1 ,2]\n": "[1 ,2]"} {
		compiled, err := Compile("@")
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := compiled.Search(Parse([]byte(content)), newBudget()); string(got) != want || err != nil {
			t.Errorf("%q gives %q, %v", content, got, err)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for expression, want := range map[string]Error{
		"":                            {1, "syntax error"},
		"a b":                         {3, "syntax error"},
		"a.[":                         {0, ""},
		"foo[":                        {0, ""},
		"db..port":                    {4, "syntax error"},
		"a[?b == `1`":                 {12, "syntax error"},
		"'open":                       {6, "syntax error"},
		"a[99999999999999999999]":     {0, "brackets hold what is no index"},
		"`{`":                         {0, "a literal or a quoted name in it is not valid JSON"},
		`"\x"`:                        {0, "a literal or a quoted name in it is not valid JSON"},
		"a + b":                       {0, "arithmetic is no part of JMESPath"},
		"-a":                          {0, "arithmetic is no part of JMESPath"},
		"$.a":                         {0, `"$" and "let" are no part of JMESPath`},
		"let $a = b in $a":            {0, `"$" and "let" are no part of JMESPath`},
		"upper(a)":                    {0, `there is no function "upper"`},
		"join(a)":                     {0, "function join takes 2 arguments and was given 1"},
		"abs(a, b)":                   {0, "function abs takes 1 arguments and was given 2"},
		"merge()":                     {0, "function merge takes 1 arguments and was given 0"},
		"&a":                          {0, `"&" is for arguments of functions alone`},
		"[&a]":                        {0, `"&" is for arguments of functions alone`},
		"a == `12345678901234567890`": {0, "a number in it has more than 15 digits"},
		"`[{\"a\":1e300}]`":           {0, "a number in it has more than 15 digits"},
	} {
		t.Run(expression, func(t *testing.T) {
			_, err := Compile(expression)
			refusal, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want a refusal", err)
			}
			if want.Problem != "" && *refusal != want {
				t.Errorf("got %+v, want %+v", *refusal, want)
			}
		})
	}
}

func TestSearchRefuses(t *testing.T) {
	const marked = `{"text":"hunter2","list":["hunter2",1],"numbers":[1,1,2],"far":1e9999999999,"high":1e500,"third":[1,0,0],"objects":[{"a":1},{"a":"hunter2"}]}`
	doubled := "@" + strings.Repeat(" | [@, @]", 60)
	for expression, mention := range map[string]string{
		"abs(text)":                        "argument 1 of function abs must be number and is string",
		"sum(list)":                        "must be array of numbers and is array",
		"sort(list)":                       "array of numbers or array of strings",
		"join(',', numbers)":               "must be array of strings",
		"length(numbers[0])":               "string or array or object",
		"type(&a)":                         "must be a value and is expression",
		"sort_by(objects, &a)":             "is both",
		"max_by(objects, &b)":              "must be a number or a string, and is null",
		"far > high":                       "exponent",
		"sum([high])":                      "digits",
		"avg(third)":                       "no last digit",
		"numbers[::0]":                     "step",
		doubled:                            "too much",
		doubled + strings.Repeat("[]", 60): "too much",
		"join('', ['xxxxxxxx', text])" + strings.Repeat(" | join('', [@, @])", 40): "too much",
		doubled + " == " + doubled:                                   "too much",
		"[@]" + strings.Repeat(" | to_array(to_string([@, @]))", 24): "too much",
	} {
		compiled, err := Compile(expression)
		if err != nil {
			t.Fatal(expression, err)
		}
		got, _, err := compiled.Search(Parse([]byte(marked)), newBudget())
		if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), mention) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.60s gives %.60q, %v; want an error that mentions %q", expression, got, err, mention)
		}
	}
}

// TestWorkIsBounded has lists of very many references to a number, and to a text, that are long.
func TestWorkIsBounded(t *testing.T) {
	doc := Parse([]byte(`{"n":` + strings.Repeat("7", 30000) + `,"t":"` + strings.Repeat("t", 30000) + `","o":{"a":1,"b":2}}`))
	many := func(what string) string { return "[" + what + "]" + strings.Repeat(" | [@, @][]", 20) }
	for _, expression := range []string{
		"sort(" + many("n") + ")", "max_by(" + many("@") + ", &n)", many("@") + "[?n > `1`]", many("@") + "[?n == `1`]", many("@") + "[?t == 'x']",
		"sum(" + many("n") + ")", many("@") + "[?contains(t, 'x')]", many("@") + "[*].length(t)", many("@") + "[*].to_number(t)", many("o") + "[*].*", "sort(" + many("t") + ")",
	} {
		compiled, err := Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := compiled.Search(doc, newBudget()); err == nil {
			t.Errorf("%.40s… was done to its end", expression)
		}
	}
}

func TestSearchesShareABudget(t *testing.T) {
	compiled, err := Compile("[*].a | length(@)")
	if err != nil {
		t.Fatal(err)
	}
	doc, budget := Parse([]byte("["+strings.Repeat(`{"a":1},`, 8000)+`{"a":1}]`)), newBudget()
	done := 0
	for range 1000 {
		if _, _, err := compiled.Search(doc, budget); err != nil {
			break
		}
		done++
	}
	if done < 100 || done == 1000 {
		t.Errorf("%d searches in the largest value were done", done)
	}
}

func TestNumbersAreComparedExactly(t *testing.T) {
	ascending := []number{"-1e400", "-12345678901234567890", "-12345678901234567889", "-0.1", "-1E-400", "0", "1e-400", "0.1", "0.10000000000000000001", "9.99", "10", "9007199254740992", "9007199254740993", "1e400"}
	for i, first := range ascending {
		for j, second := range ascending {
			got, err := compareNumbers(first, second)
			if want := min(max(i-j, -1), 1); got != want || err != nil {
				t.Errorf("%s against %s: got %d, %v, want %d", first, second, got, err, want)
			}
		}
	}
	for _, same := range [][2]number{{"1", "1.000"}, {"1e2", "100"}, {"0.1", "1E-1"}, {"-0", "0.0e5"}, {"12.5", "0.125e+2"}, {"1e05", "100000"}} {
		if got, err := compareNumbers(same[0], same[1]); got != 0 || err != nil {
			t.Errorf("%s against %s: got %d, %v", same[0], same[1], got, err)
		}
	}
}
