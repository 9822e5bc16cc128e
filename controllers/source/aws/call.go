package aws

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
)

// Operations of Secrets Manager, as metrics, error texts and IAM actions name them.
const (
	describeSecret      = "DescribeSecret"
	getSecretValue      = "GetSecretValue"
	batchGetSecretValue = "BatchGetSecretValue"
	listSecrets         = "ListSecrets"
)

// otherRegion stands in metrics for regions that are not known, as those of the SDK's configuration may be.
const otherRegion = "other"

// options are those of one call.
type options = func(*secretsmanager.Options)

// call has the SDK make one call. It is a function, as methods can't have type parameters.
func call[I, O any](ctx context.Context, e *endpoint, q question,
	operation func(*secretsmanager.Client, context.Context, *I, ...options) (*O, error), input *I,
) (*O, error) {
	return callBy(ctx, e, q, func(ctx context.Context, q *question, input *I) (*O, error) {
		return operation(e.client, ctx, input, e.s.audit(q.ref.Reader), watchWire(&q.host))
	}, input)
}

// callBy makes one call when it is its turn and within its time, measures it and explains its error. A
// call is repeated here once, at once, only to be signed again, by the SDK itself or with credentials that AWS
// does not refuse, and where the SDK has cut the connection itself; all else is for the reconciler, which backs off.
func callBy[I, O any](ctx context.Context, e *endpoint, q question, made func(context.Context, *question, *I) (*O, error), input *I) (*O, error) {
	s, turn := e.s, e.paces[q.operation]
	if refused := e.who.refusals.recall(); refused != nil {
		return nil, e.signs(q).explain(ctx, refused) // There is nothing to sign the call with.
	}
	if err := turn.Wait(ctx, q.routine); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
	defer cancel()
	q = e.signs(q)
	for first := true; ; first = false {
		started := time.Now()
		output, err := made(timed, &q, input)
		again := err != nil && first && (e.who.doubt(timed, err) || q.remake || cutHere(err))
		if err != nil {
			output, err = nil, q.explain(ctx, err)
		}
		s.options.Metrics.observe(q.operation, s.regionLabel(q.region), time.Since(started), err)
		if !again {
			turn.Learn(source.KindOf(err) == source.Throttled)
			e.bulkhead.Learn(err)
			return output, err
		}
	}
}

// signs says in a question who asks.
func (e *endpoint) signs(q question) question {
	q.s, q.by, q.ownRole, q.timeout = e.s, e.who.Identity, e.s.role, e.s.options.CallTimeout
	if e.who == e.s.own {
		q.role = e.s.role
	}
	return q
}

// cutHere says whether a connection was closed on this side while it was used: on a busy machine the SDK may close the body
// of a request that was answered before it saw that all was sent, and net/http the connection with it (issue 2737 of
// aws-sdk-go-v2). It says nothing of AWS. Who gives up closes no connection that way.
func cutHere(err error) bool { return errors.Is(err, net.ErrClosed) }

// regionLabel bounds the values of a metric's label.
func (s *Source) regionLabel(region string) string {
	if s.Knows(region) {
		return region
	}
	return otherRegion
}

// question is what was asked, for explaining why it was not answered.
type question struct {
	// s is who asks AWS; nil where nothing was asked.
	s         *Source
	operation string
	ref       source.Ref
	region    string
	// routine calls are made while nobody waits for the answer.
	routine bool
	// host that was asked; empty where the call did not get that far.
	host string
	// by is who asks.
	by source.Identity
	// role that is assumed to get credentials, as far as it is known.
	role string
	// ownRole is that of the operator's own identity.
	ownRole string
	timeout time.Duration
	// remake says that the SDK itself is to make the request that was refused.
	remake bool
}
