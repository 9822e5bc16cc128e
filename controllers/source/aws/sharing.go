package aws

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// sharing lets callers that ask the same share one call and, while it is fresh enough, its answer.
// Errors are shared by those that wait for the same call, and kept for as long as refused says; one that says that a
// secret is gone, or not for us, ends the answer of before.
type sharing[K comparable, V any] struct {
	now func() time.Time
	// lasts is how long answers are kept.
	lasts time.Duration
	// most bounds the cost of all that are kept; zero keeps none.
	most int
	cost func(K, V) int
	// refused is for how long an error is kept, in place of an answer, and cost of what; nil keeps none.
	refused     func(error) time.Duration
	refusedCost int
	// share is what may be kept besides by all that a namespace reads; nil for no such bound.
	share *share

	mutex   sync.Mutex
	answers map[K]*answer[K, V]
	// queue has the answers, oldest first, and in between what is left of those that were replaced.
	queue   []*answer[K, V]
	kept    int
	flights map[K]*flight[V]
	cleanup *time.Timer
}

type answer[K comparable, V any] struct {
	key   K
	value V
	// err is the answer where it is not nil.
	err  error
	cost int
	// at is when the question was sent, kept when the answer came.
	at, kept time.Time
	// lasts is how long it is one.
	lasts time.Duration
}

// flight is a call under way, or one that waits for the call before it to end.
type flight[V any] struct {
	// before has to end first; nil if it has, or there is none.
	before  *flight[V]
	started time.Time
	done    chan struct{}
	value   V
	err     error
	// abandoned says that whoever made the call gave up, so that there is no answer for others.
	abandoned bool
	next      *flight[V]
}

func newSharing[K comparable, V any](now func() time.Time, lasts time.Duration, most int, cost func(K, V) int) *sharing[K, V] {
	return &sharing[K, V]{now: now, lasts: lasts, most: most, cost: cost, answers: map[K]*answer[K, V]{}, flights: map[K]*flight[V]{}}
}

// errUnanswered is what others get of a call that did not return, because it panicked.
var errUnanswered = errors.New("the call that was shared ended without an answer")

// ask gives an answer that is at most maxAge old: one that is kept, that of a call under way, or that
// of a call of its own. Who asks first makes the call for all; if they give up, another one does.
func (s *sharing[K, V]) ask(ctx context.Context, key K, maxAge time.Duration, call func(context.Context) (V, error)) (V, error) {
	for {
		kept, joined, leads := s.join(key, maxAge)
		switch {
		case joined == nil:
			return kept.value, kept.err
		case leads:
			return s.fly(ctx, key, joined, call)
		}
		select {
		case <-joined.done:
		case <-ctx.Done():
			return kept.value, ctx.Err()
		}
		if !joined.abandoned {
			return joined.value, joined.err
		}
	}
}

// join finds an answer, or a flight, and says whether it is for the caller to make its call.
func (s *sharing[K, V]) join(key K, maxAge time.Duration) (kept answer[K, V], joined *flight[V], leads bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	if known := s.answers[key]; known != nil && maxAge > 0 && now.Sub(known.at) <= maxAge && now.Sub(known.kept) < known.lasts {
		return *known, nil, false
	}
	under := s.flights[key]
	switch {
	case under == nil:
		under = &flight[V]{started: now, done: make(chan struct{})}
		s.flights[key] = under
		return kept, under, true
	case maxAge > 0 && now.Sub(under.started) <= maxAge:
		return kept, under, false
	case under.next != nil:
		return kept, under.next, false
	}
	// The call under way began before this question: all who ask meanwhile share the one after it.
	under.next = &flight[V]{before: under, done: make(chan struct{})}
	return kept, under.next, true
}

// fly makes the call of a flight, in the goroutine of who leads it: a goroutine for each call would
// have to grow its stack anew each time.
func (s *sharing[K, V]) fly(ctx context.Context, key K, f *flight[V], call func(context.Context) (V, error)) (V, error) {
	if before := s.waitsFor(f); before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
		}
	}
	f.err = errUnanswered
	defer func() {
		f.abandoned = ctx.Err() != nil
		s.land(key, f)
		close(f.done)
	}()
	f.value, f.err = call(ctx)
	return f.value, f.err
}

func (s *sharing[K, V]) waitsFor(f *flight[V]) *flight[V] {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return f.before
}

// land keeps the answer of a flight and lets the next one begin.
func (s *sharing[K, V]) land(key K, f *flight[V]) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if source.KindOf(f.err).Revokes() {
		s.drop(s.answers[key]) // What was true before is not any more.
	}
	if f.err == nil {
		s.keep(&answer[K, V]{key: key, value: f.value, cost: s.cost(key, f.value), at: f.started, kept: s.now(), lasts: s.lasts})
	} else if s.refused != nil && !f.abandoned {
		if lasts := min(s.refused(f.err), s.lasts); lasts > 0 {
			s.keep(&answer[K, V]{key: key, err: f.err, cost: s.refusedCost, at: f.started, kept: s.now(), lasts: lasts})
		}
	}
	if f.before != nil { // It never began, and no flight waits for it: all who asked meanwhile are on it.
		f.before.next = nil
		return
	}
	delete(s.flights, key)
	if f.next != nil {
		f.next.before, f.next.started = nil, s.now()
		s.flights[key] = f.next
	}
}

// keep keeps an answer if it fits at all, and drops the oldest to make room for it.
func (s *sharing[K, V]) keep(a *answer[K, V]) {
	s.drop(s.answers[a.key])
	if a.cost > s.most {
		return
	}
	for !s.share.take(a.cost) {
		if len(s.queue) == 0 {
			return // Others of the namespace keep as much as may be.
		}
		s.dropOldest()
	}
	s.answers[a.key] = a
	s.queue = append(s.queue, a)
	s.kept += a.cost
	for s.kept > s.most {
		s.dropOldest()
	}
	if s.cleanup == nil {
		s.cleanup = time.AfterFunc(s.lasts, s.expire)
	}
}

// outdate lets go of a refusal that is older than the caller wants an answer to be.
func (s *sharing[K, V]) outdate(key K, maxAge time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known := s.answers[key]; known != nil && known.err != nil && (maxAge <= 0 || s.now().Sub(known.at) > maxAge) {
		s.drop(known)
	}
}

// clear lets go of all that is kept, and keeps nothing more.
func (s *sharing[K, V]) clear() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for len(s.queue) > 0 {
		s.dropOldest()
	}
	s.most = -1
}

// drop lets go of an answer, whose place in the queue may stay.
func (s *sharing[K, V]) drop(a *answer[K, V]) {
	if a == nil || s.answers[a.key] != a {
		return
	}
	delete(s.answers, a.key)
	s.kept -= a.cost
	s.share.give(a.cost)
	var none V
	a.value = none
}

func (s *sharing[K, V]) dropOldest() {
	s.drop(s.queue[0])
	s.queue[0] = nil
	s.queue = s.queue[1:]
}

// expire drops what has been kept long enough, and comes again while anything is kept.
func (s *sharing[K, V]) expire() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.now()
	for len(s.queue) > 0 && (now.Sub(s.queue[0].kept) >= s.lasts || s.answers[s.queue[0].key] != s.queue[0]) {
		s.dropOldest()
	}
	if len(s.queue) == 0 {
		s.queue, s.cleanup = nil, nil
		return
	}
	s.cleanup.Reset(s.lasts - now.Sub(s.queue[0].kept))
}
