package failover

import (
	"errors"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// failureThreshold is how many failures in a row open a breaker. Each of them may have cost the time that a call
	// may take.
	failureThreshold = 3
	// openMin is how long a breaker stays open first. The time doubles with each probe that fails, up to openMax: a
	// region that answers again is noticed that late at most.
	openMin, openMax = 30 * time.Second, 2 * time.Minute
)

// breaker is the circuit breaker of one identity and one region. It is closed at first; open while calls fail without
// being sent; and then half open, while one call probes the region. Safe for concurrent use.
//
// Identities do not share a breaker: their calls may take different routes.
type breaker struct {
	now     func() time.Time
	region  string
	metrics *Metrics

	mutex    sync.Mutex
	failures int
	// openUntil is when the region is probed; zero while the breaker is closed.
	openUntil time.Time
	openFor   time.Duration
	// probing says that a call is probing the region: until it ends, other calls fail without being sent.
	probing bool
	// last is the latest error of the region. It is returned while the breaker is open.
	last *source.Error
}

// try makes a call through a breaker; a nil breaker lets every call through. If the region does not answer, or the
// breaker is open, unavailable is the region's error. Other errors of the call are err.
func try[T any](b *breaker, call func() (T, error)) (result T, unavailable *source.Error, err error) {
	if b == nil {
		result, err = call()
		return result, nil, err
	}
	if last := b.allow(); last != nil {
		return result, last, nil
	}
	recorded := false
	defer func() {
		if !recorded { // The call panicked.
			b.record(nil, false)
		}
	}()
	result, err = call()
	answered := err == nil || source.KindOf(err).Answered()
	if refusal, ok := errors.AsType[*source.Error](err); ok && refusal.Kind == source.RegionUnavailable {
		unavailable, err = refusal, nil
	}
	b.record(unavailable, answered)
	recorded = true
	return result, unavailable, err
}

// allow returns nil if a call may be sent, and the region's latest error otherwise. Once the breaker has been open for
// long enough, it lets one call through as a probe.
func (b *breaker) allow() *source.Error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.openUntil.IsZero() {
		return nil
	}
	if b.probing || b.now().Before(b.openUntil) {
		return b.last
	}
	b.probing = true
	return nil
}

// record counts how a call ended. A call that was cancelled, or that AWS did not get, has neither an unavailable
// region nor an answer, and says nothing about the region.
func (b *breaker) record(unavailable *source.Error, answered bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.probing = false
	switch {
	case answered:
		b.close()
	case unavailable != nil && unavailable != b.last: // Callers that share a call share its error: it counts once.
		b.last = unavailable
		b.failures++
		if b.failures >= failureThreshold && !b.now().Before(b.openUntil) {
			b.open()
		}
	}
}

func (b *breaker) open() {
	if b.openUntil.IsZero() {
		b.metrics.avoid(b.region, 1)
	}
	b.openFor = min(max(openMin, 2*b.openFor), openMax)
	b.openUntil = b.now().Add(b.openFor)
}

func (b *breaker) close() {
	if !b.openUntil.IsZero() {
		b.metrics.avoid(b.region, -1)
	}
	b.failures, b.openUntil, b.openFor, b.last = 0, time.Time{}, 0, nil
}
