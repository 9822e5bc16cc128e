package aws

import (
	"context"
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

// otherRegion stands in metrics for regions beyond maxRegions, whose names are anybody's to choose.
const otherRegion = "other"

// options are those of one call.
type options = func(*secretsmanager.Options)

// call makes one call when it is its turn and within its time, measures it and explains its error. No
// call is repeated here: that is for the reconciler, which backs off. It is a function, as methods
// can't have type parameters.
func call[I, O any](ctx context.Context, e *endpoint, q question,
	operation func(*secretsmanager.Client, context.Context, *I, ...options) (*O, error), input *I,
) (*O, error) {
	s, turn := e.s, e.paces[q.operation]
	if err := turn.wait(ctx); err != nil {
		return nil, err
	}
	timed, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
	defer cancel()
	q.role, q.timeout = s.role, s.options.CallTimeout
	started := time.Now()
	output, err := operation(e.client, timed, input, s.audit(q.ref.Reader), noteHost(&q.host))
	if err != nil {
		s.renewExpired(err)
		output, err = nil, q.explain(ctx, err)
	}
	turn.learn(source.KindOf(err) == source.Throttled)
	s.options.Metrics.observe(q.operation, s.regionLabel(q.region), time.Since(started), err)
	return output, err
}

// regionLabel bounds the values of a metric's label.
func (s *Source) regionLabel(region string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, known := s.endpoints[region]; known {
		return region
	}
	return otherRegion
}

// question is what was asked, for explaining why it was not answered.
type question struct {
	operation string
	ref       source.Ref
	region    string
	// host that was asked; empty where the call did not get that far.
	host string
	// role that the SDK assumes, if any.
	role    string
	timeout time.Duration
}
