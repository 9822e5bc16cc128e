package failover

import (
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// unusedTTL is how long a breaker is kept after its last use.
	unusedTTL = time.Hour
	// tidyInterval is how often unused breakers are looked for.
	tidyInterval = time.Minute
	// maxBreakers bounds the breakers of one namespace. Beyond it, the namespace's least recently used breaker is
	// evicted. The breakers of the operator's own identity have no such bound: only known regions have breakers.
	maxBreakers = 256
)

type breakerKey struct {
	identity source.Identity
	region   string
}

// usedBreaker is a breaker and when it was last asked for.
type usedBreaker struct {
	*breaker
	used time.Time
}

// breakers keeps the breakers of all identities and regions that are in use. Safe for concurrent use.
type breakers struct {
	options Options

	mutex sync.Mutex
	// byNamespace has the namespace that an identity acts for as its key.
	byNamespace map[string]map[breakerKey]*usedBreaker
	tidied      time.Time
}

func newBreakers(options Options) *breakers {
	return &breakers{options: options, byNamespace: map[string]map[breakerKey]*usedBreaker{}}
}

// get returns the breaker of an identity and a region, and creates it at its first use. It returns nil for a region
// that is not known.
func (b *breakers) get(identity source.Identity, region string) *breaker {
	if !b.options.Knows(region) {
		return nil
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	now := b.options.Now()
	b.tidy(now)
	known, key := b.byNamespace[identity.Namespace], breakerKey{identity, region}
	if known == nil {
		known = map[breakerKey]*usedBreaker{}
		b.byNamespace[identity.Namespace] = known
	}
	entry := known[key]
	if entry == nil {
		if len(known) >= maxBreakers && identity.Namespace != "" {
			evictOldest(known)
		}
		entry = &usedBreaker{breaker: &breaker{now: b.options.Now, region: region, metrics: b.options.Metrics}}
		known[key] = entry
	}
	entry.used = now
	return entry.breaker
}

func evictOldest(known map[breakerKey]*usedBreaker) {
	var oldest breakerKey
	for key, entry := range known {
		if candidate := known[oldest]; candidate == nil || entry.used.Before(candidate.used) {
			oldest = key
		}
	}
	evict(known, oldest)
}

func evict(known map[breakerKey]*usedBreaker, key breakerKey) {
	known[key].record(nil, true) // The metric of avoided regions counts it no more.
	delete(known, key)
}

// tidy evicts breakers that have not been used for long. The lock must be held.
func (b *breakers) tidy(now time.Time) {
	if now.Sub(b.tidied) < tidyInterval {
		return
	}
	b.tidied = now
	for namespace, known := range b.byNamespace {
		for key, entry := range known {
			if now.Sub(entry.used) > unusedTTL {
				evict(known, key)
			}
		}
		if len(known) == 0 {
			delete(b.byNamespace, namespace)
		}
	}
}
