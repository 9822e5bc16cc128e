package secretsync

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// annotate has another program add an annotation to the Secret.
func (w *world) annotate(t *testing.T, value string) {
	t.Helper()
	secret := w.secret(t, "db")
	secret.Annotations["example.com/seen"] = value
	if err := w.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// TestWhatOthersAddIsRemembered, and gets into status with the next write of it, or when the process stops.
func TestWhatOthersAddIsRemembered(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.sent()
	writes := w.writes
	wrote := 0
	w.onWrite = func(context.CancelFunc) { wrote++ }
	for _, value := range []string{"1", "2", "3"} {
		w.annotate(t, value)
		w.settle(t)
	}
	if w.writes != writes || wrote > 0 {
		t.Errorf("status was written %d times, Secrets and SecretSyncs %d times", w.writes-writes, wrote)
	}
	tries := w.aws.asked
	w.settle(t)
	if w.aws.asked != tries {
		t.Error("a Secret that was looked at is looked at again")
	}
	if sent := w.sent(); len(sent) > 0 {
		t.Errorf("events: %q", sent)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := w.Start(stopped); err != nil {
		t.Fatal(err)
	}
	if now := w.now(t).Status.Secret.ResourceVersion; now != w.secret(t, "db").ResourceVersion {
		t.Errorf("after a stop status has the resourceVersion %s", now)
	}
	fetched := w.aws.fetched
	w.Controller = New(w.Options)
	w.settle(t)
	if w.aws.fetched != fetched {
		t.Error("the next process reads the value")
	}
}

// TestWhatIsRememberedGoesWithTheNextStatus, whatever that is written for.
func TestWhatIsRememberedGoesWithTheNextStatus(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.annotate(t, "1")
	w.settle(t)
	w.edit(t, func(sync *v1alpha1.SecretSync) { sync.Spec.Suspend = true })
	w.settle(t)
	if now := w.now(t).Status.Secret.ResourceVersion; now != w.secret(t, "db").ResourceVersion {
		t.Errorf("status has the resourceVersion %s", now)
	}
}

// TestAKillLeavesLittleToDo: the next process reads the value once, and writes nothing.
func TestAKillLeavesLittleToDo(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.annotate(t, "1")
	w.settle(t)
	writes, fetched := w.writes, w.aws.fetched
	before := w.secret(t, "db").ResourceVersion
	w.Controller = New(w.Options)
	w.settle(t)
	w.settle(t)
	if w.writes != writes || w.aws.fetched != fetched+1 || w.secret(t, "db").ResourceVersion != before {
		t.Errorf("%d writes of status, %d reads of the value", w.writes-writes, w.aws.fetched-fetched)
	}
}

// TestARefusedUpdateIsNotTakenForAnEdit: the records of who holds which field are rewritten before the update, which
// gives the Secret another resourceVersion.
func TestARefusedUpdateIsNotTakenForAnEdit(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.onWrite = func(context.CancelFunc) { // After the records were rewritten.
		w.refusal["db"] = apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db",
			field.ErrorList{field.Invalid(field.NewPath("type"), corev1.SecretTypeBasicAuth, "field is immutable")})
	}
	w.edit(t, func(sync *v1alpha1.SecretSync) { sync.Spec.Data = []v1alpha1.DataKey{{Key: "another"}} })
	before := w.secret(t, "db").ResourceVersion
	w.settle(t)
	now := w.secret(t, "db").ResourceVersion
	if now == before || w.ready(t).Reason != v1alpha1.ReasonTargetImmutable {
		t.Fatalf("nothing was rewritten, or refused: %+v", w.ready(t))
	}
	if said := w.now(t).Status.Secret.ResourceVersion; said != now {
		t.Errorf("status says resourceVersion %s of %s: the operator's own write counts as an edit", said, now)
	}
}
