package aws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// endpoint is Secrets Manager in one region, as one identity sees it. Whatever is remembered, shared
// or paced is so within an endpoint: what one identity may read is never handed to another, and one
// that is slow holds up nobody else.
type endpoint struct {
	s      *Source
	region string
	client *secretsmanager.Client
	// room bounds the questions that wait for this endpoint.
	room chan struct{}
	// paces are those of the operations; the map itself does not change.
	paces map[string]*pace
	// denied remembers, by secret id, where DescribeSecret was denied.
	denied *memory
	// unbatched remembers, under one key, that BatchGetSecretValue was denied.
	unbatched *memory
	described *sharing[string, described]
	values    *sharing[valueKey, source.Fetched]
	batches   *batches
	sweeps    *sweeps
}

// enterWithin is how long a question waits for room at its endpoint.
const enterWithin = 250 * time.Millisecond

func newEndpoint(s *Source, region string) *endpoint {
	now := s.options.Now
	e := &endpoint{
		s:         s,
		region:    region,
		client:    secretsmanager.NewFromConfig(s.config, func(o *secretsmanager.Options) { o.Region = region }),
		room:      make(chan struct{}, s.options.Room),
		paces:     map[string]*pace{},
		denied:    newMemory(now, denialLasts),
		unbatched: newMemory(now, denialLasts),
		described: newSharing[string](now, describedLasts, maxDescribed, func(string, described) int { return 1 }),
		values:    newSharing[valueKey](now, valueLasts, s.options.ValueCacheBytes, costOf),
	}
	for _, operation := range []string{describeSecret, getSecretValue, batchGetSecretValue, listSecrets} {
		e.paces[operation] = newPace(now)
	}
	e.batches = &batches{read: e.readBatch}
	e.sweeps = newSweeps(e)
	return e
}

// enter takes room for a question, or says that the endpoint is busy. Whoever waits for AWS keeps a
// worker of the operator busy, and a region that hangs must not get them all.
func (e *endpoint) enter(ctx context.Context) error {
	select {
	case e.room <- struct{}{}:
		return nil
	default:
	}
	full := time.NewTimer(enterWithin)
	defer full.Stop()
	select {
	case e.room <- struct{}{}:
		return nil
	case <-full.C:
		return busy(time.Second)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *endpoint) leave() { <-e.room }

// busy puts a question off: AWS was not asked at all.
func busy(retryAfter time.Duration) error {
	return &source.Error{Kind: source.Busy, RetryAfter: retryAfter, Explanation: "too many calls wait for this region of AWS: it is asked in turn"}
}
