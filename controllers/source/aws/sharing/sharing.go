package sharing

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// Cache lets callers with the same key share one call and, while it is fresh enough, its answer. Errors are shared by callers that
// wait for the same call, and cached for as long as refused says; one of a kind that Revokes evicts the earlier answer.
type Cache[K comparable, V any] struct {
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
	share *Share

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
	// at is when the call was made, kept when the answer came.
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
	// abandoned says that the caller who made the call gave up, so that there is no answer for others.
	abandoned bool
	next      *flight[V]
}

// New makes a cache by a clock. Answers are kept for lasts, and for a cost of most together, which cost tells of each; a most
// of zero keeps none, and shares calls all the same. Errors are not kept.
func New[K comparable, V any](now func() time.Time, lasts time.Duration, most int, cost func(K, V) int) *Cache[K, V] {
	return &Cache[K, V]{now: now, lasts: lasts, most: most, cost: cost, answers: map[K]*answer[K, V]{}, flights: map[K]*flight[V]{}}
}

// KeepRefusals keeps errors in place of answers, each for as long as lasts says and at this cost. It is called before the
// first use.
func (c *Cache[K, V]) KeepRefusals(lasts func(error) time.Duration, cost int) *Cache[K, V] {
	c.refused, c.refusedCost = lasts, cost
	return c
}

// Within takes the cost of what is kept from a share too, nil for none. It is called before the first use.
func (c *Cache[K, V]) Within(share *Share) *Cache[K, V] {
	c.share = share
	return c
}

// Size is how many answers are kept, and what they cost together.
func (c *Cache[K, V]) Size() (answers, cost int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.answers), c.kept
}

// KeepsFor is how long an answer is kept.
func (c *Cache[K, V]) KeepsFor() time.Duration { return c.lasts }

// errUnanswered is what others get of a call that did not return, because it panicked.
var errUnanswered = errors.New("the call that was shared ended without an answer")

// Ask gives an answer that is at most maxAge old: one that is kept, that of a call under way, or that
// of a call of its own. Who asks first makes the call for all; if they give up, another one does.
func (c *Cache[K, V]) Ask(ctx context.Context, key K, maxAge time.Duration, call func(context.Context) (V, error)) (V, error) {
	for {
		kept, joined, leads := c.join(key, maxAge)
		switch {
		case joined == nil:
			return kept.value, kept.err
		case leads:
			return c.fly(ctx, key, joined, call)
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
func (c *Cache[K, V]) join(key K, maxAge time.Duration) (kept answer[K, V], joined *flight[V], leads bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := c.now()
	if known := c.answers[key]; known != nil && maxAge > 0 && now.Sub(known.at) <= maxAge && now.Sub(known.kept) < known.lasts {
		return *known, nil, false
	}
	under := c.flights[key]
	switch {
	case under == nil:
		under = &flight[V]{started: now, done: make(chan struct{})}
		c.flights[key] = under
		return kept, under, true
	case maxAge > 0 && now.Sub(under.started) <= maxAge:
		return kept, under, false
	case under.next != nil:
		return kept, under.next, false
	}
	// The call under way began before this query: all who ask meanwhile share the one after it.
	under.next = &flight[V]{before: under, done: make(chan struct{})}
	return kept, under.next, true
}

// fly makes the call of a flight, in the goroutine of who leads it: a goroutine for each call would
// have to grow its stack each time.
func (c *Cache[K, V]) fly(ctx context.Context, key K, f *flight[V], call func(context.Context) (V, error)) (V, error) {
	if before := c.waitsFor(f); before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
		}
	}
	f.err = errUnanswered
	defer func() {
		f.abandoned = ctx.Err() != nil
		c.land(key, f)
		close(f.done)
	}()
	f.value, f.err = call(ctx)
	return f.value, f.err
}

func (c *Cache[K, V]) waitsFor(f *flight[V]) *flight[V] {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return f.before
}

// land keeps the answer of a flight and lets the next one begin.
func (c *Cache[K, V]) land(key K, f *flight[V]) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if source.KindOf(f.err).Revokes() {
		c.drop(c.answers[key]) // What was true before is not any more.
	}
	if f.err == nil {
		c.keep(&answer[K, V]{key: key, value: f.value, cost: c.cost(key, f.value), at: f.started, kept: c.now(), lasts: c.lasts})
	} else if c.refused != nil && !f.abandoned {
		if lasts := min(c.refused(f.err), c.lasts); lasts > 0 {
			c.keep(&answer[K, V]{key: key, err: f.err, cost: c.refusedCost, at: f.started, kept: c.now(), lasts: lasts})
		}
	}
	if f.before != nil { // It never began, and no flight waits for it: all who asked meanwhile are on it.
		f.before.next = nil
		return
	}
	delete(c.flights, key)
	if f.next != nil {
		f.next.before, f.next.started = nil, c.now()
		c.flights[key] = f.next
	}
}

// keep keeps an answer if it fits at all, and drops the oldest to make room for it.
func (c *Cache[K, V]) keep(a *answer[K, V]) {
	c.drop(c.answers[a.key])
	if a.cost > c.most {
		return
	}
	for !c.share.Take(a.cost) {
		if len(c.queue) == 0 {
			return // Others of the namespace keep as much as may be.
		}
		c.dropOldest()
	}
	c.answers[a.key] = a
	c.queue = append(c.queue, a)
	c.kept += a.cost
	for c.kept > c.most {
		c.dropOldest()
	}
	if c.cleanup == nil {
		c.cleanup = time.AfterFunc(c.lasts, c.expire)
	}
}

// Outdate lets go of a refusal that is older than the caller wants an answer to be.
func (c *Cache[K, V]) Outdate(key K, maxAge time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if known := c.answers[key]; known != nil && known.err != nil && (maxAge <= 0 || c.now().Sub(known.at) > maxAge) {
		c.drop(known)
	}
}

// Clear lets go of all that is kept, and keeps nothing more.
func (c *Cache[K, V]) Clear() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for len(c.queue) > 0 {
		c.dropOldest()
	}
	c.most = -1
}

// drop lets go of an answer, whose place in the queue may stay.
func (c *Cache[K, V]) drop(a *answer[K, V]) {
	if a == nil || c.answers[a.key] != a {
		return
	}
	delete(c.answers, a.key)
	c.kept -= a.cost
	c.share.Give(a.cost)
	var none V
	a.value = none
}

func (c *Cache[K, V]) dropOldest() {
	c.drop(c.queue[0])
	c.queue[0] = nil
	c.queue = c.queue[1:]
}

// expire drops what has been kept long enough, and comes again while anything is kept.
func (c *Cache[K, V]) expire() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := c.now()
	for len(c.queue) > 0 && (now.Sub(c.queue[0].kept) >= c.lasts || c.answers[c.queue[0].key] != c.queue[0]) {
		c.dropOldest()
	}
	if len(c.queue) == 0 {
		c.queue, c.cleanup = nil, nil
		return
	}
	c.cleanup.Reset(c.lasts - now.Sub(c.queue[0].kept))
}
