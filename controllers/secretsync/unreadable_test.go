package secretsync

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// unread is a client that could not read a field of the SecretSync's spec.
type unread struct{ client.Client }

func (u unread) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := u.Client.Get(ctx, key, object, options...)
	if secretSync, ok := object.(*v1alpha1.SecretSync); ok {
		wrong := `spec.pollInterval: time: invalid duration "often"`
		secretSync.Unreadable = &wrong
	}
	return err
}

// TestASpecThatCannotBeReadIsReported, and nothing is done by it.
func TestASpecThatCannotBeReadIsReported(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	fetched := e.aws.fetched
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "other" })
	readable := e.options.Client
	e.options.Client = unread{readable}
	e.aws.version = "version-2"
	for range 3 {
		if turn := e.turn(t); turn.RequeueAfter == 0 {
			t.Error("an object that may be corrected is never reconciled again")
		}
	}
	ready := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonInvalidSpec ||
		!strings.Contains(ready.Message, `spec.pollInterval: time: invalid duration "often"`) || !strings.Contains(ready.Message, "keeps version version-1") {
		t.Errorf("Ready is %+v", ready)
	}
	if e.aws.fetched != fetched {
		t.Error("a value was read by a spec of which a part is missing")
	}
	if e.secret(t, "other") != nil || e.secret(t, "db") == nil {
		t.Error("a Secret was written or deleted by a spec of which a part is missing")
	}
	if sent := e.sent(); strings.Count(strings.Join(sent, "\n"), v1alpha1.ReasonInvalidSpec) != 1 {
		t.Errorf("events: %q", sent)
	}
	e.options.Client = readable
	e.edit(t, func(*v1alpha1.SecretSync) {})
	e.settle(t)
	if e.secret(t, "other") == nil {
		t.Error("once it is corrected, the spec is not followed")
	}
	if ready := e.ready(t); ready.Status != metav1.ConditionTrue {
		t.Errorf("once it is corrected, Ready is %+v", ready)
	}
}

func TestKeysStayWhereItCannotBeReadWhetherTheyAreToBeRetained(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	e.settle(t)
	if e.secret(t, "app").Data["value"] == nil {
		t.Fatal("nothing was merged")
	}
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	e.options.Client = unread{e.options.Client}
	e.turn(t)
	if e.secret(t, "app").Data["value"] == nil {
		t.Error("the key was taken out")
	}
	if err := e.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the SecretSync can't be deleted: %v", err)
	}
	if sent := strings.Join(e.sent(), "\n"); !strings.Contains(sent, "The keys stay in the Secret") {
		t.Errorf("events: %s", sent)
	}
}
