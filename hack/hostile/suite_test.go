package hostile

import (
	"context"
	"testing"

	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// memoryLimit is the operator's memory limit in bytes, if its chart is installed with default values.
const memoryLimit = 256 << 20

// shared is the environment of all tests. TestMain sets it.
var shared *testenv.Environment

func TestMain(m *testing.M) {
	testsuite.Main("hostile", testenv.Options{ServiceAccountTokens: true, Release: true}, func(_ context.Context, env *testenv.Environment) (int, error) {
		shared = env
		return m.Run(), nil
	})
}

// startManager starts a manager for a test.
func startManager(t *testing.T, flags ...string) *testenv.Manager {
	t.Helper()
	manager, err := shared.StartManager(t.Name(), append([]string{"--memory-limit=268435456"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := manager.Stop(); err != nil {
			t.Error(err)
		}
	})
	return manager
}

// mustFit fails the test if the manager's peak memory was larger than most bytes.
func mustFit(t *testing.T, manager *testenv.Manager, most int64) {
	t.Helper()
	peak, err := manager.PeakMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the manager had at most %d MiB", peak>>20)
	if peak > most {
		t.Errorf("the manager had %d MiB, more than %d MiB", peak>>20, most>>20)
	}
}
