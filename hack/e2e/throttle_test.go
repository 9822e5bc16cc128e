package e2e

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestThrottling: with a quota that is far too low, all are synced in the end, and throttled calls are not repeated too
// often.
func TestThrottling(t *testing.T) {
	const many, perSecond, watched = 40, 10, 10 * time.Second
	s := newSetup(t)
	operations := []string{"DescribeSecret", "GetSecretValue", "BatchGetSecretValue"}
	t.Cleanup(func() {
		for _, operation := range operations {
			s.env.AWS.SetRate(operation, 0)
		}
	})
	for _, operation := range operations {
		s.env.AWS.SetRate(operation, perSecond)
	}
	want := map[string]string{}
	for i := range many {
		name := fmt.Sprintf("many-%d", i)
		want[name] = value()
		id, _ := s.createSecret(name, want[name])
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	}
	for name, content := range want {
		s.awaitKeys(name, map[string]string{"value": content})
		s.awaitReady(name) // Status is written after the Secret, later if there is more to write.
	}
	before := s.env.AWS.Count("DescribeSecret")
	time.Sleep(watched) // Calls are counted for this time.
	calls := s.env.AWS.Count("DescribeSecret") - before
	if most := int(2 * perSecond * watched.Seconds()); calls > most {
		t.Errorf("%d calls in %s at a quota of %d a second: want %d at most", calls, watched, perSecond, most)
	}
	for name := range want {
		if !meta.IsStatusConditionTrue(s.get(name).Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("%s is not ready: a good value was given up for throttling", name)
		}
	}
}
