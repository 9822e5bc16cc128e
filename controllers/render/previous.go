package render

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// previousSuffix is the default suffix of keys with previous values.
const previousSuffix = "_previous"

// WithPrevious adds the previous values to the current ones, each under its key and the suffix. Default of suffix:
// "_previous". It changes neither map. It fails if a key exists already, or has an invalid name. Errors are of type
// *Error.
func WithPrevious(current, previous map[string][]byte, suffix string) (map[string][]byte, error) {
	if suffix == "" {
		suffix = previousSuffix
	}
	both := maps.Clone(current)
	if both == nil {
		both = map[string][]byte{}
	}
	for _, key := range slices.Sorted(maps.Keys(previous)) {
		name := key + suffix
		if _, taken := current[name]; taken {
			return nil, invalid("the former value of key %q would go under %q, which the Secret has already: choose another spec.keepPrevious.suffix", key, name)
		}
		if len(validation.IsConfigMapKey(name)) > 0 {
			return nil, invalid("the former value of key %q can't go under %s, which is no name for a key: choose a shorter spec.keepPrevious.suffix", key, shown(name))
		}
		both[name] = previous[key]
	}
	return both, nil
}
