package aws

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
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

// callOption is an option of the SDK for one call.
type callOption = func(*secretsmanager.Options)

// call has the SDK make one call. It is a function, as methods can't have type parameters.
func call[I, O any](ctx context.Context, e *endpoint, c apiCall,
	operation func(*secretsmanager.Client, context.Context, *I, ...callOption) (*O, error), input *I,
) (*O, error) {
	return callBy(ctx, e, c, func(ctx context.Context, c *apiCall, input *I) (*O, error) {
		return operation(e.client, ctx, input, e.s.audit(c.Ref.Reader), watchWire(&c.Host))
	}, input)
}

// callBy makes one call when it is its turn and within its time, measures it and explains its error. A
// call is repeated here once, at once, only to be signed again, by the SDK itself or with credentials that AWS
// does not refuse, and where the SDK has cut the connection itself; all else is for the reconciler, which backs off.
func callBy[I, O any](ctx context.Context, e *endpoint, c apiCall, made func(context.Context, *apiCall, *I) (*O, error), input *I) (*O, error) {
	s, turn := e.s, e.paces[c.Operation]
	if refused := e.who.Refused(); refused != nil {
		return nil, e.signs(c).Explain(ctx, refused) // There is nothing to sign the call with.
	}
	if err := turn.Wait(ctx, c.routine); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
	defer cancel()
	c = e.signs(c)
	for first := true; ; first = false {
		call, started := measured{c.Operation, e.account, s.regionLabel(c.Region)}, time.Now()
		end := s.options.Metrics.begin(call)
		output, err := made(timed, &c, input)
		end()
		again := err != nil && first && (e.who.Invalidate(timed, err) || c.remake || cutHere(err))
		if err != nil {
			output, err = nil, c.Explain(ctx, err)
		}
		s.options.Metrics.observe(call, time.Since(started), err)
		if !again {
			turn.Learn(source.KindOf(err) == source.Throttled)
			e.bulkhead.Learn(err)
			return output, err
		}
	}
}

// signs completes a call with the identity that makes it.
func (e *endpoint) signs(c apiCall) apiCall {
	c.By, c.OwnRole, c.Timeout, c.Proxy = e.who.Identity, e.s.provider.OwnRole(), e.s.options.CallTimeout, e.s.options.Proxy
	if e.who == e.s.provider.Own() {
		c.Role = c.OwnRole
	}
	return c
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

// apiCall is one call to Secrets Manager.
type apiCall struct {
	refusal.Call
	// routine says that no one waits for the answer.
	routine bool
	// remake says that the SDK itself is to make the request that was refused.
	remake bool
}
