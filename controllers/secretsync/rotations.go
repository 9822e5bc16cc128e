package secretsync

import (
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
)

// maxFailures is how many secrets' failed rotations are remembered for a SecretSync, the latest of them: change events
// name as many as their senders like.
const maxFailures = 2 * source.MaxFound

// rotations is what is known of the rotations of a SecretSync's secrets and AWS does not tell. The goroutine that
// reconciles the SecretSync uses it. The zero value knows nothing.
type rotations struct {
	mutex sync.Mutex
	// failures are when AWS said last in a change event that it could not rotate a secret, by its ARN.
	failures map[string]time.Time
	// pending are since when versions have waited under AWSPENDING, by the ARN of their secret.
	pending map[string]pendingVersion
}

type pendingVersion struct {
	id    string
	since time.Time
}

// failed notes when rotations failed, by the ARNs of their secrets.
func (r *rotations) failed(failures map[string]time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for arn, at := range failures {
		r.failures = withFailure(r.failures, arn, at)
	}
}

// withFailure notes a failure, unless a later one is known: events come in any order.
func withFailure(known map[string]time.Time, arn string, at time.Time) map[string]time.Time {
	if known == nil {
		known = map[string]time.Time{}
	}
	if at.After(known[arn]) {
		known[arn] = at
	}
	for len(known) > maxFailures {
		oldest := arn
		for other, failed := range known {
			if failed.Before(known[oldest]) {
				oldest = other
			}
		}
		delete(known, oldest)
	}
	return known
}

// facts are what is known of the versions that were resolved. Former versions are not judged.
func (r *rotations) facts(set *resolve.Set, now time.Time) []status.RotationFacts {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var all []status.RotationFacts
	for n, input := range set.Inputs {
		if input.Absent {
			continue
		}
		version := input.Resolution.Version
		facts := status.RotationFacts{SecretID: input.Ref.SecretID, Version: version, FailedAt: r.failures[version.ARN], PendingSince: r.waits(version, now)}
		switch synced := set.Synced(n, input); {
		case input.Fetched.Version.ID == version.ID:
			facts.Created = input.Fetched.Version.Created
		case synced != nil && synced.VersionID == version.ID:
			facts.Created = resolve.CreatedAt(synced)
		}
		all = append(all, facts)
	}
	return all
}

// waits notes the version that waits under AWSPENDING, and gives since when it has; zero where none does, or that is not
// known.
func (r *rotations) waits(version source.Version, now time.Time) time.Time {
	switch {
	case version.Rotation == nil:
		return time.Time{}
	case version.Rotation.PendingVersion == "":
		delete(r.pending, version.ARN)
		return time.Time{}
	}
	if known := r.pending[version.ARN]; known.id == version.Rotation.PendingVersion {
		return known.since
	}
	if r.pending == nil {
		r.pending = map[string]pendingVersion{}
	}
	r.pending[version.ARN] = pendingVersion{version.Rotation.PendingVersion, now}
	return now
}
