package aws

import (
	"sync"
	"time"
)

const (
	// denialLasts is how long a denied operation is not asked for again, so that a poll costs one call,
	// not two. A permission that is granted meanwhile is noticed after that time.
	denialLasts = 10 * time.Minute
	// maxRemembered bounds a cache: some 100 bytes for each entry, so 1 MB at most.
	maxRemembered = 10_000
)

// denialCache remembers for a while that an operation was denied, by what it was about, for a bounded number of things.
type denialCache struct {
	now   func() time.Time
	lasts time.Duration
	mutex sync.Mutex
	until map[string]time.Time
}

func newDenialCache(now func() time.Time, lasts time.Duration) *denialCache {
	return &denialCache{now: now, lasts: lasts, until: map[string]time.Time{}}
}

func (m *denialCache) recall(thing string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	until, known := m.until[thing]
	if known && !m.now().Before(until) {
		delete(m.until, thing)
		return false
	}
	return known
}

func (m *denialCache) remember(thing string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, again := m.until[thing]; !again && len(m.until) >= maxRemembered {
		m.makeRoom()
	}
	m.until[thing] = m.now().Add(m.lasts)
}

func (m *denialCache) forget(thing string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.until, thing)
}

// makeRoom forgets what has expired, and if that is nothing, any one: forgetting costs one call at most.
func (m *denialCache) makeRoom() {
	now := m.now()
	for thing, until := range m.until {
		if !now.Before(until) {
			delete(m.until, thing)
		}
	}
	for thing := range m.until {
		if len(m.until) < maxRemembered {
			return
		}
		delete(m.until, thing)
	}
}
