package iam

import "strings"

// Like compares a text with a pattern in which * stands for any characters and ? for one, slashes and
// colons among them.
func Like(pattern, text string) bool { return wildcards(pattern).like(text) }

// pattern is a text in pieces; some were written and hold wildcards, others came from a policy variable
// and mean nothing but themselves.
type pattern []piece

type piece struct {
	text    string
	literal bool
}

func wildcards(text string) pattern { return pattern{{text: text}} }

// like walks along the text and returns to the last * where a guess was wrong.
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

// String is the pattern's text, wildcards and all.
func (p pattern) String() string {
	var text strings.Builder
	for _, part := range p {
		text.WriteString(part.text)
	}
	return text.String()
}
