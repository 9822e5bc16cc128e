package rollout

import (
	"slices"
	"strings"
)

// RelevantKeys are the keys whose change needs a restart: those that no pattern of ignoreKeys matches. In a pattern,
// "*" stands for any characters.
func RelevantKeys(keys, ignored []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return slices.ContainsFunc(ignored, func(pattern string) bool { return matches(pattern, key) })
	})
}

// matches is not pattern.MatchWildcard: "?" is no wildcard of ignoreKeys, and strings.Cut needs no budget.
func matches(pattern, key string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == key
	}
	last := len(parts) - 1
	key, begins := strings.CutPrefix(key, parts[0])
	if !begins {
		return false
	}
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(key, part)
		if !found {
			return false
		}
		key = after
	}
	return strings.HasSuffix(key, parts[last])
}
