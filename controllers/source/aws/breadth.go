package aws

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

const (
	// broadLasts is how long it is kept that a find is too broad, for all who ask the same, and how long each of them
	// waits before the next try: a look at it may take findPages calls, and only an edit will help.
	broadLasts = 10 * time.Minute
	// maxBroad is how many such finds are kept, and maxBroadFound how many secrets of all of them: some 300 bytes each.
	maxBroad, maxBroadFound = 1000, 20_000
)

// breadths keeps which finds are too broad.
type breadths struct {
	now   func() time.Time
	mutex sync.Mutex
	known map[findKey]breadth
	found int
	// share is what may be kept besides by all that a namespace reads; nil for no such bound.
	share *sharing.Share
	// cleared says that nothing more is kept.
	cleared bool
}

// breadth is what was listed of a find that is too broad.
type breadth struct {
	until time.Time
	// found are the secrets that match; nil where they were too many to be listed to the end.
	found []source.Found
}

// recall gives what was listed for others of late.
func (b *breadths) recall(key findKey) (breadth, bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	known, is := b.known[key]
	if is && !b.now().Before(known.until) {
		b.drop(key)
		return breadth{}, false
	}
	return known, is
}

// learn keeps a list that is too broad, nil for one without an end, and forgets the one of before where it is not.
func (b *breadths) learn(key findKey, found []source.Found, endless bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.drop(key)
	if !endless && len(found) <= source.MaxFound {
		return
	}
	if b.known == nil {
		b.known = map[findKey]breadth{}
	}
	now := b.now()
	for other, known := range b.known {
		full := len(b.known) >= maxBroad || b.found+len(found) > maxBroadFound
		if full || !now.Before(known.until) {
			b.drop(other) // Which one does not matter: it costs another look.
		}
	}
	if b.cleared || !b.share.Take(1+len(found)) {
		return
	}
	b.known[key] = breadth{until: now.Add(broadLasts), found: found}
	b.found += len(found)
}

func (b *breadths) drop(key findKey) {
	known, is := b.known[key]
	if !is {
		return
	}
	b.found -= len(known.found)
	b.share.Give(1 + len(known.found))
	delete(b.known, key)
}

// clear lets go of all that is known.
func (b *breadths) clear() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for key := range b.known {
		b.drop(key)
	}
	b.cleared = true
}

// tooBroad says of what was listed whether it is too much for who asks; nil where it is not.
func (f *finds) tooBroad(listed breadth, asked source.FindQuery, wanted criteria) error {
	if listed.found == nil {
		return broad(fmt.Sprintf("find would have to look through more than %d secrets in %s", findPages*sweepPage, f.e.region), wanted.lengthAdvice())
	}
	return f.tooMany(len(allowed(slices.Clone(listed.found), asked)))
}

// tooMany refuses so many secrets; nil where they are not too many.
func (f *finds) tooMany(found int) error {
	if found <= source.MaxFound {
		return nil
	}
	return broad(fmt.Sprintf("find matches %d secrets in %s, and takes %d at most", found, f.e.region, source.MaxFound),
		"narrow it by a longer namePrefix, by namePattern, or by more tags in spec.dataFrom[].find")
}

func broad(what, advice string) error {
	return &source.Error{Kind: source.FindTooBroad, RetryAfter: broadLasts, Explanation: what + ": " + advice}
}

// allowed takes out of a list what may not be given to who asks.
func allowed(found []source.Found, asked source.FindQuery) []source.Found {
	if asked.Allow != nil {
		found = slices.DeleteFunc(found, func(secret source.Found) bool { return !asked.Allow(secret) })
	}
	return found
}

// filterText is what AWS takes as the text of a filter, and does not take for the opposite, as one that begins with "!".
var filterText = regexp.MustCompile(`^[A-Za-z0-9 :_@/+=.-][A-Za-z0-9 :_@/+=.!-]*$`)

// sendable says whether a text can be a filter.
func sendable(text string) bool { return len(text) <= findText && filterText.MatchString(text) }

// lengthAdvice is how AWS is made to list less. What is compared here alone makes no list shorter.
func (c criteria) lengthAdvice() string {
	advice := "AWS lists less by a longer beginning of the names (namePrefix, or namePattern where it begins with plain text) or by tags"
	var unsent []string
	for _, key := range slices.Sorted(maps.Keys(c.tags)) {
		if !sendable(key) || c.tags[key] != "" && !sendable(c.tags[key]) {
			unsent = append(unsent, fmt.Sprintf("%q", key))
		}
	}
	switch {
	case len(unsent) > 0:
		advice += " in ASCII letters, digits and :_@/+=.-, in spec.dataFrom[].find; that is not so of tag " + refusal.Shortened(strings.Join(unsent, ", ")) +
			", which is compared after all is listed"
	case c.begins != "" && !sendable(c.begins):
		advice += ", in spec.dataFrom[].find; it does not take a beginning of other characters than ASCII letters, digits and :_@/+=.-"
	default:
		advice += ", in spec.dataFrom[].find"
	}
	return advice
}
