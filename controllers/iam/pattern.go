package iam

import "strings"

// Like says whether a text matches a pattern, in which * stands for any characters and ? for a single character,
// including slashes and colons.
func Like(wanted, text string) bool { return wildcards(wanted).like(text) }

// pattern is a text in pieces. Pieces of the policy may have wildcards; those from a policy variable are literal.
type pattern []piece

type piece struct {
	text    string
	literal bool
}

func wildcards(text string) pattern { return pattern{{text: text}} }

// like matches the text from left to right, and backtracks to the last *.
func (p pattern) like(text string) bool {
	tokens, given := p.tokens(), []rune(text)
	at, in, star, resume := 0, 0, -1, 0
	for in < len(given) {
		switch {
		case at < len(tokens) && tokens[at] == anything:
			star, resume = at, in
			at++
		case at < len(tokens) && (tokens[at] == anyone || tokens[at] == given[in]):
			at++
			in++
		case star >= 0:
			resume++
			at, in = star+1, resume
		default:
			return false
		}
	}
	for at < len(tokens) && tokens[at] == anything {
		at++
	}
	return at == len(tokens)
}

// Wildcards among the characters of a pattern; no text holds such runes.
const (
	anything rune = -1
	anyone   rune = -2
)

func (p pattern) tokens() []rune {
	var tokens []rune
	for _, part := range p {
		for _, character := range part.text {
			switch {
			case !part.literal && character == '*':
				character = anything
			case !part.literal && character == '?':
				character = anyone
			}
			tokens = append(tokens, character)
		}
	}
	return tokens
}

// String is the pattern's text, including wildcards.
func (p pattern) String() string {
	var text strings.Builder
	for _, part := range p {
		text.WriteString(part.text)
	}
	return text.String()
}
