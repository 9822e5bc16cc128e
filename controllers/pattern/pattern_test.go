package pattern

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
)

func newBudget() *Budget { return NewBudget(context.Background(), PassSteps) }

func mustCompile(t *testing.T, text string) *Pattern {
	t.Helper()
	made, err := CompileWhole(newBudget(), text)
	if err != nil {
		t.Fatalf("%s %v", text, err)
	}
	return made
}

func TestWhatUsersWriteCompiles(t *testing.T) {
	for _, text := range []string{
		``, `.*`, `[A-Za-z0-9]{32}`, `[a-z]{1,1000}`, `.{0,999}`, `\p{L}{1,64}`, `(?i)[a-z-]+\.example\.com`, `(?s)-----BEGIN .*`,
		`prod/(payments|orders)/[^/]+`, `(?i)[a-zäöü-ÿ0-9]+`, `postgres(ql)?://[^:]+:[^@]+@[^/]+/\w+`,
	} {
		made := mustCompile(t, text)
		if made.Instructions() > MaxInstructions {
			t.Errorf("%s has %d instructions", text, made.Instructions())
		}
		if made.String() != text {
			t.Errorf("%s has the text %s", text, made)
		}
	}
}

// Each is short, but its program is large.
func TestLargeProgramsAreRefusedBeforeTheyAreMade(t *testing.T) {
	cases := map[string]string{
		strings.Repeat(".{0,999}", 100) + "Z":             "compiles to 199",
		"(?:(?:a{10}){10}){10}b{999}b{999}":               "instructions, and 2500 are the most",
		`\pL{900}`:                                        "ranges of characters, and 50000 are the most",
		`(?i)` + strings.Repeat(`[B-𞥂]`, 100):             "with (?i) it has 100 ranges of characters beyond ASCII",
		`(?i)` + strings.Repeat(`[\x{42}-\x{1e942}]`, 20): "with (?i) it has 20 ranges of characters beyond ASCII",
		strings.Repeat("a", MaxBytes+1):                   "it has 4097 bytes, and 4096 are the most",
		`a(`:                                              "is no regular expression",
		`a)(b`:                                            "is no regular expression",
	}
	for text, wanted := range cases {
		budget := newBudget()
		allocated := testing.AllocsPerRun(1, func() {
			_, err := CompileWhole(budget, text)
			if refusal, ok := errors.AsType[*Error](err); !ok || !strings.Contains(refusal.Error(), wanted) {
				t.Errorf("%s is refused with %v, not with %q", beginning(text), err, wanted)
			}
		})
		if allocated > 5_000 {
			t.Errorf("%s: refusing it takes %.0f allocations", beginning(text), allocated)
		}
	}
}

func TestMatchingTakesStepsAndIsRefusedWithoutThem(t *testing.T) {
	made := mustCompile(t, strings.Repeat(".{0,99}", 10)+"Z")
	budget := NewBudget(context.Background(), 3*made.steps(512))
	for range 3 {
		if matched, err := made.MatchString(budget, strings.Repeat("a", 512)); matched || err != nil {
			t.Fatal(matched, err)
		}
	}
	_, err := made.Match(budget, []byte(strings.Repeat("a", 512)))
	refusal, ok := errors.AsType[*Exceeded](err)
	if !ok || refusal.Left != 0 || refusal.Steps != made.steps(512) || !strings.Contains(refusal.Error(), ".{0,99}") {
		t.Errorf("the fourth match is refused with %v", err)
	}
	if strings.Contains(err.Error(), "aaaa") {
		t.Error("the refusal shows the text")
	}
}

func TestNothingRunsAfterThePassHasEnded(t *testing.T) {
	made := mustCompile(t, "a*")
	ctx, end := context.WithCancel(context.Background())
	budget := NewBudget(ctx, PassSteps)
	end()
	if _, err := made.MatchString(budget, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("a match gives %v", err)
	}
	if _, err := CompileWhole(budget, "b*"); !errors.Is(err, context.Canceled) {
		t.Errorf("compiling gives %v", err)
	}
	if budget.Spent() != 0 {
		t.Errorf("%d steps were spent", budget.Spent())
	}
}

// Each search reads the rest of the text in vain, so the time grows with the square of its length.
func TestReplacingPaysForEachMatch(t *testing.T) {
	made, err := Compile(newBudget(), "a.*b|a")
	if err != nil {
		t.Fatal(err)
	}
	text, budget := strings.Repeat("a", 60_000), newBudget()
	_, err = made.Replace(budget, text, "c", len(text))
	if _, ok := errors.AsType[*Exceeded](err); !ok {
		t.Errorf("60,000 matches are replaced with %v", err)
	}
	if _, err := made.Replace(newBudget(), text[:300], "$0$0$0$0", 1_000); err == nil {
		t.Error("what becomes four times as long is no error")
	} else if _, ok := errors.AsType[*TooLong](err); !ok {
		t.Errorf("what becomes too long gives %v", err)
	}
}

func TestGroupsTakeMoreSteps(t *testing.T) {
	plain, groups := newBudget(), newBudget()
	for text, budget := range map[string]*Budget{strings.Repeat("(?:a*)", 160): plain, strings.Repeat("(a*)", 160): groups} {
		made, err := Compile(newBudget(), text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made.Replace(budget, "bbbb", "", 10); err != nil {
			t.Fatal(err)
		}
	}
	if groups.Spent() < 10*plain.Spent() {
		t.Errorf("with 160 groups it takes %d steps, and without them %d", groups.Spent(), plain.Spent())
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{`.{0,99}Z`, `(?i)[B-ÿ]+`, `a|aa|(b*)*`, `^$|\b`, `(?m)^a?`, `x{3,}`, `(?:\pL?\d){1,9}`, `[^a]`, `(?P<n>a)(b)?`} {
		f.Add(seed, "aab b\nñ", "<$1${n}$0>")
	}
	f.Fuzz(func(t *testing.T, text, against, by string) {
		if len(against) > 200 || len(by) > 200 {
			return
		}
		part, err := Compile(newBudget(), text)
		whole, wholeErr := CompileWhole(newBudget(), text)
		if (err == nil) != (wholeErr == nil) {
			t.Fatalf("%q: %v, and as a whole %v", text, err, wholeErr)
		}
		if err != nil {
			return
		}
		if part.size.instructions > MaxInstructions || part.size.ranges > MaxRanges {
			t.Errorf("%q has the size %+v", text, part.size)
		}
		plain := regexp.MustCompile(text)
		if got, err := part.MatchString(newBudget(), against); err == nil && got != plain.MatchString(against) {
			t.Errorf("%q matches %q: %v", text, against, got)
		}
		if got, err := whole.Match(newBudget(), []byte(against)); err == nil && got != regexp.MustCompile(`\A(?:`+text+`)\z`).MatchString(against) {
			t.Errorf("%q matches all of %q: %v", text, against, got)
		}
		if got, err := part.Replace(newBudget(), against, by, 1<<30); err == nil && got != plain.ReplaceAllString(against, by) {
			t.Errorf("%q replaced by %q in %q gives %q, not %q", text, by, against, got, plain.ReplaceAllString(against, by))
		}
	})
}
