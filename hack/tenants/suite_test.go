package tenants

import (
	"context"
	"errors"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// otherRegion has replicas; otherAccount has secrets of its own.
const otherRegion, otherAccount = "us-east-1", "444455556666"

// shared is the environment of all tests, and provider the cluster's OIDC provider in IAM. TestMain sets them.
var (
	shared   *testenv.Environment
	provider localaws.OIDCProvider
)

func TestMain(m *testing.M) {
	testsuite.Main("tenants", testenv.Options{ServiceAccountTokens: true}, func(ctx context.Context, env *testenv.Environment) (int, error) {
		shared = env
		return runAll(ctx, m, env)
	})
}

func runAll(ctx context.Context, m *testing.M, env *testenv.Environment) (code int, err error) {
	if err := identify(ctx); err != nil {
		return 1, err
	}
	// These rules are for the operator's own identity; AWS decides what ServiceAccounts may read.
	manager, err := env.StartManager("tenants", "--secret-name-patterns=/{namespace}/*,/shared/*", "--namespaces-tag=Honor")
	if err != nil {
		return 1, err
	}
	code = m.Run()
	race, err := manager.DataRace()
	if race != "" {
		err = errors.Join(err, errors.New(race))
	}
	return code, errors.Join(err, manager.Stop())
}

// identify creates the identities in the local AWS: the operator, which may read everything and assume every role that
// trusts it; two administrators; and the cluster.
func identify(ctx context.Context) error {
	aws := shared.AWS
	aws.AddPrincipal("tester", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::111122223333:user/administrator"})
	aws.AddPrincipal("foreign", localaws.Principal{Account: otherAccount, ARN: "arn:aws:iam::444455556666:user/administrator"})
	_, err := aws.AddUser(localaws.User{
		Name: "operator", AccessKeyID: "operator", SecretAccessKey: "not-checked",
		Policies: []string{`{"Statement": {"Effect": "Allow", "Action": ["secretsmanager:*", "sts:*"], "Resource": "*"}}`},
	})
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(shared.Plane.Config())
	if err != nil {
		return err
	}
	if provider, err = localaws.DiscoverProvider(ctx, client, shared.Plane.Config().Host); err != nil {
		return err
	}
	_, err = aws.AddOIDCProvider(provider)
	return err
}
