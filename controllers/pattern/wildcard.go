package pattern

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// wildcardSteps is how many comparisons are charged to the budget at a time.
	wildcardSteps = 1024
	// wildcardPrice is how many steps each call takes besides its comparisons.
	wildcardPrice = 4
)

// MatchWildcard says whether a name matches a pattern in which "*" stands for any characters and "?" for one character,
// within a budget. It makes at most as many comparisons as the product of both lengths.
func MatchWildcard(budget *Budget, pattern, name string) (bool, error) {
	compared, refused := 0, error(nil)
	matches := wildcard(pattern, name, func() bool {
		if compared++; compared%wildcardSteps != 0 {
			return true
		}
		refused = budget.spend(wildcardSteps)
		return refused == nil
	})
	if refused == nil {
		refused = budget.spend(int64(compared%wildcardSteps + wildcardPrice))
	}
	if refused != nil {
		return false, named(refused, fmt.Sprintf("the pattern %s, compared with a name of %d bytes,", shown(pattern), len(name)))
	}
	return matches, nil
}

// wildcard calls goesOn before each comparison, and ends if that is false.
func wildcard(pattern, name string, goesOn func() bool) bool {
	star, retry := -1, 0
	at, next := 0, 0
	for next < len(name) {
		if !goesOn() {
			return false
		}
		_, width := utf8.DecodeRuneInString(name[next:])
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, retry = at, next
			at++
		case at < len(pattern) && pattern[at] == '?':
			at, next = at+1, next+width
		case at < len(pattern) && pattern[at] == name[next]:
			at, next = at+1, next+1
		case star >= 0:
			_, width = utf8.DecodeRuneInString(name[retry:])
			retry += width
			at, next = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[at:], "*") == ""
}
