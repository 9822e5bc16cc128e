package pattern

import (
	"regexp/syntax"
	"strings"
	"testing"
)

func FuzzEstimate(f *testing.F) {
	for _, seed := range []string{`a`, `a{3}`, `(a|b){2,9}`, `(?:x{0,9}){3,}`, `.{0,99}.{5}`, `(?i)k+\pL?`, `(((a)))`, `(?:){999}`, `a*?b+?`, `a||b|`, `^*$*`, `(?:|a)*`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := syntax.Parse(text, syntax.Perl)
		if err != nil || len(text) > 100 {
			return
		}
		expected := estimate(parsed)
		if expected.instructions > MaxInstructions {
			return
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		// Two instructions stand in each program, and an empty part of a pattern is one, however it is repeated.
		if compiled := sizeOf(program); compiled.instructions > 2*expected.instructions+3 {
			t.Errorf("%q was estimated at %+v, and has %+v", text, expected, compiled)
		}
	})
}

func TestEstimatesAreNear(t *testing.T) {
	for _, text := range []string{strings.Repeat(".{0,9}", 50), "[a-z]{1,1000}", "(?:(?:a{9}){9}){9}", strings.Repeat("(a|bc)", 90)} {
		parsed, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		expected, compiled := estimate(parsed).instructions, len(program.Inst)
		if expected < compiled*9/10 || expected > compiled*11/10 {
			t.Errorf("%s was estimated at %d instructions, and has %d", text, expected, compiled)
		}
	}
}
