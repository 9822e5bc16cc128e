package restore

import (
	"context"
	"testing"

	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// shared is the environment of all tests: its control plane and its manager's binary. TestMain sets it, and tests read
// it.
var shared *testenv.Environment

func TestMain(m *testing.M) {
	testsuite.Main("restore", testenv.Options{}, func(_ context.Context, env *testenv.Environment) (int, error) {
		shared = env
		return m.Run(), nil
	})
}
