package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestRepeatedEventsNeedNoPatch: client-go makes a series of events that are alike, and patches it, which the operator's
// role does not allow. Each event is sent after status was written, and so is about another resourceVersion: none is
// like another.
func TestRepeatedEventsNeedNoPatch(t *testing.T) {
	const repairs = 4 // A few more would be a fight, and put off.
	s := newScene(t)
	content := value()
	id, _ := s.createSecret("db", content)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitKeys("db", map[string]string{"value": content})
	s.awaitReady("db")
	for n := range repairs {
		edited := s.awaitKeys("db", map[string]string{"value": content})
		edited.Data["value"] = []byte("edited")
		if err := s.stand.Client.Update(t.Context(), edited); err != nil {
			t.Fatal(err)
		}
		s.await(fmt.Sprintf("repair %d is told of", n+1), func() bool { return len(s.repaired()) == n+1 })
	}
	for _, one := range s.repaired() {
		if one.Series != nil {
			t.Errorf("there is a series of events about resourceVersion %s", one.Regarding.ResourceVersion)
		}
	}
	for _, request := range s.requests() {
		if request.What() == "patch events.k8s.io events" || request.Unauthorized() {
			t.Errorf("the operator has asked for %s", request.What())
		}
	}
}

// repaired are the events about repairs.
func (s *scene) repaired() (all []eventsv1.Event) {
	s.Helper()
	found := &eventsv1.EventList{}
	if err := s.stand.Client.List(s.Context(), found, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for _, one := range found.Items {
		if one.Reason == "SecretRepaired" && one.Type == corev1.EventTypeNormal {
			all = append(all, one)
		}
	}
	return all
}
