package secretsync

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

// annotate has another program add an annotation to the Secret.
func (e *environment) annotate(t *testing.T, value string) {
	t.Helper()
	secret := e.secret(t, "db")
	secret.Annotations["example.com/seen"] = value
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// inStatus is the resourceVersion of the Secret in status.
func (e *environment) inStatus(t *testing.T) string {
	t.Helper()
	return e.now(t).Status.Secret.ResourceVersion
}

// TestWhatOthersAddIsRemembered, and gets into status with the next write of it, or when the process stops.
func TestWhatOthersAddIsRemembered(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.sent()
	writes := e.writes
	wrote := 0
	e.onWrite = func(context.CancelFunc) { wrote++ }
	for _, value := range []string{"1", "2", "3"} {
		e.annotate(t, value)
		e.settle(t)
	}
	if e.writes != writes || wrote > 0 {
		t.Errorf("status was written %d times, Secrets and SecretSyncs %d times", e.writes-writes, wrote)
	}
	tries := e.aws.asked
	e.settle(t)
	if e.aws.asked != tries {
		t.Error("AWS is asked again for a Secret that was found as desired")
	}
	if sent := e.sent(); len(sent) > 0 {
		t.Errorf("events: %q", sent)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := e.Start(stopped); err != nil {
		t.Fatal(err)
	}
	if said, is := e.inStatus(t), e.secret(t, "db").ResourceVersion; said != is {
		t.Errorf("after a stop status has the resourceVersion %s of %s", said, is)
	}
	fetched := e.aws.fetched
	e.Controller = New(e.options)
	e.settle(t)
	if e.aws.fetched != fetched {
		t.Error("the next process reads the value")
	}
}

// TestWhatIsRememberedGoesWithTheNextStatus, whatever that is written for.
func TestWhatIsRememberedGoesWithTheNextStatus(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.annotate(t, "1")
	e.settle(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	e.settle(t)
	if said, is := e.inStatus(t), e.secret(t, "db").ResourceVersion; said != is {
		t.Errorf("status has the resourceVersion %s of %s", said, is)
	}
}

// TestAKillLeavesLittleToDo: the next process reads the value once, and writes nothing.
func TestAKillLeavesLittleToDo(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.annotate(t, "1")
	e.settle(t)
	writes, fetched := e.writes, e.aws.fetched
	before := e.secret(t, "db").ResourceVersion
	e.Controller = New(e.options)
	e.settle(t)
	e.settle(t)
	if e.writes != writes || e.aws.fetched != fetched+1 {
		t.Errorf("%d writes of status, %d reads of the value", e.writes-writes, e.aws.fetched-fetched)
	}
	if now := e.secret(t, "db").ResourceVersion; now != before {
		t.Errorf("the Secret was written: resourceVersion %s, was %s", now, before)
	}
}

// TestARefusedUpdateIsNotTakenForAnEdit: the records of which field manager holds which field are rewritten before the
// update, which gives the Secret another resourceVersion.
func TestARefusedUpdateIsNotTakenForAnEdit(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.onWrite = func(context.CancelFunc) { // After the records were rewritten.
		e.refusal["db"] = apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db",
			field.ErrorList{field.Invalid(field.NewPath("type"), corev1.SecretTypeBasicAuth, "field is immutable")})
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "another"}} })
	before := e.secret(t, "db").ResourceVersion
	e.settle(t)
	is := e.secret(t, "db").ResourceVersion
	if is == before || e.ready(t).Reason != v1alpha1.ReasonTargetImmutable {
		t.Fatalf("resourceVersion %s, was %s; nothing was rewritten, or refused: %+v", is, before, e.ready(t))
	}
	if said := e.inStatus(t); said != is {
		t.Errorf("status says resourceVersion %s of %s: the operator's own write counts as an edit", said, is)
	}
}

// TestARewriteIsNoted for the status of that Secret alone.
func TestARewriteIsNoted(t *testing.T) {
	for name, test := range map[string]struct {
		result target.Result
		want   string
	}{
		"rewritten":           {target.Result{UID: "1", ResourceVersion: "10"}, "10"},
		"not rewritten":       {target.Result{UID: "1"}, "9"},
		"another's rewritten": {target.Result{UID: "2", ResourceVersion: "10"}, "9"},
	} {
		e := newEnvironment(t, fresh())
		a := e.attempt(fresh(), schedule.Poll)
		a.rewritten(test.result)
		if seen := a.state.seen.Secret(); seen != (ownwrites.Secret{}) {
			t.Errorf("%s: a Secret is noted that is not in status: %+v", name, seen)
		}
		a.secretSync.Status.Secret = &v1alpha1.SecretStatus{UID: "1", ResourceVersion: "8"}
		a.state.seen.Note(target.Result{UID: "1", ResourceVersion: "9"})
		a.rewritten(test.result)
		if latest := a.state.seen.Secret().Latest(a.secretSync.Status.Secret); latest.ResourceVersion != test.want {
			t.Errorf("%s: status gets the resourceVersion %s", name, latest.ResourceVersion)
		}
	}
}
