package accesspolicy

import (
	"strings"
	"testing"
)

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/b", true}, {"a", "a", true}, {"a", "A", false},
		{"a*", "ab", true}, {"*b", "ab", true}, {"a*c", "abc", true}, {"a*c", "abd", false}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*a*b", "xaxb", true}, {"*a*b", "xbxa", false}, {"a**", "a", true}, {"?", "", false}, {"a*?", "a", false}, {"a.c", "abc", false}, {"[a]", "a", false},
	} {
		if got := matches(unbounded(), test.pattern, test.text); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.text, got)
		}
	}
}

// A tenant chooses the text, which has up to 2,048 characters.
func TestMatchingTakesAtMostTheProductOfTheLengths(t *testing.T) {
	if matches(unbounded(), strings.Repeat("*a", 200)+"b", strings.Repeat("a", 2048)) {
		t.Error("it does match")
	}
}

func TestBadPatternsAreNamed(t *testing.T) {
	for text, mention := range map[string]string{
		"/prod/{ns}/*":       `"/prod/{ns}/*": the only variable is {namespace}`,
		"/prod/namespace}/*": "the only variable",
		"a,arn:aws:x":        `"arn:aws:x": an ARN has seven parts`,
		",":                  "no pattern",
		// Each of these would allow namespace pay to have secrets of namespace payments.
		"/prod/{namespace}*":                   `"/prod/{namespace}*": {namespace} must be followed by "/", ":" or the end`,
		"/prod/{namespace}-*":                  "must be followed by",
		"/prod/{namespace}?/db":                "must be followed by",
		"/prod/{namespace}{namespace}/*":       "must be followed by",
		"/a/{namespace}/*,/prod/{namespace}db": `"/prod/{namespace}db"`,
		"/prod/*{namespace}/db":                "must not follow a wildcard",
		"/prod/?{namespace}":                   "must not follow a wildcard",
	} {
		if _, err := ParsePatterns(text); err == nil || !strings.Contains(err.Error(), mention) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"/prod/{namespace}/*", "/prod/{namespace}", "team-{namespace}/*", "*/{namespace}/*", "arn:aws:secretsmanager:*:*:secret:{namespace}:*"} {
		if _, err := ParsePatterns(text); err != nil {
			t.Errorf("%q is refused: %v", text, err)
		}
	}
	if patterns, err := ParsePatterns(""); patterns != nil || err != nil {
		t.Errorf("none: %v, %v", patterns, err)
	}
}
