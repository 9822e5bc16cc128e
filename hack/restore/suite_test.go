package restore

import (
	"context"
	"testing"

	"github.com/secretsync/secretsync/hack/stand"
	"github.com/secretsync/secretsync/hack/stand/standtest"
)

// shared is the stand of all tests: its control plane and its manager's binary. TestMain sets it; tests
// read it.
var shared *stand.Stand

func TestMain(m *testing.M) {
	standtest.Main("restore", stand.Options{}, func(_ context.Context, all *stand.Stand) (int, error) {
		shared = all
		return m.Run(), nil
	})
}
