package identity

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// markedCredentials marks the errors of a provider, and keeps them for a while.
type markedCredentials struct {
	aws.CredentialsProvider
	refusals *refusals
}

// Retrieve gives the provider's credentials, or its error as a *credentialsError.
func (m markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if refused := m.refusals.recall(); refused != nil {
		return aws.Credentials{}, refused
	}
	at := m.refusals.now()
	credentials, err := m.CredentialsProvider.Retrieve(ctx)
	if err == nil {
		err = refusal.Malformed(&credentials)
	}
	if err != nil {
		err = &refusal.CredentialsError{Cause: err, Sources: m.ProviderSources()}
	}
	if ctx.Err() == nil {
		m.refusals.learn(at, err)
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentials, nil
}

// ProviderSources passes on where the credentials come from, which the SDK notes in the user agent.
func (m markedCredentials) ProviderSources() []aws.CredentialSource {
	if sources, ok := m.CredentialsProvider.(aws.CredentialProviderSource); ok {
		return sources.ProviderSources()
	}
	return nil
}

// webIdentity sets up how IRSA gets credentials: it names sessions for CloudTrail, unless
// AWS_ROLE_SESSION_NAME does, and learns which role is assumed. A name that stays the same also keeps
// AWS's refusals the same. The SDK calls it twice, at first without a client.
func (p *Provider) webIdentity(o *stscreds.WebIdentityRoleOptions) {
	p.role = o.RoleARN
	o.RoleSessionName = cmp.Or(o.RoleSessionName, ownSessionName(p.options.Cluster))
	if o.Client != nil {
		o.Client = webIdentityClient{o.Client, p, nil}
	}
	if file, ok := o.TokenRetriever.(stscreds.IdentityTokenFile); ok {
		o.TokenRetriever = tokenFile(file)
	}
}

// assumedRole does the same for roles that the shared configuration names.
func (p *Provider) assumedRole(o *stscreds.AssumeRoleOptions) {
	p.role = o.RoleARN
	o.RoleSessionName = cmp.Or(o.RoleSessionName, ownSessionName(p.options.Cluster))
	if o.Client != nil {
		o.Client = roleClient{o.Client, p, nil}
	}
}

// webIdentityClient and roleClient ask the endpoint that AWS_ENDPOINT_URL names, and the STS of the role's partition.
// The SDK makes the clients of its credentials chain before it looks at that variable.
type webIdentityClient struct {
	stscreds.AssumeRoleWithWebIdentityAPIClient
	p *Provider
	// who reads with the role; nil for the operator itself.
	who *Identity
}

func (c webIdentityClient) AssumeRoleWithWebIdentity(
	ctx context.Context, input *sts.AssumeRoleWithWebIdentityInput, opts ...func(*sts.Options),
) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	return callSTS(ctx, c.p, c.who, assumeRoleWithWebIdentity, aws.ToString(input.RoleArn),
		func(endpoint func(*sts.Options)) (*sts.AssumeRoleWithWebIdentityOutput, error) {
			return c.AssumeRoleWithWebIdentityAPIClient.AssumeRoleWithWebIdentity(ctx, input, append(opts, endpoint)...)
		})
}

type roleClient struct {
	stscreds.AssumeRoleAPIClient
	p   *Provider
	who *Identity
}

func (c roleClient) AssumeRole(ctx context.Context, input *sts.AssumeRoleInput, opts ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	return callSTS(ctx, c.p, c.who, assumeRole, aws.ToString(input.RoleArn), func(endpoint func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
		return c.AssumeRoleAPIClient.AssumeRole(ctx, input, append(opts, endpoint)...)
	})
}

// countSTS counts a call to STS among the calls to AWS.
func (p *Provider) countSTS(operation, role, region string, started time.Time, err error) {
	if err != nil {
		err = refusal.Call{Operation: operation, Timeout: p.options.CallTimeout}.Explain(context.Background(), &refusal.CredentialsError{Cause: err})
	}
	p.options.Observe(operation, role, region, time.Since(started), err)
}

// stsEndpoint leaves alone what AWS_ENDPOINT_URL_STS says. The credentials that a call is signed with are looked at
// before they are used.
func (p *Provider) stsEndpoint(region string) func(*sts.Options) {
	return func(o *sts.Options) {
		o.Region = cmp.Or(region, o.Region)
		if o.BaseEndpoint == nil {
			o.BaseEndpoint = p.config.BaseEndpoint
		}
		if o.Credentials != nil {
			o.Credentials = checkedCredentials{o.Credentials}
		}
	}
}

// checkedCredentials gives no credentials that cannot be sent.
type checkedCredentials struct{ aws.CredentialsProvider }

// Retrieve gives the provider's credentials, or a *malformedError.
func (c checkedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := c.CredentialsProvider.Retrieve(ctx)
	if err == nil {
		err = refusal.Malformed(&credentials)
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentials, nil
}

// tokenFile reads a web identity token, as stscreds.IdentityTokenFile does, but its errors have a type.
type tokenFile string

// GetIdentityToken reads the file each time, as the kubelet renews it. Whitespace around the token, as editors leave
// it, is not part of it.
func (f tokenFile) GetIdentityToken() ([]byte, error) {
	token, err := os.ReadFile(filepath.Clean(string(f)))
	if err != nil {
		return nil, &refusal.TokenError{File: string(f), Cause: err}
	}
	return bytes.TrimSpace(token), nil
}
