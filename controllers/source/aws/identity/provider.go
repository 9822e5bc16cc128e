package identity

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/secretsync/secretsync/controllers/source"
)

// Options say on whose behalf credentials are got, and how STS is asked.
type Options struct {
	// Cluster is the name of the Kubernetes cluster, for names and tags of sessions; empty for none.
	Cluster string
	// ServiceAccounts has tokens made; nil where no identity is one of a ServiceAccount.
	ServiceAccounts source.ServiceAccounts
	// SessionTags gives sessions tags, and SourceIdentity a source identity.
	SessionTags, SourceIdentity bool
	// CallTimeout bounds one call, for what is said of one that took longer.
	CallTimeout time.Duration
	// Now tells the time.
	Now func() time.Time
	// Paces are those of the calls to STS for a namespace, and for the operator itself where that is empty.
	Paces func(namespace string) *STSPaces
	// Observe records a call to STS, by the role to assume.
	Observe func(operation, role, region string, took time.Duration, err error)
}

// Provider makes identities, and gets their credentials. It is safe for concurrent use once Use was called.
type Provider struct {
	options Options
	// config is the operator's own configuration.
	config aws.Config
	// own is the operator's identity; role is the IAM role that the SDK assumes for it, if any.
	own  *Identity
	role string
}

// NewProvider has no configuration yet.
func NewProvider(options Options) *Provider { return &Provider{options: options} }

// LoadOptions have the SDK's configuration get the operator's credentials as this package does those of others.
func (p *Provider) LoadOptions() []func(*config.LoadOptions) error {
	return []func(*config.LoadOptions) error{
		config.WithWebIdentityRoleCredentialOptions(p.webIdentity),
		config.WithAssumeRoleCredentialOptions(p.assumedRole),
	}
}

// Use takes the configuration that was loaded with LoadOptions for the operator's own, and returns it with credentials whose
// errors are marked and kept for a while.
func (p *Provider) Use(loaded aws.Config) aws.Config {
	kept := &refusals{now: p.options.Now}
	cache, _ := loaded.Credentials.(*aws.CredentialsCache)
	loaded.Credentials = markedCredentials{loaded.Credentials, kept}
	p.config = loaded
	p.own = &Identity{config: loaded, now: p.options.Now, cache: cache, refusals: kept}
	return loaded
}

// Own is the operator's own, by the SDK's own chain.
func (p *Provider) Own() *Identity { return p.own }

// OwnRole is the role that the operator's own credentials are of, as far as it is known; else empty.
func (p *Provider) OwnRole() string { return p.role }

// New makes the identity of an actor. There should be one for each, however many objects share it.
func (p *Provider) New(who Actor) *Identity {
	made := &Identity{Actor: who, config: p.config.Copy(), now: p.options.Now, refusals: &refusals{now: p.options.Now}}
	made.cache = aws.NewCredentialsCache(dated{p.roles(made), made}, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow, o.ExpiryWindowJitterFrac = renewBefore, 0.5
	})
	made.config.Credentials = markedCredentials{made.cache, made.refusals}
	return made
}
