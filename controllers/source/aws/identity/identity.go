package identity

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

const (
	// renewBefore is how long before their end temporary credentials are renewed, half of it by chance:
	// AWS's clock is not ours, and a call takes a while.
	renewBefore = 5 * time.Minute
	// doubtAfter is how old credentials must be for a refusal to be taken as one of the session.
	doubtAfter = 30 * time.Second
)

// Identity is an Actor with the configuration that signs for it. There is one for each, however
// many SecretSyncs share it.
type Identity struct {
	Actor
	config aws.Config
	// cache holds the credentials; nil where they are not the SDK's to renew.
	cache *aws.CredentialsCache
	now   func() time.Time
	// refusals has why there were no credentials of late.
	refusals *refusals

	mutex sync.Mutex
	// began is when the credentials in the cache were got.
	began time.Time
	// regions are those that are read from, the first one first.
	regions []string
}

// Reads notes a region that is read from.
func (i *Identity) Reads(region string) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if !slices.Contains(i.regions, region) {
		i.regions = append(i.regions, region)
	}
}

// read are the regions that are read from; none before the operator is set up.
func (i *Identity) read() []string {
	if i == nil {
		return nil
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return slices.Clone(i.regions)
}

// Config is the configuration that signs for the identity.
func (i *Identity) Config() aws.Config { return i.config }

// Refused is why there were no credentials of late; nil where there were, or none were asked for.
func (i *Identity) Refused() error { return i.refusals.recall() }

// Outdate forgets a refusal of credentials that is older than the caller wants an answer to be.
func (i *Identity) Outdate(maxAge time.Duration) { i.refusals.outdate(maxAge) }

// Invalidate drops credentials that AWS refuses and says whether others may be had.
func (i *Identity) Invalidate(ctx context.Context, err error) bool {
	after := refusal.SessionAfter(err)
	if i.cache == nil || after == refusal.SessionStands || after == refusal.SessionRevoked && !i.old() {
		return false
	}
	if held, err := i.cache.Retrieve(ctx); err != nil || !held.CanExpire {
		return false // Static keys are what they are.
	}
	i.cache.Invalidate()
	return true
}

// old says whether the credentials are a role's, and not just begun.
func (i *Identity) old() bool {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return !i.began.IsZero() && i.now().Sub(i.began) > doubtAfter
}

func (i *Identity) begin() {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.began = i.now()
}

// Actor is an identity, and the ServiceAccount that had its name when it was looked up: whatever one could read is not
// for another one of that name.
type Actor struct {
	source.Identity
	Account source.ServiceAccount
}
