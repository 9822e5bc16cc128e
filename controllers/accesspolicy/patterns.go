package accesspolicy

import (
	"errors"
	"fmt"
	"strings"
)

// namespaceVariable stands in a pattern for the namespace of the SecretSync.
const namespaceVariable = "{namespace}"

// Patterns say which secrets a namespace may have. None at all leave every secret to every namespace.
//
// A pattern is matched against the whole name of a secret, or, if it begins with "arn:", against its whole
// ARN without the random suffix. "*" stands for any characters, slashes too, "?" for one, as in policies
// of IAM, and "{namespace}" for the namespace of the SecretSync.
type Patterns []string

// ParsePatterns reads patterns separated by commas. Its error names the pattern that is none.
func ParsePatterns(text string) (Patterns, error) {
	var patterns Patterns
	for _, pattern := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		rest := strings.ReplaceAll(pattern, namespaceVariable, "")
		if strings.ContainsAny(rest, "{}") {
			return nil, fmt.Errorf("%q: the only variable is %s", pattern, namespaceVariable)
		}
		if !closed(pattern) {
			return nil, fmt.Errorf("%q: %s must be followed by \"/\", \":\" or the end of the pattern, and must not follow a wildcard: "+
				"otherwise namespace pay may have the secrets of namespace payments", pattern, namespaceVariable)
		}
		if strings.HasPrefix(pattern, "arn:") && len(strings.SplitN(pattern, ":", arnParts)) < arnParts {
			return nil, fmt.Errorf("%q: an ARN has seven parts, arn:aws:secretsmanager:<region>:<account>:secret:<name>", pattern)
		}
		patterns = append(patterns, pattern)
	}
	if len(patterns) == 0 && text != "" {
		return nil, errors.New("there is no pattern in it")
	}
	return patterns, nil
}

// closed says whether a pattern matches the name of the namespace as a whole wherever it has it. /prod/{namespace}*
// does not: namespace pay would match the secrets of namespace payments.
func closed(pattern string) bool {
	parts := strings.Split(pattern, namespaceVariable)
	for n, after := range parts[1:] {
		before, last := parts[n], n == len(parts)-2
		ends := after == "" && last || strings.HasPrefix(after, "/") || strings.HasPrefix(after, ":")
		if !ends || strings.HasSuffix(before, "*") || strings.HasSuffix(before, "?") {
			return false
		}
	}
	return true
}

// allow says whether a secret may be had by a namespace.
func (p Patterns) allow(namespace string, s secret) bool {
	for _, pattern := range p {
		text := s.name
		if strings.HasPrefix(pattern, "arn:") {
			text = s.arn
		}
		if text != "" && matches(strings.ReplaceAll(pattern, namespaceVariable, namespace), text) {
			return true
		}
	}
	return false
}

// forNamespace lists the patterns as they are for a namespace.
func (p Patterns) forNamespace(namespace string) string {
	return strings.ReplaceAll(strings.Join(p, ", "), namespaceVariable, namespace)
}

// matches compares a text with a pattern of "*" and "?". It remembers where the last "*" was, and goes
// back there when what follows does not fit: time grows with the product of the lengths at most.
func matches(pattern, text string) bool {
	p, star, from := 0, -1, 0
	for t := 0; t < len(text); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
