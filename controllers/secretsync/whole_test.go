package secretsync

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// abridging is a client whose cache keeps a part of each SecretSync, as it does of large ones.
type abridging struct{ client.Client }

func (a abridging) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := a.Client.Get(ctx, key, object, options...)
	if secretSync, ok := object.(*v1alpha1.SecretSync); ok {
		secretSync.Abridged = &v1alpha1.Abridged{}
		secretSync.Spec = v1alpha1.SecretSyncSpec{Suspend: secretSync.Spec.Suspend, Target: secretSync.Spec.Target}
		secretSync.Status.Sources = nil
	}
	return err
}

func TestALargeSecretSyncIsReadFromTheAPIServer(t *testing.T) {
	object := fresh()
	object.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}}
	w := newWorld(t, object)
	live := &server{Reader: w.Live}
	w.Client, w.Live = abridging{w.Client}, live
	if result := w.turn(t); result.RequeueAfter == 0 || live.reads > 0 {
		t.Error("a large SecretSync does not wait for its turn")
	}
	if result := w.turn(t); result.RequeueAfter == 0 || w.now(t).Status.Secret == nil {
		t.Error("the report of a large SecretSync waits, and keeps it in memory")
	}
	if !w.shares.isLarge(here) {
		t.Error("a SecretSync that is itself large has no turn among the large ones once its Secret is small")
	}
	w.settle(t)
	if data := w.secret(t, "db").Data; len(data) != 1 || data["renamed"] == nil {
		t.Fatalf("%d keys by a part of the spec", len(data))
	}
	writes, reads := w.writes, live.reads
	w.after(2 * w.PollInterval)
	w.turn(t)
	if live.reads != reads+1 || w.writes != writes {
		t.Errorf("a poll reads it %d times and writes %d times", live.reads-reads, w.writes-writes)
	}
	// Once it is suspended, and says so, it costs nothing.
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	w.turn(t)
	if got := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady).Reason; got != v1alpha1.ReasonSuspended {
		t.Fatalf("suspended, status tells of %q", got)
	}
	reads = live.reads
	for range 5 {
		w.after(time.Hour)
		w.turn(t)
	}
	w.Controller = New(w.Options) // A restart.
	w.turn(t)
	if live.reads != reads {
		t.Errorf("while it is suspended it is read %d times", live.reads-reads)
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend, secretSync.Spec.Data = false, nil })
	w.settle(t)
	if data := w.secret(t, "db").Data; data["value"] == nil {
		t.Error("it does not go on")
	}
}

func TestAnOrdinaryPollReadsNothing(t *testing.T) {
	w := newWorld(t, fresh())
	live := &server{Reader: w.Live}
	w.Live = live
	w.settle(t)
	for range 5 {
		w.after(2 * w.PollInterval)
		w.turn(t)
	}
	if live.reads > 0 {
		t.Errorf("the SecretSync was read %d times from the API server", live.reads)
	}
}

// The cache is later than the API server about what is gone, and about what came after it under its name.
func TestALargeSecretSyncThatIsGone(t *testing.T) {
	w := newWorld(t, fresh())
	kept := fresh()
	kept.Abridged = &v1alpha1.Abridged{}
	other := fresh()
	other.UID = "another"
	for name, live := range map[string]*server{"gone": {Reader: newWorld(t, gone()).Live}, "another": {sync: other}} {
		w.Live = live
		w.shares.mark(here, true)
		if got, turn, err := w.whole(t.Context(), kept); got != nil || err != nil || turn.RequeueAfter > 0 {
			t.Errorf("%s: a pass over %v, %v", name, got, err)
		}
	}
}

// gone is a SecretSync of another name.
func gone() *v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Name = "other"
	return secretSync
}

// A SecretSync of which a part cannot be had is tried again, and what may be large about it is not kept.
func TestALargeSecretSyncIsReadInFullOrNotAtAll(t *testing.T) {
	w := newWorld(t, fresh())
	kept := fresh()
	kept.Abridged = &v1alpha1.Abridged{}
	w.shares.mark(here, true)
	away := errors.New("the API server is away")
	w.Live = &failing{away}
	if got, _, err := w.whole(t.Context(), kept); got != nil || !errors.Is(err, away) {
		t.Errorf("a pass over %v, %v", got, err)
	}
	live := fresh()
	live.Labels = map[string]string{"a": "b"}
	live.OwnerReferences = []metav1.OwnerReference{{Name: "owner"}}
	live.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	w.Live = &server{sync: live}
	got, _, err := w.whole(t.Context(), kept)
	if err != nil || got == nil || got.Labels != nil || got.OwnerReferences != nil || got.ManagedFields != nil {
		t.Errorf("a pass over %+v, %v", got, err)
	}
}

// failing is an API server that lists nothing.
type failing struct{ err error }

func (f *failing) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return f.err
}

func (f *failing) List(context.Context, client.ObjectList, ...client.ListOption) error { return f.err }

// Only where nothing is left to do or to say a suspended SecretSync is not read.
func TestASuspensionThatStatusDoesNotKnowIsRead(t *testing.T) {
	wrong, now := "spec.data: no list", metav1.Now()
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSync)
		want   bool
	}{
		"status knows":           {func(*v1alpha1.SecretSync) {}, true},
		"it goes on":             {func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false }, false},
		"it is deleted":          {func(secretSync *v1alpha1.SecretSync) { secretSync.DeletionTimestamp = &now }, false},
		"it cannot be read":      {func(secretSync *v1alpha1.SecretSync) { secretSync.Unreadable = &wrong }, false},
		"it was edited":          {func(secretSync *v1alpha1.SecretSync) { secretSync.Generation++ }, false},
		"status says nothing":    {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Conditions = nil }, false},
		"status says other than": {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Conditions[0].Reason = v1alpha1.ReasonSynced }, false},
	} {
		secretSync := fresh()
		secretSync.Spec.Suspend, secretSync.Status.ObservedGeneration = true, secretSync.Generation
		secretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended, "")}
		test.change(secretSync)
		if got := suspendedBefore(secretSync); got != test.want {
			t.Errorf("%s: it is left alone: %v", name, got)
		}
	}
}
