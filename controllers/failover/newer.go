package failover

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
)

// newerBy is how much later than the synced version a version must have been created. AWS does not say whether a
// replica dates a version by its creation or by its replication, which differ by seconds, and the date of the synced
// version is known in whole seconds.
const newerBy = time.Minute

// confirm accepts the answer of a replica if it is no step back: the first version of a Secret, the synced version,
// or a version that was created later. Only reading a value gives the date of a version; a value that was read for
// its date is returned with the resolution. A pinned version needs no date.
func (s *Source) confirm(ctx context.Context, query source.VersionQuery, replica source.Ref, resolution *source.Resolution) error {
	synced, version := query.Synced, &resolution.Version
	same := version.ID == synced.ID && version.ARN == synced.ARN
	if synced.ID == "" || query.VersionID != "" || same || anotherName(version.ARN, synced.ARN) {
		return nil
	}
	if synced.Created.IsZero() {
		return notNewer("it has version %s, and it is not known when version %s, which is synced, was made", version.ID, synced.ID)
	}
	if err := s.resolveCreated(ctx, query.Identity, replica, resolution); err != nil {
		return err
	}
	if version.Created.Sub(synced.Created) < newerBy {
		return notNewer("it has version %s, which is not newer than version %s, which is synced", version.ID, synced.ID)
	}
	return nil
}

// resolveCreated sets the time at which a version was created. It reads the value if nothing else gives the time; at
// is the secret in the region that answered.
func (s *Source) resolveCreated(ctx context.Context, identity source.Identity, at source.Ref, resolution *source.Resolution) error {
	version := &resolution.Version
	key := versionKey{identity, version.ARN, version.ID}
	if version.Created.IsZero() {
		version.Created = s.created.get(key)
	}
	if version.Created.IsZero() {
		resolved := *version
		if at.Region != "" {
			resolved.ARN = arns.InRegion(version.ARN, at.Region)
		}
		fetched, err := s.Source.Fetch(ctx, at, resolved)
		if err != nil {
			return err
		}
		if fetched.Version.ID != version.ID || fetched.Version.ARN != resolved.ARN {
			return notNewer("its version changes at this moment")
		}
		version.Created, resolution.Value = fetched.Version.Created, &fetched.Value
	}
	s.created.set(key, version.Created)
	return nil
}

// anotherName says whether two ARNs are of secrets with different names: then the spec was edited, and the answer is
// not compared with the synced version. Two secrets of one name with different random suffixes are a secret and its
// successor.
func anotherName(arn, synced string) bool {
	return synced != "" && arns.Partial(arn) != arns.Partial(synced)
}

// unfit is the reason why a replica is not used. It ends up in the error of the home region.
type unfit string

// Error is the reason.
func (u unfit) Error() string { return string(u) }

func notNewer(format string, arguments ...any) error { return unfit(fmt.Sprintf(format, arguments...)) }

// unproven is the error for a secret that is not known to be a replica of the secret that was asked for.
func unproven(primary, home string) error {
	if primary == "" {
		return unfit("it is not known to be a replica: allow secretsmanager:DescribeSecret on it, which returns the primary region")
	}
	return unfit("it belongs to a secret of " + primary + ", and no secret of " + home + " was read before")
}

// maxVersions bounds the versions that are kept: some 300 bytes each, so 300 kB at most.
const maxVersions = 1000

// versionKey is a version of a secret, as one identity reads it.
type versionKey struct {
	identity source.Identity
	arn, id  string
}

// createdTimes caches when versions were created, which never changes: a replica that stays behind for as long as the
// home region is down is not read on each poll. Safe for concurrent use.
type createdTimes struct {
	mutex sync.Mutex
	known map[versionKey]time.Time
}

func newCreatedTimes() *createdTimes { return &createdTimes{known: map[versionKey]time.Time{}} }

// get returns the zero time for a version that is not cached.
func (c *createdTimes) get(key versionKey) time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.known[key]
}

func (c *createdTimes) set(key versionKey, created time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, known := c.known[key]; !known && len(c.known) >= maxVersions {
		clear(c.known)
	}
	c.known[key] = created
}
