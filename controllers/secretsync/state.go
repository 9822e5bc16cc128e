package secretsync

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// objectState is what the process remembers of a SecretSync. All of it may be lost: it saves work, and nothing depends on it
// for being right. Each part is a type with a lock of its own, which says which goroutines may use it; the struct itself
// is not changed once it is made.
type objectState struct {
	// uid is the SecretSync's: one that was deleted and recreated under its name has nothing to remember.
	uid types.UID
	// since is when the process learned of the SecretSync; zero for one that was there when it began to watch.
	since moment

	schedule    *schedule.State
	consistency resolve.Consistency
	cache       cacheLag
	writes      ownwrites.Writes
	seen        ownwrites.Seen
	content     ownwrites.Content
	fight       ownwrites.Fight
	rival       ownwrites.Rival
	blockage    blockage
	rotations   rotations
	conditions  conditions
	restarted   restarted
	unfinished  unfinished
}

func newState(uid types.UID, since time.Time, planned *schedule.State) *objectState {
	made := &objectState{uid: uid, schedule: planned}
	made.since.set(since)
	return made
}

// moment is a time that any goroutine may read and set. It keeps the reading of the monotonic clock: where the wall clock
// is set back, waits do not grow.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) set(at time.Time) { m.at.Store(&at) }

func (m *moment) get() time.Time {
	if at := m.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// states holds the state of every SecretSync. Any goroutine may call its methods.
type states struct {
	now    func() time.Time
	mutex  sync.Mutex
	byName map[types.NamespacedName]*objectState
}

func newStates(now func() time.Time) *states {
	return &states{now: now, byName: map[types.NamespacedName]*objectState{}}
}

// of is the state of a SecretSync, made at its first use.
func (s *states) of(name types.NamespacedName, uid types.UID) *objectState {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known := s.byName[name]
	if known == nil || known.uid != uid {
		known = newState(uid, s.now(), &schedule.State{})
		s.byName[name] = known
	}
	return known
}

// known is the state of a SecretSync, whatever its UID; nil where there is none.
func (s *states) known(name types.NamespacedName) *objectState {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.byName[name]
}

// restore forgets what is known of a SecretSync that is older than it was: the state of the API server went back in time,
// and what was remembered is of writes that no longer exist. AWS and the Secret are checked soon.
func (s *states) restore(name types.NamespacedName, uid types.UID, now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.byName[name] = newState(uid, now, schedule.RestoredState(now))
}

func (s *states) forget(name types.NamespacedName) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.byName, name)
}

// all lists the states.
func (s *states) all() map[types.NamespacedName]*objectState {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return maps.Clone(s.byName)
}

// stale counts the SecretSyncs whose object in the cache has been older than the operator's last write for long, and gives
// for how long the longest of them has been.
func (s *states) stale(now time.Time) (count int, longest time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, known := range s.byName {
		if since := known.cache.behindSince(); !since.IsZero() {
			longest = max(longest, now.Sub(since))
			if now.Sub(since) >= ownwrites.MaxWatchLag {
				count++
			}
		}
	}
	return count, longest
}

// mostOverdue is how long the SecretSync that waits longest for its turn has waited.
func (s *states) mostOverdue(now time.Time) (most time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, known := range s.byName {
		if due := known.schedule.Next(); !due.IsZero() {
			most = max(most, now.Sub(due))
		}
	}
	return most
}

// summaries are short forms of the status of all SecretSyncs.
func (s *states) summaries() map[types.NamespacedName]summary {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := make(map[types.NamespacedName]summary, len(s.byName))
	for name, known := range s.byName {
		all[name] = known.conditions.summary()
	}
	return all
}
