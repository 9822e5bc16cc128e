package moto

import (
	"fmt"
	"regexp"
)

// knownDifference says, for differences of one kind, which side is right.
type knownDifference struct {
	// calls matches the calls that it is about, as "file/what", or their operations; paths matches where the answers
	// differ. Both are regular expressions that must match the whole text.
	calls, paths string
	// local and moto match what the two answer there: regular expressions too, and "-" for a missing field.
	local, moto string
	// right says which side is right, and source why: a page of AWS, a part of its service model, or an answer that the
	// real service was seen to give.
	right  side
	source string
}

// side says which of the two is right.
type side string

const (
	// localRight: AWS does as the local AWS does.
	localRight side = "local"
	// either: AWS does not say, or both are equally right.
	either side = "either"
)

func (k knownDifference) String() string {
	return fmt.Sprintf("%q of %q (%s, not %s)", k.paths, k.calls, k.local, k.moto)
}

type knownDifferences struct {
	entries []knownDifference
	used    []bool
	// found is how many differences were looked up.
	found int
}

func newKnownDifferences() *knownDifferences {
	entries := listKnownDifferences()
	return &knownDifferences{entries: entries, used: make([]bool, len(entries))}
}

// covers says whether an entry covers a difference; the first one that does counts as used.
func (k *knownDifferences) covers(d difference) bool {
	k.found++
	for i, entry := range k.entries {
		about := matches(entry.calls, d.call.String()) || matches(entry.calls, d.call.operation)
		if about && matches(entry.paths, d.path) && matches(entry.local, d.local) && matches(entry.moto, d.other) {
			k.used[i] = true
			return true
		}
	}
	return false
}

func (k *knownDifferences) unused() (entries []knownDifference) {
	for i, entry := range k.entries {
		if !k.used[i] {
			entries = append(entries, entry)
		}
	}
	return entries
}

func matches(expression, text string) bool {
	return regexp.MustCompile(`^(?:` + expression + `)$`).MatchString(text)
}
