package aws

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source/aws/pacing"
)

// Operations of STS, as metrics and error texts name them.
const (
	assumeRole                = "AssumeRole"
	assumeRoleWithWebIdentity = "AssumeRoleWithWebIdentity"
)

// stsPaces hold the calls to STS of one namespace below what AWS lets through: what one namespace has AWS refuse, in an
// account of its own, slows down no other.
type stsPaces struct {
	now   func() time.Time
	mutex sync.Mutex
	known map[stsTurn]*pacing.Pace
}

// stsTurn is an operation in a region, of those that are known.
type stsTurn struct{ operation, region string }

func newSTSPaces(now func() time.Time) *stsPaces {
	return &stsPaces{now: now, known: map[stsTurn]*pacing.Pace{}}
}

func (p *stsPaces) of(turn stsTurn) *pacing.Pace {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	one := p.known[turn]
	if one == nil {
		one = pacing.NewPace(p.now)
		p.known[turn] = one
	}
	return one
}

// callSTS asks the STS of the role's partition when it is the namespace's turn, and counts the call. The operator itself
// asks where who is nil.
func callSTS[O any](ctx context.Context, s *Source, who *identity, operation, role string, call func(func(*sts.Options)) (*O, error)) (*O, error) {
	reads := cmp.Or(who, s.own)
	region, namespace := s.stsRegion(role, reads.read()), ""
	if who != nil {
		namespace = who.Namespace
	}
	turn := s.tenants.get(namespace).sts.of(stsTurn{operation, region})
	if err := turn.Wait(ctx, false); err != nil {
		return nil, err
	}
	started := time.Now()
	output, err := call(s.stsEndpoint(region))
	turn.Learn(throttled(err))
	s.countSTS(operation, region, started, err)
	return output, err
}

// throttled says whether AWS refuses a call because there are too many.
func throttled(err error) bool {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return false
	}
	_, is := retry.DefaultThrottleErrorCodes[refused.ErrorCode()]
	return is
}
