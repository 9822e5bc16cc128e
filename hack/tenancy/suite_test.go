package tenancy

import (
	"context"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/stand"
	"github.com/secretsync/secretsync/hack/stand/standtest"
)

// shared is the stand of all tests: its control plane and its manager's binary. TestMain sets it; tests
// read it.
var shared *stand.Stand

// cluster is the control plane as an issuer of tokens.
var cluster localaws.OIDCProvider

func TestMain(m *testing.M) {
	standtest.Main("tenancy", stand.Options{}, func(_ context.Context, all *stand.Stand) (int, error) {
		shared = all
		return runAll(m, all)
	})
}

func runAll(m *testing.M, all *stand.Stand) (code int, err error) {
	client, err := rest.HTTPClientFor(all.Plane.Config())
	if err != nil {
		return 1, err
	}
	if cluster, err = localaws.DiscoverProvider(context.Background(), client, all.Plane.Config().Host); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
