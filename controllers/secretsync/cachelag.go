package secretsync

import (
	"sync"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
)

const (
	// firstLagWait is how long to wait first for the watch to bring what this process has written itself, nextLagWait how
	// long each time after that, and ownwrites.MaxWatchLag how long altogether before the API server itself is asked.
	firstLagWait, nextLagWait = 200 * time.Millisecond, time.Second
	// maxConflicts is how many conflicts in a row over one resourceVersion the API server is asked after.
	maxConflicts = 5
	// maxRaces is how many times in a row it goes unreported that another writer wrote the Secret at the same time.
	maxRaces = 10
)

// cacheLag is how far the SecretSync in the cache is behind what the API server has: by the operator's own writes, and by
// conflicts that writes have met. The goroutine that reconciles the SecretSync uses it; any other one may call
// behindSince.
type cacheLag struct {
	mutex sync.Mutex
	// written is the SecretSync's resourceVersion after the last write.
	written string
	// behind is since when the object in the cache is older than that; zero while it is not.
	behind time.Time
	// refused is the resourceVersion of the SecretSync at which a write of it met a conflict last, conflicts how often in
	// a row.
	refused   string
	conflicts int
	// races counts reconciles in a row that met another writer of the Secret.
	races int
}

// freshness is whether to go by the object in the cache.
type freshness int

const (
	upToDate freshness = iota
	// lagging means that the watch may still bring what was written.
	lagging
	// doubtful means that only the API server itself knows.
	doubtful
)

// judge says whether the object in the cache may be older than what this process wrote last, or another process may have
// written the Secret, and how long to wait before the next try. Most often the watch lags by milliseconds; after a restore
// of etcd it stays so.
func (l *cacheLag) judge(cached *v1alpha1.SecretSync, now time.Time) (freshness, time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	behind := l.written != "" && ownwrites.Older(cached.ResourceVersion, l.written)
	refused := l.conflicts >= maxConflicts && l.refused == cached.ResourceVersion || l.races > 0
	switch {
	case !behind && !refused:
		l.behind = time.Time{}
		return upToDate, 0
	case behind && l.behind.IsZero():
		l.behind = now
		return lagging, firstLagWait
	case behind && !refused && now.Sub(l.behind) < ownwrites.MaxWatchLag:
		return lagging, nextLagWait
	}
	return doubtful, 0
}

// wrote notes the resourceVersion after a write.
func (l *cacheLag) wrote(resourceVersion string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.written = resourceVersion
}

// olderThanWritten says whether an object is older than the last write.
func (l *cacheLag) olderThanWritten(resourceVersion string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return ownwrites.Older(resourceVersion, l.written)
}

// conflicted notes that a write of the SecretSync, as it was at that resourceVersion, met a conflict, and gives the wait
// before the next try.
func (l *cacheLag) conflicted(at string) time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.refused != at {
		l.refused, l.conflicts = at, 0
	}
	l.conflicts++
	return min(firstLagWait<<min(l.conflicts-1, maxConflicts), nextLagWait)
}

// raced notes whether a reconcile met another writer of the Secret, and says whether that may go unreported.
func (l *cacheLag) raced(met bool) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !met {
		l.races = 0
		return false
	}
	l.races++
	return l.races <= maxRaces
}

// racing says whether the last reconcile met another writer of the Secret.
func (l *cacheLag) racing() bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.races > 0
}

// behindSince is since when the object in the cache is older than the last write; zero while it is not.
func (l *cacheLag) behindSince() time.Time {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.behind
}
