package failover

import (
	"context"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// returnLasts is how long the secret's own region must say something else than a replica said before it, and nothing
// newer, until it is believed.
const returnLasts = 30 * time.Second

// comeHome decides about the answer of the secret's own region where a replica was read before. The region answers
// again, but like any other it may be behind at first, and its dates are no measure of those of a replica: what it
// says is followed at once if it is the synced version, or one that AWS got later, and otherwise once it has lasted.
func (s *Source) comeHome(ctx context.Context, query source.VersionQuery, resolution source.Resolution) (source.Resolution, error) {
	synced, version := query.Synced, resolution.Version
	same := version.ID == synced.ID && version.ARN == synced.ARN
	if query.VersionID != "" || same || anotherName(version.ARN, synced.ARN) {
		return resolution, nil
	}
	home := query.Ref
	home.FailoverRegions = ""
	dated := s.date(ctx, query.Identity, home, &resolution) == nil && !synced.Created.IsZero()
	if dated && resolution.Version.Created.Truncate(time.Second).After(synced.Created) ||
		s.returns.lasting(birthKey{query.Identity, version.ARN, version.ID}) {
		return resolution, nil
	}
	if ctx.Err() != nil {
		return source.Resolution{}, ctx.Err()
	}
	held := source.Resolution{Version: synced, Hint: resolution.Hint, Outdated: true}
	held.Version.Tag, held.Version.PrimaryRegion = version.Tag, version.PrimaryRegion
	return held, nil
}

// returns remember since when a region has said what contradicts a replica.
type returns struct {
	now   func() time.Time
	mutex sync.Mutex
	since map[birthKey]time.Time
}

func newReturns(now func() time.Time) *returns {
	return &returns{now: now, since: map[birthKey]time.Time{}}
}

func (r *returns) lasting(key birthKey) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	since, known := r.since[key]
	if known {
		return r.now().Sub(since) >= returnLasts
	}
	if len(r.since) >= mostBirths {
		clear(r.since)
	}
	r.since[key] = r.now()
	return false
}
