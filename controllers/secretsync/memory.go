package secretsync

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

const (
	// cacheLag is how long to wait first for the watch to bring what we have written ourselves.
	cacheLag = 200 * time.Millisecond
	// cacheLagNext is how long to wait each time after that, and cacheLagMost how long altogether before the
	// API server itself is asked.
	cacheLagNext, cacheLagMost = time.Second, 5 * time.Second
	// conflictsMost is how many conflicts in a row over one resourceVersion the API server is asked after.
	conflictsMost = 5
)

// memory is what the process remembers of a SecretSync. All of it may be lost: it saves work, and
// nothing depends on it for being right. The queue never works on one SecretSync twice at a time, so
// a memory has one user.
type memory struct {
	// uid is the SecretSync's: one that was deleted and made anew under its name has nothing to remember.
	uid types.UID
	// since is when the process learned of the SecretSync; zero for one that was there when it began to watch.
	since moment
	// statusWritten is the SecretSync's resourceVersion after our last write.
	statusWritten string
	// behind is since when the object in the cache is older than statusWritten; zero while it is not.
	behind moment
	// refused is the resourceVersion of the SecretSync at which a write of it met a conflict last, conflicts how
	// often in a row.
	refused   string
	conflicts int
	// restored is when this SecretSync was found to be older than it had been, as after a restore of etcd; zero
	// once a pass has checked version and Secret since then.
	restored time.Time
	// nextLook is when to ask AWS again: the next poll, or the next try after a failure. Zero before
	// the first pass of this process, and while the SecretSync is suspended.
	nextLook moment
	// secret tells our own writes of the Secret from others'. The lock of memories guards it.
	secret echo
	// large says that the SecretSync is read from the API server, and too large to be kept between passes.
	large bool
	// unfinished is the last pass where that gave up; zero where it came to its end.
	unfinished unfinished
	// wrote is when this process wrote the Secret last.
	wrote time.Time
	// seen is the Secret as it was found to be as desired since status was written; nil where it was not looked at.
	seen atomic.Pointer[target.Result]
	// blocked is what the last try failed at, where that ends with a change of a Secret.
	blocked blockage
	// failures counts failed passes in a row that the same thing heals, the first of them at failingSince:
	// one call that is throttled after a day of refusals is no outage that has lasted for a day.
	failures     int
	failing      heals
	failingSince time.Time
	// triedAt is when the last of them began.
	triedAt time.Time
	// races counts passes in a row that met somebody who wrote the Secret at the same time.
	races int
	// repairs are the times of the latest repairs of the Secret, oldest first.
	repairs []time.Time
	// intruders are the field managers whose edits were undone last.
	intruders []string
	// contested counts how often in a row repairs were put off, the last time until truce.
	contested int
	truce     time.Time
	// prints tell which keys change from one version to the next.
	prints prints
	// takenOver is what has changed in a Secret that was taken over, until status knows of it.
	takenOver *changes
	// previewed tells of what the last preview of mode Observe was.
	previewed string
	// told is when a change event came that no pass has followed to its end yet; zero for none.
	told time.Time
	// pursuit are the looks after an answer of AWS that was out of date.
	pursuit pursuit
	// unsettled counts passes in a row in which AWS did not say the same of versions and of their values.
	unsettled int
	// rotationsFailed are when AWS said last in a change event that it could not rotate a secret, by its ARN.
	rotationsFailed map[string]time.Time
	// restarted are workloads whose restart no event has told of yet.
	restarted []string
	// waits are since when new versions have waited under AWSPENDING.
	waits waits
	// rotation is the reason of the condition RotationHealthy.
	rotation word
	// unreported is a pass whose Secret is written and whose status is not. The lock of memories guards it.
	unreported *pass
}

// moment is a time that others may look at meanwhile. It keeps the reading of the monotonic clock: where
// the wall clock is set back, waits do not grow.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) set(at time.Time) { m.at.Store(&at) }

func (m *moment) get() time.Time {
	if at := m.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// word is a text that others may look at meanwhile.
type word struct{ at atomic.Pointer[string] }

func (w *word) set(text string) { w.at.Store(&text) }

func (w *word) get() string {
	if at := w.at.Load(); at != nil {
		return *at
	}
	return ""
}

// ahead says whether the object in the cache is older than our own last write, so that a pass over
// it would do its work twice. Most often the watch lags by milliseconds; after a restore of etcd it stays so.
func (m *memory) ahead(secretSync *v1alpha1.SecretSync) bool {
	return m.statusWritten != "" && older(secretSync.ResourceVersion, m.statusWritten)
}

// conflicted notes that a write of the SecretSync, as it was at that resourceVersion, met a conflict, and gives the
// wait before the next try.
func (m *memory) conflicted(at string) time.Duration {
	if m.refused != at {
		m.refused, m.conflicts = at, 0
	}
	m.conflicts++
	return min(cacheLag<<min(m.conflicts-1, conflictsMost), cacheLagNext)
}

// doubted says whether the object in the cache can't be the present one, as the API server refuses writes of it.
func (m *memory) doubted(secretSync *v1alpha1.SecretSync) bool {
	return m.conflicts >= conflictsMost && m.refused == secretSync.ResourceVersion
}

// older compares resource versions; those that can't be compared are not older.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// memories holds the memory of every SecretSync.
type memories struct {
	now    func() time.Time
	mutex  sync.Mutex
	byName map[types.NamespacedName]*memory
	// news of SecretSyncs that no pass has taken yet.
	news map[types.NamespacedName]news
	// woken are SecretSyncs that may no longer be blocked; true where that was not the doing of their Secret.
	woken map[types.NamespacedName]bool
	// stopping says that the process ends.
	stopping bool
}

func newMemories(now func() time.Time) *memories {
	return &memories{now: now, byName: map[types.NamespacedName]*memory{}, news: map[types.NamespacedName]news{}, woken: map[types.NamespacedName]bool{}}
}

func (m *memories) of(name types.NamespacedName, uid types.UID) *memory {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	one, known := m.byName[name]
	if !known || one.uid != uid {
		one = &memory{uid: uid}
		one.since.set(m.now())
		m.byName[name] = one
	}
	return one
}

// restored forgets what is known of a SecretSync that is older than it was: the state of the API server went back in
// time, and what was remembered is of writes that no longer exist. AWS and the Secret are checked soon.
func (m *memories) restored(name types.NamespacedName, uid types.UID, now time.Time) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	fresh := &memory{uid: uid, restored: now}
	fresh.since.set(now)
	fresh.nextLook.set(now.Add(somewhereWithin(restoredWithin)))
	m.byName[name] = fresh
}

// stale counts the SecretSyncs whose object in the cache has been older than our last write for long.
func (m *memories) stale(now time.Time) (count int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, one := range m.byName {
		if since := one.behind.get(); !since.IsZero() && now.Sub(since) >= cacheLagMost {
			count++
		}
	}
	return count
}

// mostStale is for how long the one of them that is so longest has been.
func (m *memories) mostStale(now time.Time) (most time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, one := range m.byName {
		if since := one.behind.get(); !since.IsZero() {
			most = max(most, now.Sub(since))
		}
	}
	return most
}

// mostOverdue is how long the one that waits longest for its turn has waited.
func (m *memories) mostOverdue(now time.Time) time.Duration {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var most time.Duration
	for _, one := range m.byName {
		if due := one.nextLook.get(); !due.IsZero() {
			most = max(most, now.Sub(due))
		}
	}
	return most
}

// rotations counts the SecretSyncs whose condition RotationHealthy has a reason.
func (m *memories) rotations(reason string) (count int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, one := range m.byName {
		if one.rotation.get() == reason {
			count++
		}
	}
	return count
}

func (m *memories) forget(name types.NamespacedName) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.byName, name)
	delete(m.news, name)
	delete(m.woken, name)
}

// all lists every memory.
func (m *memories) all() map[types.NamespacedName]*memory {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return maps.Clone(m.byName)
}
