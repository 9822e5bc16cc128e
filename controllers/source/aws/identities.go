package aws

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

const (
	// renewBefore is how long before their end temporary credentials are renewed, half of it by chance:
	// AWS's clock is not ours, and a call takes a while.
	renewBefore = 5 * time.Minute
	// doubtAfter is how old credentials must be for a refusal to be taken as one of the session.
	doubtAfter = 30 * time.Second
)

// identity is an actor with the configuration that signs for it. There is one for each, however
// many SecretSyncs share it.
type identity struct {
	actor
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

// reads notes a region that is read from.
func (i *identity) reads(region string) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if !slices.Contains(i.regions, region) {
		i.regions = append(i.regions, region)
	}
}

// read are the regions that are read from; none before the operator is set up.
func (i *identity) read() []string {
	if i == nil {
		return nil
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return slices.Clone(i.regions)
}

// ownIdentity is the operator's, by the SDK's own chain.
func (s *Source) ownIdentity() *identity {
	own := &identity{config: s.config, now: s.options.Now}
	if marked, ok := s.config.Credentials.(markedCredentials); ok {
		own.cache, _ = marked.CredentialsProvider.(*aws.CredentialsCache)
		own.refusals = marked.refusals
	}
	return own
}

// identityOf is the one that a Ref is read with, made at first use. The mutex of tenants must be held.
func (s *Source) identityOf(of *tenant, who actor) *identity {
	if known := of.identities[who]; known != nil {
		return known
	}
	made := &identity{actor: who, config: s.config.Copy(), now: s.options.Now, refusals: &refusals{now: s.options.Now}}
	made.cache = aws.NewCredentialsCache(dated{s.roles(made), made}, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow, o.ExpiryWindowJitterFrac = renewBefore, 0.5
	})
	made.config.Credentials = markedCredentials{made.cache, made.refusals}
	of.identities[who] = made
	return made
}

// doubt drops credentials that AWS refuses and says whether others may be had.
func (i *identity) doubt(ctx context.Context, err error) bool {
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
func (i *identity) old() bool {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return !i.began.IsZero() && i.now().Sub(i.began) > doubtAfter
}

func (i *identity) begin() {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.began = i.now()
}
