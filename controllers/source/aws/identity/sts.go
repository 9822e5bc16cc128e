package identity

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/source/aws/pacing"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// Operations of STS, as metrics and error texts name them.
const (
	assumeRole                = "AssumeRole"
	assumeRoleWithWebIdentity = "AssumeRoleWithWebIdentity"
)

// STSPaces hold the calls to STS of one namespace below what AWS lets through: what one namespace has AWS refuse, in an
// account of its own, slows down no other.
type STSPaces struct {
	now   func() time.Time
	mutex sync.Mutex
	known map[stsTurn]*pacing.Pace
}

// stsTurn is an operation in a region, of those that are known.
type stsTurn struct{ operation, region string }

// NewSTSPaces has no paces yet. They go by the clock now.
func NewSTSPaces(now func() time.Time) *STSPaces {
	return &STSPaces{now: now, known: map[stsTurn]*pacing.Pace{}}
}

// Of is the pace of an operation in a region.
func (p *STSPaces) Of(operation, region string) *pacing.Pace {
	turn := stsTurn{operation, region}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	pace := p.known[turn]
	if pace == nil {
		pace = pacing.NewPace(p.now)
		p.known[turn] = pace
	}
	return pace
}

// callSTS asks the STS of the role's partition when it is the namespace's turn, and counts the call. The operator itself
// asks where who is nil.
func callSTS[O any](ctx context.Context, p *Provider, who *Identity, operation, role string, call func(func(*sts.Options)) (*O, error)) (*O, error) {
	reads := cmp.Or(who, p.own)
	region, namespace := p.stsRegion(role, reads.read()), ""
	if who != nil {
		namespace = who.Namespace
	}
	turn := p.options.Paces(namespace).Of(operation, region)
	if err := turn.Wait(ctx, false); err != nil {
		return nil, err
	}
	started := time.Now()
	output, err := call(p.stsEndpoint(region))
	turn.Learn(refusal.Throttled(err))
	p.countSTS(operation, role, region, started, err)
	return output, err
}
