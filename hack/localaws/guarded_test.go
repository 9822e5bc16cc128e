package localaws_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	otherAccount = "444455556666"
	accountTrust = `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:*"}}`
	everything   = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
)

// newGuardedSetup is a setup where IAM decides. The setup's own client stays an administrator.
func newGuardedSetup(t *testing.T) *setup {
	t.Helper()
	s := newSetup(t)
	s.AddPrincipal("tester", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::111122223333:user/administrator"})
	s.user("other")
	return s
}

// user makes a user with policies, whose access key id is the name.
func (s *setup) user(name string, policies ...string) aws.Credentials {
	s.Helper()
	return s.userOf("", name, policies...)
}

func (s *setup) userOf(account, name string, policies ...string) aws.Credentials {
	s.Helper()
	_, err := s.AddUser(localaws.User{Account: account, Name: name, AccessKeyID: name, SecretAccessKey: "secret of " + name, Policies: policies})
	must(s.T, "", err)
	return aws.Credentials{AccessKeyID: name, SecretAccessKey: "secret of " + name}
}

// role creates a role and gives its ARN.
func (s *setup) role(name, trust string, policies ...string) string {
	s.Helper()
	arn, err := s.AddRole(localaws.Role{Name: name, TrustPolicy: trust, Policies: policies})
	return must(s.T, arn, err)
}

func static(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

func (s *setup) secrets(c aws.Credentials) *secretsmanager.Client {
	return s.secretsBy(static(c), localaws.DefaultRegion)
}

func (s *setup) secretsBy(provider aws.CredentialsProvider, region string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{Region: region, BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{}, Credentials: provider})
}

func (s *setup) stsBy(c aws.Credentials) *sts.Client {
	return sts.New(sts.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{}, Credentials: static(c)})
}

// whoami is a call that every principal may make.
func (s *setup) whoami(c aws.Credentials) (string, error) {
	who, err := s.stsBy(c).GetCallerIdentity(s.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(who.Arn), nil
}

// session assumes a role.
func (s *setup) session(by aws.Credentials, input *sts.AssumeRoleInput) (aws.Credentials, error) {
	if input.RoleSessionName == nil {
		input.RoleSessionName = aws.String("s-1")
	}
	answer, err := s.stsBy(by).AssumeRole(s.Context(), input)
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentialsOf(answer.Credentials), nil
}

func (s *setup) mustAssume(by aws.Credentials, role string, tags ...string) aws.Credentials {
	s.Helper()
	got, err := s.session(by, &sts.AssumeRoleInput{RoleArn: &role, Tags: sessionTags(tags...)})
	return must(s.T, got, err)
}

// sessionTags are of keys and values in turn.
func sessionTags(keysAndValues ...string) []types.Tag {
	var tags []types.Tag
	for i := 0; i < len(keysAndValues); i += 2 {
		tags = append(tags, types.Tag{Key: &keysAndValues[i], Value: &keysAndValues[i+1]})
	}
	return tags
}

func credentialsOf(c *types.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken, CanExpire: true, Expires: *c.Expiration}
}

// clientFunc sends requests in a way of its own.
type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// lastCall of an operation.
func (s *setup) lastCall(operation string) localaws.Call {
	s.Helper()
	for _, call := range slices.Backward(s.Calls()) {
		if call.Operation == operation {
			return call
		}
	}
	s.Fatalf("no call of %s", operation)
	return localaws.Call{}
}
