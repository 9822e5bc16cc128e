package template

import "testing"

func TestFunctionsAtTheirEdges(t *testing.T) {
	data := map[string]string{"s": "abc", "empty": "", "lines": "a\nb\n"}
	renders(t, data, map[string]string{
		`{{ substr -5 2 .s }}|{{ substr 1 -1 .s }}|{{ substr 2 1 .s }}|{{ substr 9 99 .s }}`:      "ab|bc||",
		`{{ trunc 9 .s }}|{{ trunc -9 .s }}|{{ trunc 0 .s }}|{{ trunc -9223372036854775808 .s }}`: "abc|abc||abc",
		`{{ indent 1 .lines }}`: " a\n b\n ",
		`{{ indent 0 .empty }}`: "",
		`{{ repeat 0 .s }}`:     "",
		`{{ splitList "," "" | len }}{{ splitList "" "ab" | len }}`: "12",
		`{{ join "," (list) }}`:     "",
		`{{ replace "" "-" "ab" }}`: "-a-b-",
		`{{ printf "%%" }}{{ printf "%5s|%-5s|%05d|%+d|%x|%X|%q|%.2f|%t|%c" "a" "b" "42" 7 "az" 255 "q" "1.005" "true" 65 }}`:                                       `%    a|b    |00042|+7|617a|FF|"q"|1.00|true|A`,
		`{{ print 1 2 "a" "b" 3 }}|{{ print }}|{{ println }}`:                                                                                                       "1 2ab3||\n",
		`{{ quote 1 true "a" }} {{ squote 1 "" }}`:                                                                                                                  `"1" "true" "a" '1' ''`,
		`{{ b64dec "YQ" }}{{ b64dec "Y\nQ==" }}{{ b64urldec "_w==" | hexenc }}`:                                                                                     "aaff",
		`{{ default "x" 0 }}{{ default "x" false }}{{ default "x" (list) }}{{ default "x" (dict) }}{{ default "x" nil }}{{ default "x" 0.0 }}{{ default "x" "0" }}`: "xxxxxx0",
		`{{ default "x" (fromJson "0.0") }}{{ default "x" (fromJson "10") }}{{ coalesce "" }}`:                                                                      "x10",
		`{{ ternary "y" "n" true }}{{ ternary "y" "n" "" }}{{ .s | ternary "y" "n" }}`:                                                                              "yny",
		`{{ required "m" false }}{{ required "m" 0 }}`:                                                                                                              "false0",
		`{{ index (list "a" (dict "b" (list 1 2))) 1 "b" 1 }}{{ (index . "s") }}`:                                                                                   "2abc",
		`{{ $a := list 1 }}{{ $b := append $a 2 }}{{ $c := append $a 3 }}{{ join "," $b }};{{ join "," $c }}`:                                                       "1,2;1,3",
		`{{ $a := dict "x" 1 }}{{ $b := merge $a (dict "y" 2) }}{{ keys $a | join "," }};{{ keys $b | join "," }}`:                                                  "x;x,y",
		`{{ has 1 (list "1") }}{{ has "z" (list) }}`:                                                                                                                "truefalse",
	})
}

func TestFunctionsRefuse(t *testing.T) {
	refuses(t, map[string]string{"s": "abc"}, map[string]string{
		`{{ upper }}`:                  "upper: has 0 arguments, and takes 1",
		`{{ substr 1 }}`:               "substr: has 1 arguments, and takes 3",
		`{{ quote }}`:                  "quote: has 0 arguments, and takes 1 or more",
		`{{ trunc .s .s }}`:            "trunc: argument 1 must be a whole number",
		`{{ upper (list 1) }}`:         "upper: argument 1 is a list, and a text is needed",
		`{{ upper nil }}`:              "upper: argument 1 is null, and a text is needed",
		`{{ upper . }}`:                "upper: argument 1 is a map, and a text is needed",
		`{{ join "," .s }}`:            "join: argument 2 is a text, and a list is needed",
		`{{ join "," (list (list)) }}`: "join: an item of the list is a list",
		`{{ repeat -1 .s }}`:           "repeat: argument 1 must be between 0 and",
		`{{ indent -1 .s }}`:           "indent: argument 1 must be between 0 and 1000",
		`{{ dict "a" }}`:               "dict: needs a value after each name",
		`{{ first (list) }}`:           "first: the list is empty",
		`{{ index (list 1) 1 }}`:       "index: argument 2 is outside of the list, which has 1 items",
		`{{ index (list 1) -1 }}`:      "outside of the list",
		`{{ b64dec "%" }}`:             "b64dec: the value is not base64",
		`{{ hexdec .s }}`:              "hexdec: the value is not hexadecimal",
		`{{ urlUnescape "%zz" }}`:      "urlUnescape: the value has a % that",
		`{{ printf "%d" .s }}`:         "printf: argument 2 must be a whole number",
		`{{ printf "%s" }}`:            "printf: the format has more verbs than there are values",
		`{{ printf "x" .s }}`:          "printf: the format has 0 verbs for 1 values",
		`{{ printf "%" }}`:             "printf: the format ends within a verb",
		`{{ printf "%*d" 1 2 }}`:       "printf: the format has a verb that is not one of",
		`{{ printf "%[1]s" .s }}`:      "printf: the format has a verb that is not one of",
		`{{ printf "%p" .s }}`:         "printf: the format has a verb that is not one of",
		`{{ squote "a\x00" }}`:         "squote: a value has a byte 0",
		`{{ slice .s 9 }}`:             "slice: an argument is of another kind than the function takes, or out of range",
		`{{ call .s }}`:                "call: an argument",
		`{{ lt .s 1 }}`:                "lt: an argument",
		`{{ range .s }}{{ end }}`:      "range needs a list, a map or a number",
		`{{ template "none" }}`:        "it calls a template that is not defined",
	})
}
