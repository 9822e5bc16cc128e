package aws

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

// endpoint is Secrets Manager in one region, as one identity sees it. Whatever is remembered, shared
// or paced is so within an endpoint: what one identity may read is never handed to another, and one
// that is slow holds up nobody else.
type endpoint struct {
	s      *Source
	who    *identity
	region string
	client *secretsmanager.Client
	// template is what DescribeSecret is made after, once the SDK has made one.
	template atomic.Pointer[template]
	// used is when a question came last. The mutex of tenants guards it.
	used time.Time
	// room bounds the questions that wait for this endpoint, routine those of them that nobody waits for.
	room, routine chan struct{}
	// sick bounds them more narrowly while ailing says that calls go unanswered.
	sick   chan struct{}
	ailing atomic.Bool
	// paces are those of the operations; the map itself does not change.
	paces map[string]*pace
	// denied remembers, by secret id, where DescribeSecret was denied.
	denied *memory
	// unbatched remembers, under one key, that BatchGetSecretValue was denied.
	unbatched *memory
	// newest and doubts keep answers that are out of date from being followed.
	newest    *newest
	doubts    *doubts
	described *sharing.Cache[string, described]
	// byValue has why values that are read in place of descriptions were refused; the values themselves are not kept in it.
	byValue *sharing.Cache[valueKey, source.Fetched]
	values  *sharing.Cache[valueKey, source.Fetched]
	batches *batches
	sweeps  *sweeps
	finds   *finds
}

const (
	// enterWithin is how long a question waits for room at its endpoint.
	enterWithin = 250 * time.Millisecond
	// sickRoom is how many questions find out whether an endpoint answers again that did not: each may
	// keep a worker of the operator busy for as long as a call may take.
	sickRoom = 2
	// idleLasts is how long an identity is kept that nobody uses.
	idleLasts = time.Hour
)

// endpointKey is what endpoints are told apart by.
type endpointKey struct {
	who    actor
	region string
}

// endpointOf is the one to read a Ref from, made at first use. That there is none may be as old as an answer may be.
func (s *Source) endpointOf(ctx context.Context, ref source.Ref, maxAge time.Duration) (*endpoint, error) {
	region, err := s.regionOf(ref)
	if err != nil {
		return nil, err
	}
	who, err := s.actorOf(ctx, ref, maxAge)
	if err != nil {
		return nil, err
	}
	e := s.tenants.endpoint(endpointKey{who, region})
	e.who.refusals.outdate(maxAge)
	if who.OperatorsOwn() {
		s.own.refusals.outdate(maxAge) // It is the one who assumes the role.
	}
	return e, nil
}

func newEndpoint(s *Source, of *tenant, key endpointKey) *endpoint {
	now, who, region := s.options.Now, s.identityOf(of, key.who), key.region
	who.reads(region)
	e := &endpoint{
		s:         s,
		who:       who,
		region:    region,
		client:    secretsmanager.NewFromConfig(who.config, func(o *secretsmanager.Options) { o.Region = region }),
		room:      make(chan struct{}, s.options.Room),
		routine:   make(chan struct{}, max(1, s.options.Room*3/4)),
		sick:      make(chan struct{}, sickRoom),
		paces:     map[string]*pace{},
		denied:    newMemory(now, denialLasts),
		unbatched: newMemory(now, denialLasts),
		newest:    newNewest(now),
		doubts:    newDoubts(now),
		described: sharing.New[string](now, describedLasts, maxDescribed, func(string, described) int { return 1 }).
			KeepRefusals(refusedFor, 1).Within(of.entries),
		byValue: sharing.New(now, refusedLasts, maxDescribed, func(valueKey, source.Fetched) int { return math.MaxInt }).
			KeepRefusals(refusedFor, 1).Within(of.entries),
		values: sharing.New[valueKey](now, valueLasts, s.options.ValueCacheBytes, costOf).Within(of.values),
	}
	for _, operation := range []string{describeSecret, getSecretValue, batchGetSecretValue, listSecrets} {
		e.paces[operation] = newPace(now)
	}
	e.newest.share = of.entries
	e.batches = &batches{read: e.readBatch}
	e.sweeps = newSweeps(e)
	e.finds = newFinds(e, of.entries)
	return e
}

// clear lets go of what was read there. What is under way still is not kept any more.
func (e *endpoint) clear() {
	e.values.Clear()
	e.described.Clear()
	e.byValue.Clear()
	e.newest.clear()
	e.finds.lists.Clear()
	e.finds.confirmed.Clear()
	e.finds.breadths.clear()
}

// enter takes room for a question, or says that the endpoint is busy, and gives what makes room again.
// Whoever waits for AWS keeps a worker of the operator busy, and an identity or a region that hangs must
// not get them all; nor must routine, where calls are slow or paced, get all of the room.
func (e *endpoint) enter(ctx context.Context, routine bool) (leave func(), err error) {
	rooms := []chan struct{}{e.room}
	if routine {
		rooms = append(rooms, e.routine)
	}
	if e.ailing.Load() {
		rooms = append(rooms, e.sick)
	}
	for n, room := range rooms {
		if err := take(ctx, room); err != nil {
			empty(rooms[:n])
			return nil, err
		}
	}
	return func() { empty(rooms) }, nil
}

func empty(rooms []chan struct{}) {
	for _, room := range rooms {
		<-room
	}
}

// learn notes whether the endpoint answers. Any answer of AWS will do, a refusal too.
func (e *endpoint) learn(err error) {
	switch kind := source.KindOf(err); {
	case kind.Unresponsive():
		e.ailing.Store(true)
	case err == nil, kind != "" && kind != source.Busy:
		e.ailing.Store(false)
	}
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

// busy puts a question off: AWS was not asked at all.
func busy(retryAfter time.Duration) error {
	return &source.Error{Kind: source.Busy, RetryAfter: retryAfter, Explanation: "too many calls wait for this region of AWS: it is asked in turn"}
}
