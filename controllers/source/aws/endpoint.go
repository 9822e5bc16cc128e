package aws

import (
	"cmp"
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
	"github.com/secretsync/secretsync/controllers/source/aws/pacing"
	"github.com/secretsync/secretsync/controllers/source/aws/sharing"
)

// endpoint is Secrets Manager in one region, as one identity sees it. Whatever is remembered, shared
// or paced is so within an endpoint: what one identity may read is never handed to another, and one
// that is slow holds up no other.
type endpoint struct {
	s      *Source
	who    *identity.Identity
	region string
	// account is that of the role that calls; empty if it is not known without a call.
	account string
	client  *secretsmanager.Client
	// template is what DescribeSecret is made after, once the SDK has made one.
	template atomic.Pointer[requestTemplate]
	// used is when a query came last. The mutex of tenants guards it.
	used time.Time
	// bulkhead bounds the queries that wait for this endpoint.
	bulkhead *pacing.Bulkhead
	// paces are those of the operations; the map itself does not change.
	paces map[string]*pacing.Pace
	// denied remembers, by secret id, where DescribeSecret was denied.
	denied *denialCache
	// unbatched remembers, under one key, that BatchGetSecretValue was denied.
	unbatched *denialCache
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

// idleLasts is how long an endpoint is kept that is not used.
const idleLasts = time.Hour

// endpointKey is what endpoints are told apart by.
type endpointKey struct {
	who    identity.Actor
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
	e.who.Outdate(maxAge)
	if who.OperatorsOwn() {
		s.provider.Own().Outdate(maxAge) // It is the one who assumes the role.
	}
	return e, nil
}

func newEndpoint(s *Source, of *tenant, key endpointKey) *endpoint {
	now, who, region := s.options.Now, of.identityOf(s.provider, key.who), key.region
	who.Reads(region)
	e := &endpoint{
		s:         s,
		who:       who,
		region:    region,
		account:   arns.Account(cmp.Or(who.RoleARN, who.Account.RoleARN, s.provider.OwnRole())),
		client:    secretsmanager.NewFromConfig(who.Config(), func(o *secretsmanager.Options) { o.Region = region }),
		bulkhead:  pacing.NewBulkhead(s.options.Room),
		paces:     map[string]*pacing.Pace{},
		denied:    newDenialCache(now, denialLasts),
		unbatched: newDenialCache(now, denialLasts),
		newest:    newNewest(now),
		doubts:    newDoubts(now),
		described: sharing.New[string](now, describedLasts, maxDescribed, func(string, described) int { return 1 }).
			KeepRefusals(refusedFor, 1).Within(of.entries),
		byValue: sharing.New(now, refusedLasts, maxDescribed, func(valueKey, source.Fetched) int { return math.MaxInt }).
			KeepRefusals(refusedFor, 1).Within(of.entries),
		values: sharing.New[valueKey](now, valueLasts, s.options.ValueCacheBytes, costOf).Within(of.values),
	}
	for _, operation := range []string{describeSecret, getSecretValue, batchGetSecretValue, listSecrets} {
		e.paces[operation] = pacing.NewPace(now)
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
