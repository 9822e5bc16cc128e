package pacing

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// enterWithin is how long a query waits for room.
	enterWithin = 250 * time.Millisecond
	// unhealthyRoom is how many queries find out whether an endpoint that did not answer answers again: each may keep a
	// worker of the operator busy for as long as a call may take.
	unhealthyRoom = 2
)

// Bulkhead bounds the queries that wait for one endpoint at once. Each of them keeps a worker of the operator busy, and an
// identity or a region that hangs must not get them all; nor may routine queries get all of the room where calls are slow or
// paced. It is safe for concurrent use.
type Bulkhead struct {
	// all bounds all queries, routine those that no one waits for.
	all, routine chan struct{}
	// few bounds them more narrowly while unhealthy says that calls go unanswered.
	few       chan struct{}
	unhealthy atomic.Bool
}

// NewBulkhead has room for so many queries, of which routine ones take three quarters at most.
func NewBulkhead(room int) *Bulkhead {
	return &Bulkhead{
		all:     make(chan struct{}, room),
		routine: make(chan struct{}, max(1, room*3/4)),
		few:     make(chan struct{}, unhealthyRoom),
	}
}

// Enter takes room for a query, and returns what gives it back. The error is a source.Error of kind Busy where there is none
// in time, or the context's.
func (b *Bulkhead) Enter(ctx context.Context, routine bool) (leave func(), err error) {
	rooms := []chan struct{}{b.all}
	if routine {
		rooms = append(rooms, b.routine)
	}
	if b.unhealthy.Load() {
		rooms = append(rooms, b.few)
	}
	for n, room := range rooms {
		if err := take(ctx, room); err != nil {
			empty(rooms[:n])
			return nil, err
		}
	}
	return func() { empty(rooms) }, nil
}

func take(ctx context.Context, room chan struct{}) error {
	select {
	case room <- struct{}{}:
		return nil
	default:
	}
	full := time.NewTimer(enterWithin)
	defer full.Stop()
	select {
	case room <- struct{}{}:
		return nil
	case <-full.C:
		return busy(time.Second)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func empty(rooms []chan struct{}) {
	for _, room := range rooms {
		<-room
	}
}

// Learn records how a call ended. Any answer of AWS shows that the endpoint answers, a refusal too.
func (b *Bulkhead) Learn(err error) {
	switch kind := source.KindOf(err); {
	case kind.Unresponsive():
		b.unhealthy.Store(true)
	case err == nil, kind != "" && kind != source.Busy:
		b.unhealthy.Store(false)
	}
}

// Healthy says whether the endpoint has answered the last call.
func (b *Bulkhead) Healthy() bool { return !b.unhealthy.Load() }

// Waiting is how many queries are inside.
func (b *Bulkhead) Waiting() int { return len(b.all) }

// busy is the error of a query that is put off: AWS was not asked at all.
func busy(retryAfter time.Duration) error {
	return &source.Error{Kind: source.Busy, RetryAfter: retryAfter, Explanation: "too many calls wait for this region of AWS: it is asked in turn"}
}
