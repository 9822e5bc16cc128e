package resolve

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// firstWait is how long to wait where versions and values do not agree, doubled each time up to maxWait: AWS is
	// eventually consistent, and some seconds late at most.
	firstWait, maxWait = time.Second, 16 * time.Second
	// maxUncertainWait is the longest wait where it is not known which versions are right: that ends within some
	// dozen seconds.
	maxUncertainWait = 4 * time.Second
	// mismatchTries is how often in a row it goes unreported that values are of other versions, missingTries that
	// there are none.
	mismatchTries, missingTries = 8, 3
)

// Mismatch is the failure of versions and values that do not agree for long.
type Mismatch struct{ SecretID, Resolved, Read string }

// Error says what AWS said.
func (m *Mismatch) Error() string {
	return fmt.Sprintf("AWS says that secret %s is at version %s, and gives the value of version %s: it is read again until the two agree; if it lasts, "+
		"compare what DescribeSecret and GetSecretValue say of it", m.SecretID, m.Resolved, m.Read)
}

// Consistency counts for how many requests in a row AWS did not say the same of versions and of their values, for one
// SecretSync. The goroutine that reconciles the SecretSync uses it; the zero value is ready.
type Consistency struct{ tries atomic.Int64 }

// Reached begins the count again.
func (c *Consistency) Reached() { c.tries.Store(0) }

// Wait counts a request whose versions are not certain, and gives the error that puts it off.
func (c *Consistency) Wait() error { return busyAfter(c.tries.Add(1), maxUncertainWait) }

// lasts says whether the limit for mismatches is reached.
func (c *Consistency) lasts() bool { return c.tries.Load() >= mismatchTries }

// consistent says whether all inputs were read at the versions that they are at, which is known of each.
func (s *Set) consistent() bool {
	return !s.Uncertain() && !slices.ContainsFunc(s.All(), func(input *Input) bool { return !input.consistent() })
}

// ofOneMoment says whether there was a moment at which all versions that were resolved last were current: each secret
// was in one state, by its date, and, where there are several secrets, none has moved between the resolutions before the
// values were read and those after. Labels that move back and forth may be found at the same version twice.
func (s *Set) ofOneMoment(moved bool) bool {
	lasting := s.request.Consistency.lasts()
	if s.previousLags() && !lasting {
		return false
	}
	all := s.All()
	changed := map[string]time.Time{}
	for _, input := range all {
		version := input.Resolution.Version
		if version.Changed.IsZero() {
			if moved && len(all) > 1 {
				return false // Nothing but the versions tells.
			}
			continue
		}
		known, again := changed[version.ARN]
		// Where an answer is older than status, the date is the one that status has of that label: dates that stay
		// apart do not hold the SecretSync up for good.
		if again && !known.Equal(version.Changed) && !lasting {
			return false
		}
		changed[version.ARN] = version.Changed
	}
	return !moved || len(changed) <= 1
}

// inconsistent is the error of a set whose values and versions do not agree: it puts the request off, and reports the
// disagreement once it has lasted.
func (s *Set) inconsistent() error {
	tries, all := s.request.Consistency.tries.Add(1), s.All()
	place := slices.IndexFunc(all, func(input *Input) bool { return !input.consistent() })
	if place < 0 || s.Uncertain() {
		return busyAfter(tries, maxUncertainWait)
	}
	input := all[place]
	switch {
	case input.unread != nil && (tries >= missingTries && !input.Outdated || tries >= mismatchTries):
		return input.unread
	case input.unread != nil || tries < mismatchTries:
		return busyAfter(tries, maxWait)
	}
	return &Mismatch{SecretID: input.Ref.SecretID, Resolved: input.Resolution.Version.ID, Read: input.Fetched.Version.ID}
}

// busyAfter puts a request off, for longer with each try.
func busyAfter(tries int64, most time.Duration) error {
	wait := min(firstWait<<min(tries-1, 10), most)
	return &source.Error{Kind: source.Busy, RetryAfter: wait, Explanation: "AWS does not say the same of versions and of their values yet: trying again"}
}
