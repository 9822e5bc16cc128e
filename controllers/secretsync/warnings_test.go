package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/target"
)

// Polls say what the write has said of the values, without having them; a certificate that expires meanwhile turns
// one status, and no other.
func TestReadyKeepsItsWarnings(t *testing.T) {
	p := written("v1", "v2")
	d := newDesk(t, p.sync)
	expires := d.clock.Now().Add(time.Hour)
	p.applied = &target.Result{Outcome: target.Updated, UID: "secret", ResourceVersion: "7"}
	p.notes = render.Notes{Warnings: []string{"the chain is out of order"}, Expires: expires}
	if err := d.tell(context.Background(), p, nil); err != nil {
		t.Fatal(err)
	}
	poll := func() string {
		t.Helper()
		secretSync := p.sync.DeepCopy()
		secretSync.ResourceVersion = p.memory.statusWritten // As the watch brings it.
		p = &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: p.memory, trigger: triggerPoll, observed: true, done: true, inputs: p.inputs}
		if err := d.tell(context.Background(), p, nil); err != nil {
			t.Fatal(err)
		}
		ready := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReady)
		if ready.Status != metav1.ConditionTrue || ready.Reason != v1alpha1.ReasonSynced || !strings.Contains(ready.Message, "; warning: the chain is out of order") {
			t.Errorf("Ready is %s for %s: %s", ready.Status, ready.Reason, ready.Message)
		}
		return ready.Message
	}
	for _, step := range []struct {
		after   time.Duration
		expired bool
		writes  int
	}{{0, false, 1}, {time.Minute, false, 1}, {time.Hour, true, 2}, {time.Minute, true, 2}} {
		d.clock.SetTime(d.clock.Now().Add(step.after))
		if message := poll(); strings.Contains(message, `a certificate under "tls.crt" expired on`) != step.expired {
			t.Errorf("after %s: %s", step.after, message)
		}
		if d.writes != step.writes {
			t.Errorf("after %s status was written %d times, want %d", step.after, d.writes, step.writes)
		}
	}
}
