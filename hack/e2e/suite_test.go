package e2e

import (
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// root is the directory of the repository, relative to this package.
const root = testsuite.Root

// shared is the environment of all tests, with one manager and many namespaces. TestMain sets it, and tests read it.
var shared *testenv.Environment

// detectsCacheChanges has client-go compare the objects in the caches of a manager with copies of them each second, and
// panic if one has changed: the operator reads them without a copy.
const detectsCacheChanges = "KUBE_CACHE_MUTATION_DETECTOR=true"

// running is the manager that works in all namespaces.
var running *testenv.Manager

func TestMain(m *testing.M) {
	testsuite.Main("e2e", testenv.Options{Audit: true, ServiceAccountTokens: true}, func(ctx context.Context, env *testenv.Environment) (int, error) {
		shared = env
		shared.Variables = []string{detectsCacheChanges}
		return runAll(ctx, m, env)
	})
}

func runAll(ctx context.Context, m *testing.M, env *testenv.Environment) (code int, err error) {
	if running, err = env.StartManager("shared"); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := end(ctx, running, (*testenv.Manager).Stop); err != nil {
		return 1, err
	}
	if flag.Lookup("test.run").Value.String() == "" { // All tests have run, so that the operator has used all its permissions.
		err = checkRoles(env.Plane, testenv.OperatorAccount, "rbac/role.yaml", "components/service-account-tokens/role.yaml")
	}
	return code, errors.Join(err, searchForValues(ctx, env))
}
