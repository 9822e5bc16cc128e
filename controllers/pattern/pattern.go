package pattern

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

const (
	// MaxInstructions bounds the program of a pattern. It allows one class of characters to be repeated as often as Go
	// allows, as in `[a-z]{1,1000}`, which takes two instructions each.
	MaxInstructions = 2_500
	// MaxRanges bounds the ranges of characters of all instructions, for each of which Go may keep 25 bytes: `\pL{64}`
	// has 42,000.
	MaxRanges = 50_000
	// MaxBytes bounds the text of a pattern.
	MaxBytes = 4_096
	// maxFolded bounds the ranges of characters beyond ASCII in patterns that ignore case: Go reads such a range character
	// by character, for up to 2 ms.
	maxFolded = 16
)

// Prices of parsing, in steps: of each byte, of each class such as \pL, and of each range that maxFolded bounds.
const (
	bytePrice   = 100
	classPrice  = 15_000
	foldedPrice = 220_000
)

// Prices of compiling, in steps.
const (
	instructionPrice = 100
	rangePrice       = 4
)

// matchPrice is how many steps a match takes besides those of its text.
const matchPrice = 32

// capturesPerFold is how many groups double the time of a match that returns their texts.
const capturesPerFold = 16

// Pattern is a compiled regular expression (RE2) whose program is bounded.
type Pattern struct {
	text     string
	size     size
	prefix   string
	compiled *regexp.Regexp
}

// Compile compiles a pattern that may match any part of a text. Errors are of type *Error; or, if the budget does not
// allow the work, *Exceeded or the context's.
func Compile(budget *Budget, text string) (*Pattern, error) { return compile(budget, text, false) }

// CompileWhole compiles a pattern that has to match a text from the first byte to the last.
func CompileWhole(budget *Budget, text string) (*Pattern, error) { return compile(budget, text, true) }

func compile(budget *Budget, text string, whole bool) (*Pattern, error) {
	if len(text) > MaxBytes {
		return nil, problem(text, "is too long for a pattern: it has %d bytes, and %d are the most; make it shorter", len(text), MaxBytes)
	}
	folded := foldedRanges(text)
	if folded > maxFolded {
		return nil, problem(text, "is too large a pattern: with (?i) it has %d ranges of characters beyond ASCII, and %d are the most; "+
			"remove (?i), or name fewer ranges", folded, maxFolded)
	}
	if err := budget.Spend("compiling the pattern "+shown(text), parsePrice(text, folded)); err != nil {
		return nil, err
	}
	// Parsed without the brackets that are put around it, which a pattern must not close.
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, problem(text, "is no regular expression: %s; write it by the syntax of RE2", err)
	}
	// Before compiling, which needs as much memory as the program has instructions.
	expected := estimate(parsed)
	if err := bounded(text, expected); err != nil {
		return nil, err
	}
	if err := budget.Spend("compiling the pattern "+shown(text), expected.compilePrice()); err != nil {
		return nil, err
	}
	return compileParsed(text, parsed, whole)
}

func compileParsed(text string, parsed *syntax.Regexp, whole bool) (*Pattern, error) {
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, problem(text, "is no regular expression: %s; write it by the syntax of RE2", err)
	}
	made := &Pattern{text: text, size: sizeOf(program)}
	if err := bounded(text, made.size); err != nil {
		return nil, err
	}
	if made.compiled, err = regexp.Compile(text); err == nil && whole {
		made.prefix, _ = made.compiled.LiteralPrefix()
		made.compiled, err = regexp.Compile(`\A(?:` + text + `)\z`)
	}
	if err != nil {
		return nil, problem(text, "is no regular expression: %s; write it by the syntax of RE2", err)
	}
	return made, nil
}

func problem(text, format string, args ...any) error {
	return &Error{Pattern: beginning(text), Problem: fmt.Sprintf(format, args...)}
}

func bounded(text string, measured size) error {
	switch {
	case measured.instructions > MaxInstructions:
		return problem(text, "is too large a pattern: it compiles to %d instructions, and %d are the most; "+
			"make the numbers in braces smaller, or use \"*\" and \"+\" in their place", measured.instructions, MaxInstructions)
	case measured.ranges > MaxRanges:
		return problem(text, "is too large a pattern: its classes have %d ranges of characters, and %d are the most; "+
			`use \p{…} and (?i) less often, or repeat them fewer times`, measured.ranges, MaxRanges)
	}
	return nil
}

func parsePrice(text string, folded int) int64 {
	classes := strings.Count(text, `\p`) + strings.Count(text, `\P`)
	return int64(len(text)*bytePrice + classes*classPrice + folded*foldedPrice)
}

// foldedRanges counts at least the ranges that Go reads character by character.
func foldedRanges(text string) int {
	wide := strings.Contains(text, `\`) || strings.ContainsFunc(text, func(character rune) bool { return character > '\x7f' })
	if !wide || !strings.Contains(text, "i") || !strings.Contains(text, "(?") {
		return 0
	}
	return strings.Count(text, "-")
}

// String is the text of the pattern.
func (p *Pattern) String() string { return p.text }

// Prefix is the text that each match of a pattern for whole texts begins with; empty if there is none.
func (p *Pattern) Prefix() string { return p.prefix }

// Instructions is the size of the program.
func (p *Pattern) Instructions() int { return p.size.instructions }

// Match says whether the pattern matches a text, within a budget.
func (p *Pattern) Match(budget *Budget, text []byte) (bool, error) {
	if err := p.spend(budget, len(text), 1); err != nil {
		return false, err
	}
	return p.compiled.Match(text), nil
}

// MatchString is Match for a string.
func (p *Pattern) MatchString(budget *Budget, text string) (bool, error) {
	if err := p.spend(budget, len(text), 1); err != nil {
		return false, err
	}
	return p.compiled.MatchString(text), nil
}

// spend takes the steps for reading a text a number of times.
func (p *Pattern) spend(budget *Budget, length, times int) error {
	err := budget.spend(p.steps(length) * int64(times))
	if err == nil { // Otherwise the text below would be made for every match.
		return nil
	}
	return named(err, fmt.Sprintf("the pattern %s of %d instructions, matched against %d bytes,", shown(p.text), p.size.instructions, length))
}

func (p *Pattern) steps(length int) int64 {
	return int64(p.size.instructions)*int64(length+1) + matchPrice
}
