package aws

import (
	"context"
	"sync"
	"time"
)

// sharing lets callers that ask the same share one call and, while it is fresh enough, its answer.
// Errors are shared by those that wait for the same call, and not kept.
type sharing[K comparable, V any] struct {
	now func() time.Time
	// lasts is how long answers are kept.
	lasts time.Duration
	// most bounds the cost of all that are kept; zero keeps none.
	most int
	cost func(K, V) int

	mutex   sync.Mutex
	answers map[K]*answer[K, V]
	// queue has the answers, oldest first, and those that were replaced.
	queue   []*answer[K, V]
	kept    int
	flights map[K]*flight[V]
	cleanup *time.Timer
}

type answer[K comparable, V any] struct {
	key   K
	value V
	cost  int
	// at is when the question was sent, kept when the answer came.
	at, kept time.Time
}

// flight is a call under way, or one that waits for the call before it to end.
type flight[V any] struct {
	call    func(context.Context) (V, error)
	started time.Time
	done    chan struct{}
	value   V
	err     error
	next    *flight[V]
}

func newSharing[K comparable, V any](now func() time.Time, lasts time.Duration, most int, cost func(K, V) int) *sharing[K, V] {
	return &sharing[K, V]{now: now, lasts: lasts, most: most, cost: cost, answers: map[K]*answer[K, V]{}, flights: map[K]*flight[V]{}}
}

// ask gives an answer that is at most maxAge old: one that is kept, that of a call under way, or that
// of a call of its own. Calls go on when their caller gives up, as others may wait for them.
func (s *sharing[K, V]) ask(ctx context.Context, key K, maxAge time.Duration, call func(context.Context) (V, error)) (V, error) {
	value, joined := s.join(ctx, key, maxAge, call)
	if joined == nil {
		return value, nil
	}
	select {
	case <-joined.done:
		return joined.value, joined.err
	case <-ctx.Done():
		return value, ctx.Err()
	}
}

func (s *sharing[K, V]) join(ctx context.Context, key K, maxAge time.Duration, call func(context.Context) (V, error)) (V, *flight[V]) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var none V
	now := s.now()
	if known := s.answers[key]; known != nil && maxAge > 0 && now.Sub(known.at) <= maxAge && now.Sub(known.kept) < s.lasts {
		return known.value, nil
	}
	under := s.flights[key]
	switch {
	case under == nil:
		under = &flight[V]{call: call, done: make(chan struct{})}
		s.launch(context.WithoutCancel(ctx), key, under)
		return none, under
	case maxAge > 0 && now.Sub(under.started) <= maxAge:
		return none, under
	}
	// The call under way began before this question: all who ask meanwhile share the one after it.
	if under.next == nil {
		under.next = &flight[V]{call: call, done: make(chan struct{})}
	}
	return none, under.next
}

// launch begins a call; the mutex is held.
func (s *sharing[K, V]) launch(ctx context.Context, key K, f *flight[V]) {
	f.started = s.now()
	s.flights[key] = f
	go func() {
		f.value, f.err = f.call(ctx)
		s.land(ctx, key, f)
		close(f.done)
	}()
}

func (s *sharing[K, V]) land(ctx context.Context, key K, f *flight[V]) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if f.err == nil {
		s.keep(&answer[K, V]{key: key, value: f.value, cost: s.cost(key, f.value), at: f.started, kept: s.now()})
	}
	delete(s.flights, key)
	if f.next != nil {
		s.launch(ctx, key, f.next)
	}
}

// keep keeps an answer if it fits at all, and drops the oldest to make room for it.
func (s *sharing[K, V]) keep(a *answer[K, V]) {
	s.drop(s.answers[a.key])
	if a.cost > s.most {
		return
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

func (s *sharing[K, V]) drop(a *answer[K, V]) {
	if a == nil || s.answers[a.key] != a {
		return
	}
	delete(s.answers, a.key)
	s.kept -= a.cost
}

func (s *sharing[K, V]) dropOldest() {
	s.drop(s.queue[0])
	s.queue[0] = nil // Lets go of the value.
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
		clear(s.answers)
		return
	}
	s.cleanup.Reset(max(s.lasts-now.Sub(s.queue[0].kept), time.Millisecond))
}
