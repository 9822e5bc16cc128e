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

func TestASpecThatCannotBeReadSaysSo(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	fetched := w.aws.fetched
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "other" })
	readable := w.Client
	w.Client = unread{readable}
	w.aws.version = "version-2"
	for range 3 {
		if turn := w.turn(t); turn.RequeueAfter == 0 {
			t.Error("an object that may be corrected is never looked at again")
		}
	}
	ready := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonInvalidSpec ||
		!strings.Contains(ready.Message, `spec.pollInterval: time: invalid duration "often"`) || !strings.Contains(ready.Message, "keeps version version-1") {
		t.Errorf("Ready is %+v", ready)
	}
	if w.aws.fetched != fetched || w.secret(t, "other") != nil || w.secret(t, "db") == nil {
		t.Error("something was done by a spec of which a part is missing")
	}
	if sent := w.sent(); strings.Count(strings.Join(sent, "\n"), v1alpha1.ReasonInvalidSpec) != 1 {
		t.Errorf("events: %q", sent)
	}
	w.Client = readable
	w.edit(t, func(*v1alpha1.SecretSync) {})
	w.settle(t)
	if w.secret(t, "other") == nil || !meta.IsStatusConditionTrue(w.now(t).Status.Conditions, v1alpha1.ConditionReady) {
		t.Error("once it is corrected, the spec is not followed")
	}
}

func TestKeysStayWhereItCannotBeReadWhetherTheyAreToBeRetained(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	w.settle(t)
	if w.secret(t, "app").Data["value"] == nil {
		t.Fatal("nothing was merged")
	}
	if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
		t.Fatal(err)
	}
	w.Client = unread{w.Client}
	w.turn(t)
	if w.secret(t, "app").Data["value"] == nil {
		t.Error("the key was taken out")
	}
	if err := w.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("the SecretSync can't be deleted: %v", err)
	}
	if sent := strings.Join(w.sent(), "\n"); !strings.Contains(sent, "The keys stay in the Secret") {
		t.Errorf("events: %s", sent)
	}
}
