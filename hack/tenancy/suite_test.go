package tenancy

import (
	"context"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// shared is the environment of all tests: its control plane and its manager's binary. TestMain sets it, and tests read
// it.
var shared *testenv.Environment

// cluster is the control plane as an OIDC provider.
var cluster localaws.OIDCProvider

func TestMain(m *testing.M) {
	testsuite.Main("tenancy", testenv.Options{Audit: true}, func(_ context.Context, env *testenv.Environment) (int, error) {
		shared = env
		return runAll(m, env)
	})
}

func runAll(m *testing.M, env *testenv.Environment) (code int, err error) {
	client, err := rest.HTTPClientFor(env.Plane.Config())
	if err != nil {
		return 1, err
	}
	if cluster, err = localaws.DiscoverProvider(context.Background(), client, env.Plane.Config().Host); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
