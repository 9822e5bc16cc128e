package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

// maxSessionName is the longest RoleSessionName (page "AssumeRole" of the AWS STS API Reference).
const maxSessionName = 64

// credentialsError marks what went wrong before a call, while getting credentials for it. The SDK has
// no type for that, and its texts are no contract.
type credentialsError struct{ cause error }

func (e *credentialsError) Error() string { return "getting AWS credentials: " + e.cause.Error() }

func (e *credentialsError) Unwrap() error { return e.cause }

// markedCredentials marks the errors of a provider.
type markedCredentials struct{ aws.CredentialsProvider }

// Retrieve gives the provider's credentials, or its error as a *credentialsError.
func (m markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return credentials, &credentialsError{cause: err}
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

// nameWebIdentitySession names sessions of IRSA for CloudTrail, unless AWS_ROLE_SESSION_NAME does, and
// learns which role is assumed. A name that stays the same also keeps AWS's refusals the same.
func (s *Source) nameWebIdentitySession(o *stscreds.WebIdentityRoleOptions) {
	if o.RoleARN != "" {
		s.role = o.RoleARN
	}
	if o.RoleSessionName == "" {
		o.RoleSessionName = sessionName(s.options.Cluster)
	}
}

// nameRoleSession does the same for roles that the shared configuration names.
func (s *Source) nameRoleSession(o *stscreds.AssumeRoleOptions) {
	if o.RoleARN != "" {
		s.role = o.RoleARN
	}
	if o.RoleSessionName == "" {
		o.RoleSessionName = sessionName(s.options.Cluster)
	}
}

// sessionName has the characters and the length that STS allows.
func sessionName(cluster string) string {
	if cluster == "" {
		return "secretsync"
	}
	name := "secretsync-" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_+=,.@-", r):
			return r
		}
		return '-'
	}, cluster)
	return name[:min(len(name), maxSessionName)]
}
