package failover

import (
	"errors"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// failuresMost in a row are enough for a region not to be asked for a while: each of them may have cost the
	// time that a call may take.
	failuresMost = 3
	// restLeast is how long that is, doubled with each time that it still does not answer, up to restMost: that
	// late, at most, the return of a region is noticed.
	restLeast, restMost = 30 * time.Second, 2 * time.Minute
	// unusedLasts is how long a region is remembered that nobody asks about.
	unusedLasts = time.Hour
	// breakersMost is how many are kept for one namespace, beside those of the operator's own identity: beyond, the
	// namespace has its own evicted, those that were used least recently first.
	breakersMost = 256
)

// breaker keeps questions from a region that does not answer. What one identity finds says nothing to others:
// their calls may go another way.
type breaker struct {
	now     func() time.Time
	region  string
	metrics *Metrics

	mutex    sync.Mutex
	failures int
	// until is when the region is asked again; zero while it is asked as ever.
	until time.Time
	rest  time.Duration
	// probing says that one question finds out whether the region answers again.
	probing bool
	// last is what was said when the region did not answer.
	last *source.Error
	// used is when somebody asked last. The lock of breakers guards it.
	used time.Time
}

// try asks a region, unless its breaker knows that there is no use in it; without a breaker it always does. A region that does not answer has
// its error in unavailable; err is the answer's own.
func try[T any](b *breaker, ask func() (T, error)) (answer T, unavailable *source.Error, err error) {
	if b == nil {
		answer, err = ask()
		return answer, nil, err
	}
	if last := b.refuse(); last != nil {
		return answer, last, nil
	}
	var learned bool
	defer func() {
		if !learned { // It panicked.
			b.learn(nil, false)
		}
	}()
	answer, err = ask()
	kind := source.KindOf(err)
	if refused, ok := errors.AsType[*source.Error](err); ok && kind == source.RegionUnavailable {
		unavailable, err = refused, nil
	}
	answered := err == nil && unavailable == nil
	switch kind {
	case "", source.RegionUnavailable, source.Busy, source.CredentialsUnavailable, source.AssumeRoleDenied:
	default:
		answered = true // A refusal is an answer.
	}
	b.learn(unavailable, answered)
	learned = true
	return answer, unavailable, err
}

// refuse gives the last error of a region that is not to be asked now. One question at a time is let through
// to find out, once the rest is over.
func (b *breaker) refuse() *source.Error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.until.IsZero() {
		return nil
	}
	if b.probing || b.now().Before(b.until) {
		return b.last
	}
	b.probing = true
	return nil
}

// learn takes note of how a question ended: not answered, answered, or neither of them.
func (b *breaker) learn(unavailable *source.Error, answered bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.probing = false
	switch {
	case answered:
		b.close()
	case unavailable != nil && unavailable != b.last: // Those who share a call count once.
		b.last = unavailable
		b.failures++
		if b.failures >= failuresMost && !b.now().Before(b.until) {
			b.open()
		}
	}
}

func (b *breaker) open() {
	if b.until.IsZero() {
		b.metrics.avoid(b.region, 1)
	}
	b.rest = min(max(restLeast, 2*b.rest), restMost)
	b.until = b.now().Add(b.rest)
}

func (b *breaker) close() {
	if !b.until.IsZero() {
		b.metrics.avoid(b.region, -1)
	}
	b.failures, b.until, b.rest, b.last = 0, time.Time{}, 0, nil
}

type breakerKey struct {
	who    source.Identity
	region string
}

// breakers are those of all identities and regions that are in use.
type breakers struct {
	options Options

	mutex sync.Mutex
	// known are by the namespace that an identity acts for.
	known  map[string]map[breakerKey]*breaker
	tidied time.Time
}

func newBreakers(options Options) *breakers {
	return &breakers{options: options, known: map[string]map[breakerKey]*breaker{}}
}

// of is the one of an identity and a region, made at its first use; nil where the region is none.
func (b *breakers) of(who source.Identity, region string) *breaker {
	if !b.options.Knows(region) {
		return nil
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	now := b.options.Now()
	b.tidy(now)
	those, key := b.known[who.Namespace], breakerKey{who, region}
	if those == nil {
		those = map[breakerKey]*breaker{}
		b.known[who.Namespace] = those
	}
	one := those[key]
	if one == nil {
		if len(those) >= breakersMost && who.Namespace != "" {
			evictOldest(those)
		}
		one = &breaker{now: b.options.Now, region: region, metrics: b.options.Metrics}
		those[key] = one
	}
	one.used = now
	return one
}

func evictOldest(those map[breakerKey]*breaker) {
	var oldest breakerKey
	for key, one := range those {
		if known := those[oldest]; known == nil || one.used.Before(known.used) {
			oldest = key
		}
	}
	evict(those, oldest)
}

func evict(those map[breakerKey]*breaker, key breakerKey) {
	those[key].learn(nil, true) // It counts no more among those that are avoided.
	delete(those, key)
}

// tidy forgets what was not used for long. The lock must be held.
func (b *breakers) tidy(now time.Time) {
	if now.Sub(b.tidied) < time.Minute {
		return
	}
	b.tidied = now
	for namespace, those := range b.known {
		for key, one := range those {
			if now.Sub(one.used) > unusedLasts {
				evict(those, key)
			}
		}
		if len(those) == 0 {
			delete(b.known, namespace)
		}
	}
}
