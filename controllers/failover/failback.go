package failover

import (
	"context"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// failbackAfter is how long the home region must name a version that contradicts what a replica gave, and that is not
// known to be newer, before that version is used.
const failbackAfter = 30 * time.Second

// failBack decides about an answer of the home region if the synced version was read from a replica. The home region
// answers again, but its answers may be stale at first, and its dates cannot be compared with those of a replica. The
// answer is used at once if it is the synced version, or a version that AWS created later. Any other version is used
// once the region has named it for failbackAfter; until then the synced version is returned as outdated.
func (s *Source) failBack(ctx context.Context, query source.VersionQuery, resolution source.Resolution) (source.Resolution, error) {
	synced, version := query.Synced, resolution.Version
	same := version.ID == synced.ID && version.ARN == synced.ARN
	if query.VersionID != "" || same || anotherName(version.ARN, synced.ARN) {
		return resolution, nil
	}
	home := query.Ref
	home.FailoverRegions = ""
	dated := s.resolveCreated(ctx, query.Identity, home, &resolution) == nil && !synced.Created.IsZero()
	if dated && resolution.Version.Created.Truncate(time.Second).After(synced.Created) ||
		s.failback.due(versionKey{query.Identity, version.ARN, version.ID}) {
		return resolution, nil
	}
	if ctx.Err() != nil {
		return source.Resolution{}, ctx.Err()
	}
	held := source.Resolution{Version: synced, Hint: resolution.Hint, Outdated: true}
	held.Version.Tag, held.Version.PrimaryRegion = version.Tag, version.PrimaryRegion
	return held, nil
}

// failbacks keeps since when home regions have named versions that contradict a replica. Safe for concurrent use.
type failbacks struct {
	now   func() time.Time
	mutex sync.Mutex
	since map[versionKey]time.Time
}

func newFailbacks(now func() time.Time) *failbacks {
	return &failbacks{now: now, since: map[versionKey]time.Time{}}
}

// due says whether a version has been named for failbackAfter. The first call for a version records the time.
func (f *failbacks) due(key versionKey) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	since, known := f.since[key]
	if known {
		return f.now().Sub(since) >= failbackAfter
	}
	if len(f.since) >= maxVersions {
		clear(f.since)
	}
	f.since[key] = f.now()
	return false
}
