package aws

import (
	"sync"
	"time"
)

const (
	// denialLasts is how long a denied DescribeSecret is not asked again, so that a poll costs one call,
	// not two. A permission that is granted meanwhile is noticed after that time.
	denialLasts = 10 * time.Minute
	// keyLasts is how long the KMS key of a secret is remembered; it is only used to explain denials.
	keyLasts = 24 * time.Hour
	// maxRemembered bounds a memory: some 200 bytes each, so 2 MB at most.
	maxRemembered = 10_000
)

// place is a secret as it is asked for: the same name is another secret in another region.
type place struct{ region, secretID string }

// memory keeps a fact about places for a while, and a bounded number of them.
type memory[F any] struct {
	now   func() time.Time
	lasts time.Duration
	mutex sync.Mutex
	facts map[place]fact[F]
}

type fact[F any] struct {
	known F
	until time.Time
}

func newMemory[F any](now func() time.Time, lasts time.Duration) *memory[F] {
	return &memory[F]{now: now, lasts: lasts, facts: map[place]fact[F]{}}
}

func (m *memory[F]) recall(at place) (known F, ok bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	found, ok := m.facts[at]
	if ok && !m.now().Before(found.until) {
		delete(m.facts, at)
		return known, false
	}
	return found.known, ok
}

func (m *memory[F]) remember(at place, known F) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, again := m.facts[at]; !again && len(m.facts) >= maxRemembered {
		m.makeRoom()
	}
	m.facts[at] = fact[F]{known: known, until: m.now().Add(m.lasts)}
}

func (m *memory[F]) forget(at place) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.facts, at)
}

// makeRoom forgets what has expired, and if that is nothing, any one: forgetting costs one call at most.
func (m *memory[F]) makeRoom() {
	now := m.now()
	for at, found := range m.facts {
		if !now.Before(found.until) {
			delete(m.facts, at)
		}
	}
	for at := range m.facts {
		if len(m.facts) < maxRemembered {
			return
		}
		delete(m.facts, at)
	}
}
