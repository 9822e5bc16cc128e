package template

import (
	"encoding/json"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestNumbersKeepEveryDigit(t *testing.T) {
	const numbers = `[0,-0,1.0,1.50,12345678901234567890123,1e400,-1E-7,0.1000]`
	data := map[string]string{"json": numbers, "yaml": "a: 12345678901234567890\nb: 0x1f\nc: 1_000\nd: .5\ne: 1.10\nf: 0o17\ng: \"01\"\nh: 2001-01-01\ni: ~\nj: yes\nk: true"}
	renders(t, data, map[string]string{
		`{{ fromJson .json | toJson }}`:                     numbers,
		`{{ fromJson .json | toYaml | fromYaml | toJson }}`: numbers,
		`{{ fromYaml .yaml | toJson }}`:                     `{"a":12345678901234567890,"b":31,"c":1000,"d":0.5,"e":1.10,"f":15,"g":"01","h":"2001-01-01","i":null,"j":"yes","k":true}`,
		`{{ fromJson "[1,2]" | join "+" }}`:                 "1+2",
		`{{ eq (fromJson "{\"p\":5432}").p "5432" }}`:       "true",
	})
}

func TestTextsComeBackFromEachFormat(t *testing.T) {
	texts := append(awkward(), "", "yes", "Off", "null", "~", "1", "0x1f", "1e3", "12:30:45", "2001-01-01", "- a", "a: b", "#c", "multi\nline", "\n", "ends\n", "ends\n\n", "tab\t", "trail ", "{{", "!!str", "<<", "=", "\r\n", "\u2028", "\ufeff")
	for _, text := range texts {
		data := map[string]string{"x": text}
		renders(t, data, map[string]string{
			`{{ dict "k" .x | toYaml | fromYaml | toJson }}`: string(mustJSON(t, map[string]string{"k": text})),
			`{{ dict "k" .x | toJson | fromJson | toJson }}`: string(mustJSON(t, map[string]string{"k": text})),
		})
		name := text
		if text == "<<" {
			name = "merge" // The library takes it for a merge even where it is quoted.
		}
		data["name"] = name
		written, err := render(`{{ dict "k" .x .name "v" | toYaml }}`, data)
		if err != nil {
			t.Fatal(err)
		}
		var read map[string]string
		if err := yaml.Unmarshal([]byte(written), &read); err != nil || read["k"] != text || read[name] != "v" {
			t.Errorf("YAML reads %q back as %q (%v)", text, read, err)
		}
	}
}

func mustJSON(t *testing.T, value any) []byte {
	t.Helper()
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

func TestFormats(t *testing.T) {
	data := map[string]string{"binary": "a\xff", "deep": `{"a":{"b":{"c":[1,{"x y":"z\"\u0007"}]},"d":"x"},"e":[],"f":1.5,"g":true}`}
	renders(t, data, map[string]string{
		`{{ dict " a:b" " x \\ y" "é" "🙂#!" "n" "l\nr" | toProperties }}`:  "\\ a\\:b=\\ x \\\\ y\nn=l\\nr\n\\u00E9=\\uD83D\\uDE42\\#\\!\n",
		`{{ dict "A" "it's $x" "B" "" "C" "a-b" | toDotenv }}`:             "A=\"it's \\$x\"\nB=''\nC=a-b\n",
		`{{ fromJson .deep | toToml }}`:                                    "e = []\nf = 1.5\ng = true\n\n[a]\nd = \"x\"\n\n[a.b]\nc = [1, {\"x y\" = \"z\\\"\\u0007\"}]\n",
		`{{ dict "t" "é\n\t\\" | toToml }}`:                                "t = \"é\\n\\t\\\\\"\n",
		`{{ fromYaml "a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: *x" | toJson }}`: `{"a":{"b":1},"c":{"b":1,"d":2},"e":{"b":1}}`,
		`{{ fromYaml "" | empty }}{{ fromYaml "[]" | toJson }}`:            "true[]",
	})
	refuses(t, data, map[string]string{
		`{{ toJson .binary }}`:        "toJson: a value is not UTF-8 text: encode it first",
		`{{ toYaml . }}`:              "toYaml: a value is not UTF-8 text",
		`{{ quote .binary }}`:         "quote: a value is not UTF-8 text",
		`{{ dict "a" nil | toToml }}`: "null, which TOML does not have",
		`{{ fromJson "{\"a\":9223372036854775808}" | toToml }}`: "64 bits",
		`{{ toToml (list 1) }}`:                                 "argument 1 is a list, and a map is needed",
		`{{ dict "a-b" 1 | toDotenv }}`:                         "the field of a value has a name that no variable can have",
		`{{ dict "deep" (list 1) | toDotenv }}`:                 `the field "deep" is a list`,
		`{{ fromJson "{} x" }}`:                                 "more follows behind byte 2",
		`{{ fromJson "{\"a\":" }}`:                              "it ends too early",
		`{{ fromJson "[1,}" }}`:                                 "syntax error at byte 4",
		`{{ fromYaml "a: 1\na: 2" }}`:                           "line 2: a name is there twice",
		`{{ fromYaml "a: [" }}`:                                 "the value is not YAML: line 1",
		`{{ fromYaml "? [a]\n: b" }}`:                           "a name is not a scalar",
		`{{ fromYaml "a: .inf" }}`:                              "not finite",
	})
}
