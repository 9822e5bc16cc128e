package template

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestTemplatesThatNeverEndAreEnded(t *testing.T) {
	const steps, deep = "more than 1000000 steps", "more than 64 deep"
	big := map[string]string{"big": strings.Repeat("x", 60<<10), "list": "[" + strings.Repeat("0,", 30<<10) + "0]"}
	refuses(t, big, map[string]string{
		`{{ range 1000000000000 }}{{ end }}`:                                                                       steps,
		`{{ range 2000000 }}{{ continue }}{{ end }}`:                                                               steps,
		`{{ range 2000 }}{{ range 2000 }}{{ range 2000 }}{{ end }}{{ end }}{{ end }}`:                              steps,
		`{{ range 1000000 }}` + strings.Repeat(`{{ if 0 }}{{ end }}`, 3000) + `{{ end }}`:                          steps,
		`{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`:                                            deep,
		`{{ define "a" }}{{ template "b" }}{{ end }}{{ define "b" }}{{ template "a" }}{{ end }}{{ template "a" }}`: deep,
		`{{ template "key" . }}`: deep,
		// Two to the power of sixty calls, never more than sixty deep.
		`{{ define "a" }}{{ if lt (len .) 60 }}{{ template "a" print . "x" }}{{ template "a" print . "x" }}{{ end }}{{ end }}{{ template "a" "" }}`: steps,
		`{{ range 1000000 }}{{ $x := upper $.big }}{{ end }}`:                 steps,
		`{{ range 1000000 }}{{ $x := fromJson $.list }}{{ end }}`:             steps,
		`{{ range 1000000 }}{{ $x := eq $.big $.big }}{{ end }}`:              steps,
		`{{ range 1000000 }}{{ $x := htpasswd "u" "p" "saltsalt" }}{{ end }}`: steps,
		`{{ range 1000000 }}{{ $x := sha512sum $.big }}{{ end }}`:             steps,
	})
}

func TestValuesThatGrowAreBounded(t *testing.T) {
	const large, works = "gives more than 1048576 bytes", "works on more than 1048576 bytes"
	refuses(t, map[string]string{"s": strings.Repeat("x", 4<<10), "lines": strings.Repeat("\n", 60<<10)}, map[string]string{
		`{{ $x := "a" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}`:         large,
		`{{ $x := dict }}{{ range 60 }}{{ $x = dict "a" $x "b" $x }}{{ end }}`: large,
		`{{ $x := list }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}`:         large,
		`{{ repeat 1000000 .s }}`:                    works,
		`{{ repeat 300 .s }}`:                        large,
		`{{ indent 1000 .lines }}`:                   works,
		`{{ replace "" .s .s }}`:                     works,
		`{{ printf "%9999999d" 1 }}`:                 "more than 4 digits",
		`{{ printf "%1000000000.1000000000f" 1.5 }}`: "more than 4 digits",
		`{{ join .s (splitList "" .s) }}`:            works,
		`{{ range 1000 }}{{ $.s }}{{ end }}`:         "the templates give more than 1048576 bytes together",
		`{{ fromYaml "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]" }}`: "too large",
		`{{ fromYaml "&a [*a]" }}`:                                                        "fromYaml",
		`{{ fromJson (print (repeat 102 "[") (repeat 102 "]")) }}`:                        "more than 100 within each other",
		`{{ fromYaml (print (repeat 200 "[") (repeat 200 "]")) }}`:                        "too large or too deep",
		`{{ $x := list }}{{ range 200 }}{{ $x = list $x }}{{ end }}`:                      "more than 100 within each other",
		`{{ $x := dict }}{{ range 200 }}{{ $x = dict "a" $x }}{{ end }}`:                  "more than 100 within each other",
		strings.Repeat("{{ if 1 }}", 201) + strings.Repeat("{{ end }}", 201):              "actions stand more than 200 deep within each other",
		strings.Repeat("{{ range 1 }}{{ else }}", 201) + strings.Repeat("{{ end }}", 201): "actions stand more than 200 deep within each other",
	})
}

func TestAllKeysShareOneOutput(t *testing.T) {
	templates := map[string]string{}
	for i := range 20 {
		templates[fmt.Sprintf("key%d", i)] = strings.Repeat("x", 60<<10)
	}
	made, err := Execute(newPass(), templates, nil)
	if err == nil || made != nil || !strings.Contains(err.Error(), "together") {
		t.Errorf("got %d keys, %v", len(made), err)
	}
}

// TestMemoryIsBounded lets a template keep all that it may make.
func TestMemoryIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := render(`{{ range 100000 }}{{ $x := repeat 200 $.s }}{{ $y := print $x $x "" }}{{ end }}`, map[string]string{"s": strings.Repeat("x", 2<<10)})
	if err == nil {
		t.Fatal("it ended")
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 512<<20 {
		t.Errorf("%d MiB were taken in all", made>>20)
	}
}
