package failover

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// later is by how much a version must be younger than the synced one. AWS does not say whether a replica dates
// a version by when it was made or by when it came there, which is a matter of seconds; and the date of the
// synced one is known in whole seconds.
const later = time.Minute

// confirm lets an answer of a replica through that is no step back: a first one, the version that is synced,
// or one that AWS got later. Only reading a value tells when AWS got it, and the value that was read for that is
// handed on. A version that is pinned is what it is.
func (s *Source) confirm(ctx context.Context, query source.VersionQuery, there source.Ref, resolution *source.Resolution) error {
	synced, version := query.Synced, &resolution.Version
	if synced.ID == "" || query.VersionID != "" || version.ID == synced.ID && version.ARN == synced.ARN || anotherName(version.ARN, synced.ARN) {
		return nil
	}
	if synced.Created.IsZero() {
		return notNewer("it has version %s, and it is not known when version %s, which is synced, was made", version.ID, synced.ID)
	}
	if err := s.date(ctx, query.Identity, there, resolution); err != nil {
		return err
	}
	if version.Created.Sub(synced.Created) < later {
		return notNewer("it has version %s, which is not newer than version %s, which is synced", version.ID, synced.ID)
	}
	return nil
}

// date finds out when a version was made, by reading its value where nothing else tells: there is the secret in the
// region that answered.
func (s *Source) date(ctx context.Context, who source.Identity, there source.Ref, resolution *source.Resolution) error {
	version := &resolution.Version
	key := birthKey{who, version.ARN, version.ID}
	if version.Created.IsZero() {
		version.Created = s.births.recall(key)
	}
	if version.Created.IsZero() {
		seen := *version
		if there.Region != "" {
			seen.ARN = inRegion(version.ARN, there.Region)
		}
		fetched, err := s.Source.Fetch(ctx, there, seen)
		if err != nil {
			return err
		}
		if fetched.Version.ID != version.ID || fetched.Version.ARN != seen.ARN {
			return notNewer("its version changes at this moment")
		}
		version.Created, resolution.Value = fetched.Version.Created, &fetched.Value
	}
	s.births.remember(key, version.Created)
	return nil
}

// anotherName says that two ARNs are of secrets with different names: the spec was edited, and what is synced
// is no measure. Secrets of one name with different random suffixes are a secret and its successor.
func anotherName(arn, synced string) bool {
	return synced != "" && withoutSuffix(arn) != withoutSuffix(synced)
}

// withoutSuffix leaves out the random end of a full ARN, a hyphen and six characters.
func withoutSuffix(arn string) string { return arn[:max(0, len(arn)-len("-a1B2c3"))] }

// unfit is why a replica is not used. It ends in the error of the region that does not answer.
type unfit string

// Error is the reason.
func (u unfit) Error() string { return string(u) }

func notNewer(format string, arguments ...any) error { return unfit(fmt.Sprintf(format, arguments...)) }

// unproven is a secret of which it is not known that it is a replica of the one that was asked for.
func unproven(primary, home string) error {
	if primary == "" {
		return unfit("it is not known to be a replica: allow secretsmanager:DescribeSecret on it, which tells")
	}
	return unfit("it belongs to a secret of " + primary + ", and none of " + home + " was read before")
}

// mostBirths bounds the dates that are remembered: some 300 bytes each, so 300 kB at most.
const mostBirths = 1000

type birthKey struct {
	who     source.Identity
	arn, id string
}

// births remembers when versions were made, which never changes: a replica that stays behind for as long as
// the region is down is not read on every poll.
type births struct {
	mutex sync.Mutex
	known map[birthKey]time.Time
}

func newBirths() *births { return &births{known: map[birthKey]time.Time{}} }

func (b *births) recall(key birthKey) time.Time {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.known[key]
}

func (b *births) remember(key birthKey, made time.Time) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if _, known := b.known[key]; !known && len(b.known) >= mostBirths {
		clear(b.known)
	}
	b.known[key] = made
}
