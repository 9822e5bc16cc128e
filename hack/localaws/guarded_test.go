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
	anybody      = `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:*"}}`
	everything   = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
)

// newGuardedWorld is a world where IAM decides. The world's own client stays an administrator.
func newGuardedWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.AddPrincipal("tester", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::111122223333:user/administrator"})
	w.user("somebody")
	return w
}

// user makes a user with policies, whose access key id is the name.
func (w *world) user(name string, policies ...string) aws.Credentials {
	w.Helper()
	return w.userOf("", name, policies...)
}

func (w *world) userOf(account, name string, policies ...string) aws.Credentials {
	w.Helper()
	_, err := w.AddUser(localaws.User{Account: account, Name: name, AccessKeyID: name, SecretAccessKey: "secret of " + name, Policies: policies})
	must(w.T, "", err)
	return aws.Credentials{AccessKeyID: name, SecretAccessKey: "secret of " + name}
}

// role makes a role and tells its ARN.
func (w *world) role(name, trust string, policies ...string) string {
	w.Helper()
	arn, err := w.AddRole(localaws.Role{Name: name, TrustPolicy: trust, Policies: policies})
	return must(w.T, arn, err)
}

func static(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

func (w *world) secrets(c aws.Credentials) *secretsmanager.Client {
	return w.secretsBy(static(c), localaws.DefaultRegion)
}

func (w *world) secretsBy(provider aws.CredentialsProvider, region string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{Region: region, BaseEndpoint: aws.String(w.URL()), Retryer: unlessCut(), Credentials: provider})
}

func (w *world) stsBy(c aws.Credentials) *sts.Client {
	return sts.New(sts.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(w.URL()), Retryer: unlessCut(), Credentials: static(c)})
}

// whoami is a call that every principal may make.
func (w *world) whoami(c aws.Credentials) (string, error) {
	who, err := w.stsBy(c).GetCallerIdentity(w.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(who.Arn), nil
}

// session assumes a role.
func (w *world) session(by aws.Credentials, input *sts.AssumeRoleInput) (aws.Credentials, error) {
	if input.RoleSessionName == nil {
		input.RoleSessionName = aws.String("s-1")
	}
	answer, err := w.stsBy(by).AssumeRole(w.Context(), input)
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentialsOf(answer.Credentials), nil
}

func (w *world) mustAssume(by aws.Credentials, role string, tags ...string) aws.Credentials {
	w.Helper()
	got, err := w.session(by, &sts.AssumeRoleInput{RoleArn: &role, Tags: sessionTags(tags...)})
	return must(w.T, got, err)
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
func (w *world) lastCall(operation string) localaws.Call {
	w.Helper()
	for _, call := range slices.Backward(w.Calls()) {
		if call.Operation == operation {
			return call
		}
	}
	w.Fatalf("no call of %s", operation)
	return localaws.Call{}
}
