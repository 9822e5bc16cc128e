package identity

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// roleLasts is how long a role is assumed for: what every role allows, and the most that AWS lets a role
// be assumed for by another role (page "AssumeRole" of the AWS STS API Reference).
const roleLasts = time.Hour

// dated notes when credentials were got.
type dated struct {
	aws.CredentialsProvider
	of *Identity
}

// Retrieve gets credentials.
func (d dated) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := d.CredentialsProvider.Retrieve(ctx)
	if err == nil {
		d.of.begin()
	}
	return credentials, err
}

// roles makes the provider of an identity's credentials: the ServiceAccount's role or the operator's own
// credentials first, then each role of the chain with the credentials of the one before.
func (p *Provider) roles(of *Identity) aws.CredentialsProvider {
	who := of.Identity
	chain := strings.Fields(who.Via)
	if who.RoleARN != "" {
		chain = append(chain, who.RoleARN)
	}
	credentials, partition, whose := p.config.Credentials, p.ownPartition(), "the operator's credentials are"
	if !who.OperatorsOwn() {
		account := &serviceAccount{p: p, of: of}
		if len(chain) > 0 {
			account.next = chain[0]
		}
		credentials, partition = account, ""
	}
	for n, role := range chain {
		next := assumed{role: role, from: partition, whose: whose}
		partition, whose = arns.Partition(role), "role "+role+" is"
		credentials = next.by(p, of, credentials, func(o *stscreds.AssumeRoleOptions) {
			if n == 0 { // Later roles inherit the tags, and may not be given them again.
				p.tag(who, o)
			}
			if last := n == len(chain)-1; last && who.ExternalID != "" {
				o.ExternalID = aws.String(who.ExternalID)
			}
			o.RoleSessionName = p.sessionName(who)
			if p.options.SourceIdentity {
				o.SourceIdentity = aws.String(o.RoleSessionName)
			}
		})
	}
	return credentials
}

// assumed is the provider of a role's credentials, which names the role in errors.
type assumed struct {
	role string
	// from is the partition of the credentials that the role is assumed with, where it is known before they are got, and
	// whose they are.
	from, whose string
	aws.CredentialsProvider
}

// by sets the credentials that the role is assumed with.
func (a assumed) by(p *Provider, of *Identity, credentials aws.CredentialsProvider, set func(*stscreds.AssumeRoleOptions)) assumed {
	config := p.config.Copy()
	config.Credentials = credentials
	client := roleClient{sts.NewFromConfig(config), p, of}
	a.CredentialsProvider = stscreds.NewAssumeRoleProvider(client, a.role, set, func(o *stscreds.AssumeRoleOptions) { o.Duration = roleLasts })
	return a
}

// Retrieve assumes the role.
func (a assumed) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := samePartition(a.role, a.from, a.whose); err != nil {
		return aws.Credentials{}, err
	}
	credentials, err := a.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return credentials, refusal.ForRole(a.role, err)
	}
	return credentials, nil
}

// serviceAccount gets the credentials of the role that a ServiceAccount names, with a new token each time.
type serviceAccount struct {
	p  *Provider
	of *Identity
	// next is the role that is assumed with these credentials; empty for none.
	next string
}

// Retrieve assumes the ServiceAccount's role with a token of its own.
func (a *serviceAccount) Retrieve(ctx context.Context) (aws.Credentials, error) {
	account := a.of.Account
	if err := samePartition(a.next, arns.Partition(account.RoleARN), "role "+account.RoleARN+" is"); err != nil {
		return aws.Credentials{}, err
	}
	token, err := a.p.options.ServiceAccounts.Token(ctx, a.of.Namespace, a.of.ServiceAccount, account)
	if err != nil {
		return aws.Credentials{}, err
	}
	config := a.p.config.Copy()
	config.Credentials = aws.AnonymousCredentials{}
	client := webIdentityClient{sts.NewFromConfig(config), a.p, a.of}
	provider := stscreds.NewWebIdentityRoleProvider(client, account.RoleARN, heldToken(token), func(o *stscreds.WebIdentityRoleOptions) {
		o.RoleSessionName = a.p.sessionName(a.of.Identity)
		o.Duration = roleLasts
	})
	credentials, err := provider.Retrieve(ctx)
	if err != nil {
		return credentials, refusal.ForRole(account.RoleARN, err)
	}
	return credentials, nil
}

// heldToken is a token that is at hand.
type heldToken source.Value

// GetIdentityToken gives the token.
func (t heldToken) GetIdentityToken() ([]byte, error) { return source.Value(t).Bytes(), nil }
