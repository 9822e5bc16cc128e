package e2e

import (
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/secretsync/secretsync/hack/stand"
	"github.com/secretsync/secretsync/hack/stand/standtest"
)

// root is the repository's, seen from this folder.
const root = standtest.Root

// shared is the stand of all tests, with one manager and many namespaces. TestMain sets it; tests
// read it.
var shared *stand.Stand

// running is the manager that works in all namespaces.
var running *stand.Manager

func TestMain(m *testing.M) {
	standtest.Main("e2e", stand.Options{Audit: true, ServiceAccountTokens: true}, func(ctx context.Context, all *stand.Stand) (int, error) {
		shared = all
		return runAll(ctx, m, all)
	})
}

func runAll(ctx context.Context, m *testing.M, all *stand.Stand) (code int, err error) {
	if running, err = all.StartManager("shared"); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := end(ctx, running, (*stand.Manager).Stop); err != nil {
		return 1, err
	}
	if flag.Lookup("test.run").Value.String() == "" { // All tests have run, and so all that the operator does.
		err = checkRoles(all.Plane, stand.OperatorAccount, "rbac/role.yaml", "components/service-account-tokens/role.yaml")
	}
	return code, errors.Join(err, searchForValues(ctx, all))
}
