package accesspolicy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// colons are those of arn:<partition>:secretsmanager:<region>:<account>:secret:<name>.
const colons = 6

// namespaceVariable stands in a pattern for the namespace of the SecretSync.
const namespaceVariable = "{namespace}"

// Patterns say which secrets a namespace may have. Without patterns, every namespace may have every secret.
//
// A pattern is matched against the whole name of a secret or, if it begins with "arn:", against its whole ARN without
// the random suffix. As in IAM policies, "*" stands for any characters, including slashes, and "?" for one character.
// "{namespace}" stands for the namespace of the SecretSync.
type Patterns []string

// ParsePatterns parses patterns that are separated by commas. Its error names the first invalid pattern.
func ParsePatterns(text string) (Patterns, error) {
	var patterns Patterns
	for _, candidate := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		rest := strings.ReplaceAll(candidate, namespaceVariable, "")
		if strings.ContainsAny(rest, "{}") {
			return nil, fmt.Errorf("%q: the only variable is %s", candidate, namespaceVariable)
		}
		if !closed(candidate) {
			return nil, fmt.Errorf("%q: %s must be followed by \"/\", \":\" or the end of the pattern, and must not follow a wildcard: "+
				"otherwise namespace pay may have the secrets of namespace payments", candidate, namespaceVariable)
		}
		if arns.Is(candidate) && strings.Count(candidate, ":") < colons {
			return nil, fmt.Errorf("%q: an ARN has seven parts, arn:aws:secretsmanager:<region>:<account>:secret:<name>", candidate)
		}
		patterns = append(patterns, candidate)
	}
	if len(patterns) == 0 && text != "" {
		return nil, errors.New("there is no pattern in it")
	}
	return patterns, nil
}

// closed says whether a pattern matches the name of the namespace as a whole, wherever {namespace} stands in it. The
// pattern /prod/{namespace}* is not closed: with it, namespace pay would match the secrets of namespace payments.
func closed(text string) bool {
	parts := strings.Split(text, namespaceVariable)
	for n, after := range parts[1:] {
		before, last := parts[n], n == len(parts)-2
		ends := after == "" && last || strings.HasPrefix(after, "/") || strings.HasPrefix(after, ":")
		if !ends || strings.HasSuffix(before, "*") || strings.HasSuffix(before, "?") {
			return false
		}
	}
	return true
}

// allow says whether a namespace may have a secret.
func (p Patterns) allow(budget *pattern.Budget, namespace string, s secret) bool {
	for _, allowed := range p {
		text := s.name
		if arns.Is(allowed) {
			text = s.arn
		}
		if text != "" && matches(budget, strings.ReplaceAll(allowed, namespaceVariable, namespace), text) {
			return true
		}
	}
	return false
}

// forNamespace lists the patterns with the name of a namespace in them.
func (p Patterns) forNamespace(namespace string) string {
	return strings.ReplaceAll(strings.Join(p, ", "), namespaceVariable, namespace)
}

// matches says whether a text matches a pattern as a whole. A text that cannot be matched within the budget does not
// match.
func matches(budget *pattern.Budget, wildcards, text string) bool {
	matched, _ := pattern.MatchWildcard(budget, wildcards, text) // With an error, it is false.
	return matched
}

// unbounded is a budget that does not run out. The administrator writes the patterns, and an id has at most 2,048
// characters: matching needs no bound.
func unbounded() *pattern.Budget { return pattern.NewBudget(context.Background(), math.MaxInt64) }
