package testsuite

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// Namespace creates a namespace for one test and gives its name, which begins with prefix.
func Namespace(t testing.TB, in client.Client, prefix string) string {
	t.Helper()
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	if err := in.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	return made.Name
}

// WithOwnAWS copies an environment and gives the copy a local AWS of its own, which is closed when the test ends.
func WithOwnAWS(t testing.TB, shared *testenv.Environment, server *localaws.Server) *testenv.Environment {
	t.Helper()
	running, err := localaws.Start(server, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	own := *shared
	own.AWS = running
	return &own
}

// CheckLog fails the test if the log of a manager that has ended is empty, reports a data race, or contains one of the
// hidden values, keys or tokens. Its messages do not quote them.
func CheckLog(t testing.TB, manager *testenv.Manager, hidden []string) {
	t.Helper()
	if race, err := manager.DataRace(); err != nil || race != "" {
		t.Error(race, err)
	}
	log, err := manager.Log()
	if err != nil || len(log) == 0 {
		t.Errorf("the manager's log has %d bytes: %v", len(log), err)
	}
	for number, secret := range hidden {
		if bytes.Contains(log, []byte(secret)) {
			t.Errorf("the manager's log has secret %d of the test in it", number)
		}
	}
}
