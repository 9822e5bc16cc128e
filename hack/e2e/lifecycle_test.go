package e2e

import (
	"fmt"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

func TestSuspend(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("paused", first)
	s.sync("paused", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("paused")
	s.edit("paused", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	s.awaitReason("paused", metav1.ConditionTrue, v1alpha1.ReasonSuspended)
	s.putValue(id, second)
	s.never("a suspended SecretSync writes", func() bool { return string(s.secret("paused").Data["value"]) != first })
	s.edit("paused", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false })
	s.awaitKeys("paused", map[string]string{"value": second})
}

func TestRefresh(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("asked", first)
	s.sync("asked", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}}) // Polls every five minutes.
	s.awaitReady("asked")
	s.putValue(id, second)
	const token = "2026-11-23T10:00:00Z"
	s.edit("asked", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: token}
	})
	s.await("the refresh is echoed", func() bool { return s.get("asked").Status.LastHandledRefresh == token })
	if got := string(s.secret("asked").Data["value"]); got != second {
		t.Error("the refresh was echoed before the Secret had the new version")
	}
}

func TestSpecEdit(t *testing.T) {
	s := newSetup(t)
	valueOfA, valueOfB := value(), value()
	id, _ := s.createSecret("edited", fmt.Sprintf(`{"a":%q,"b":%q}`, valueOfA, valueOfB))
	s.sync("edited", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitKeys("edited", map[string]string{"a": valueOfA, "b": valueOfB})
	s.edit("edited", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "only", Property: "b"}}
		secretSync.Spec.Target.Labels = map[string]v1alpha1.LabelValue{"team": "payments"}
	})
	secret := s.awaitKeys("edited", map[string]string{"only": valueOfB})
	if secret.Labels["team"] != "payments" {
		t.Errorf("labels = %v", secret.Labels)
	}
	s.awaitEvent("edited", "SecretUpdated", "added only", "removed a, b")
}

// TestKilled kills an operator in the middle of many syncs. The next one finishes them, and reads nothing again that
// was in sync.
func TestKilled(t *testing.T) {
	s := newSetup(t)
	const many = 200
	want, mine := make([]string, many), s.secretID("")
	var group sync.WaitGroup
	for i := range many {
		want[i] = value()
		group.Go(func() {
			id, _ := s.createSecret(fmt.Sprintf("many-%d", i), want[i])
			s.sync(fmt.Sprintf("many-%d", i), v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
		})
	}
	s.await("a part is in sync", func() bool { return s.env.AWS.ValuesRead(mine) > many/10 })
	s.end((*testenv.Manager).Kill)
	group.Wait()
	// Calls in flight when it was killed are answered, and counted, a moment later.
	readBefore := -1
	s.await("AWS has answered all calls", func() bool {
		before := readBefore
		readBefore = s.env.AWS.ValuesRead(mine)
		return readBefore == before
	})
	synced := s.readyCount()
	s.start("successor")
	for i := range many {
		s.awaitKeys(fmt.Sprintf("many-%d", i), map[string]string{"value": want[i]})
		s.awaitReady(fmt.Sprintf("many-%d", i))
	}
	if reads := s.env.AWS.ValuesRead(mine) - readBefore; reads > many-synced {
		t.Errorf("the successor read %d values, though only %d SecretSyncs were not in sync", reads, many-synced)
	}
}

// TestRestartCostsNothing: what was in sync when the operator stopped is neither read nor written again after its
// restart.
func TestRestartCostsNothing(t *testing.T) {
	const some = 5
	s := newSetup(t)
	for i := range some {
		name := fmt.Sprintf("kept-%d", i)
		id, _ := s.createSecret(name, value())
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
		s.awaitReady(name)
		s.awaitEvent(name, "SecretCreated") // It is sent in the background, and the audit log may have it after the stop.
	}
	s.end((*testenv.Manager).Stop)
	read, requests, polls := s.env.AWS.ValuesRead(s.secretID("")), len(s.requests()), s.called("DescribeSecret")
	s.start("restarted")
	s.await("polls after the restart", func() bool { return s.called("DescribeSecret") >= polls+3*some })
	if again := s.env.AWS.ValuesRead(s.secretID("")) - read; again != 0 {
		t.Errorf("%d values were read again", again)
	}
	for _, request := range s.requests()[requests:] {
		t.Errorf("the operator sent %s to the API server after the restart", request.What())
	}
}

// readyCount is how many SecretSyncs of the setup are Ready.
func (s *setup) readyCount() int {
	s.Helper()
	var list v1alpha1.SecretSyncList
	if err := s.env.Client.List(s.Context(), &list, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	count := 0
	for _, secretSync := range list.Items {
		if meta.IsStatusConditionTrue(secretSync.Status.Conditions, v1alpha1.ConditionReady) {
			count++
		}
	}
	return count
}
