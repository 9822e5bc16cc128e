package target

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// host is a Secret of another owner, who allows SecretSync db to merge keys into it.
func host() *corev1.Secret {
	secret := secretNamed("db", "uid", "")
	secret.Annotations = map[string]string{"secretsync.dev/merge-from": "db"}
	secret.Data = map[string][]byte{"theirs": []byte(quoted)}
	return secret
}

// syncNamed is a SecretSync with a target.
func syncNamed(name, target string) *v1alpha1.SecretSync {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: name, UID: types.UID("sync-" + name)}}
	secretSync.Spec.Target.Name = target
	return secretSync
}

// ownedBy is a Secret that a SecretSync owns, by its name and by its owner reference.
func ownedBy(name string, owner *v1alpha1.SecretSync) *corev1.Secret {
	secret := secretNamed(name, "uid", owner.Name)
	secret.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"}, OwnerReference(owner)}
	return secret
}

func merging() Desired {
	desired := wanting()
	desired.Merge = true
	return desired
}

// writing is a write of an existing Secret.
type writing struct {
	before *corev1.Secret
	do     func(w *Writer) error
	// removes says that it brings no values, and so reads and judges the Secret again after a conflict, where it is tried
	// again.
	removes bool
}

// writes are all that touch an existing Secret.
func writes(t *testing.T) map[string]writing {
	t.Helper()
	own, edited := secretNamed("db", "uid", "db"), wanting()
	edited.Previous = &v1alpha1.SecretStatus{UID: "uid", ResourceVersion: "998", Name: "db", Keys: []string{"password"}, CreationPolicy: v1alpha1.CreationPolicyOwner}
	return map[string]writing{
		"apply":           {own, func(w *Writer) error { return secondOf(applied(t, w, wanting())) }, false},
		"apply to edited": {own, func(w *Writer) error { return secondOf(applied(t, w, edited)) }, false},
		"merge":           {host(), func(w *Writer) error { return secondOf(applied(t, w, merging())) }, false},
		"delete":          {own, func(w *Writer) error { return deleted(t, w) }, true},
		"release":         {host(), func(w *Writer) error { return released(t, w) }, true},
		"disown":          {ownedBy("db", syncNamed("db", "db")), func(w *Writer) error { _, err := disowned(t, w, "sync-db"); return err }, true},
		"hand over":       {ownedBy("db", syncNamed("db", "x")), func(w *Writer) error { _, err := handedOver(t, w, syncNamed("to", "db")); return err }, true},
	}
}

// TestEachWriteHasAPrecondition: the UID and the resourceVersion of what was found, or the latter alone in a patch,
// which can't make a Secret. So it can't fall on another one of the name, nor on what was written since.
func TestEachWriteHasAPrecondition(t *testing.T) {
	for name, test := range writes(t) {
		w, s := serve(t, test.before.DeepCopy())
		if err := test.do(w); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.sent) == 0 {
			t.Errorf("%s: nothing is written", name)
		}
		for _, noted := range s.sent {
			held := noted.UID == "uid" && noted.ResourceVersion == "999"
			switch noted.Verb {
			case "apply":
				held = held && noted.Manager == "secretsync.dev/db"
			case "patch", "records":
				held = noted.ResourceVersion == "999"
			}
			if !held {
				t.Errorf("%s: %+v", name, noted)
			}
		}
	}
}

// TestASecretThatTakesTheNameIsLeftAlone, where it does so between the read and the write. The values at hand are
// written no more: they may be older than those that it has.
func TestASecretThatTakesTheNameIsLeftAlone(t *testing.T) {
	for name, test := range writes(t) {
		w, s := serve(t, test.before.DeepCopy())
		s.once = func() { s.replace(t) }
		err := test.do(w)
		if !raced(err) && (err != nil || !test.removes) || !test.removes && len(s.sent) != 1 {
			t.Errorf("%s: %v after %d writes", name, err, len(s.sent))
		}
		there := s.secret(t)
		if there == nil || there.UID != "another" || len(there.Labels)+len(there.Annotations)+len(there.OwnerReferences) > 0 {
			t.Errorf("%s: now there is %v", name, there)
			continue
		}
		if len(there.Data) != 1 {
			t.Errorf("%s: it has %d keys", name, len(there.Data))
		}
		if string(there.Data["password"]) != quoted {
			t.Errorf("%s: its value has changed", name)
		}
	}
}

// TestNothingIsRemovedOnceTheSecretSyncHasChanged: what a removal follows from is looked at after the Secret was read.
func TestNothingIsRemovedOnceTheSecretSyncHasChanged(t *testing.T) {
	edited := errors.New("edited")
	recheck := func(context.Context) error { return edited }
	to := syncNamed("to", "db")
	for name, remove := range map[string]func(w *Writer) error{
		"delete":  func(w *Writer) error { return w.Delete(t.Context(), "payments", "db", "db", recheck) },
		"release": func(w *Writer) error { return w.Release(t.Context(), "payments", "db", "db", recheck) },
		"disown": func(w *Writer) error {
			_, err := w.Disown(t.Context(), "payments", "db", "sync-db", recheck)
			return err
		},
		"hand over": func(w *Writer) error {
			handed, err := w.HandOver(t.Context(), "payments", "db", "db", to, recheck)
			if handed {
				t.Error("the Secret counts as handed over")
			}
			return err
		},
	} {
		before := ownedBy("db", syncNamed("db", "x"))
		w, s := serve(t, before.DeepCopy())
		if err := remove(w); !errors.Is(err, edited) || len(s.sent) > 0 {
			t.Errorf("%s: %v, %d writes", name, err, len(s.sent))
		}
		untouched(t, name, s, before)
	}
}

func TestASecretThatIsAsItWasLeftTakesOneWrite(t *testing.T) {
	w, s := serve(t, secretNamed("db", "uid", "db"))
	desired := wanting()
	desired.Previous = &v1alpha1.SecretStatus{UID: "uid", ResourceVersion: "999", Name: "db", Keys: []string{"password"}, CreationPolicy: v1alpha1.CreationPolicyOwner}
	result, err := applied(t, w, desired)
	if err != nil || result.Outcome != Updated || result.UID != "uid" || result.ResourceVersion != "1000" || result.Former != nil || result.OverriddenManagers != nil {
		t.Errorf("%+v, %v", result, err)
	}
	want := []sent{{Verb: "apply", UID: "uid", ResourceVersion: "999", Manager: "secretsync.dev/db", Force: true}}
	if diff := cmp.Diff(want, s.sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyTheOwnSecretIsDeleted(t *testing.T) {
	for _, owner := range []string{"other", ""} {
		w, s := serve(t, secretNamed("db", "uid", owner))
		if err := deleted(t, w); err != nil || s.secret(t) == nil || len(s.sent) > 0 {
			t.Errorf("of %q: %v, %+v; it is still there: %t", owner, err, s.sent, s.secret(t) != nil)
		}
	}
	w, s := serve(t, secretNamed("db", "uid", "db"))
	if err := deleted(t, w); err != nil || s.secret(t) != nil {
		t.Errorf("its own: %v; it is still there: %t", err, s.secret(t) != nil)
	}
	if err := deleted(t, w); err != nil || len(s.sent) != 1 {
		t.Errorf("one that is gone: %v, %+v", err, s.sent)
	}
}

// TestADeletionIsTriedAgainWhileOthersWrite, three times, and no other refusal is.
func TestADeletionIsTriedAgainWhileOthersWrite(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	for name, test := range map[string]struct {
		refusal error
		tries   int
		reason  string
	}{
		"changed":   {apierrors.NewConflict(secrets, "db", errors.New(quoted)), 3, v1alpha1.ReasonTargetFailed},
		"forbidden": {apierrors.NewForbidden(secrets, "db", errors.New(quoted)), 1, v1alpha1.ReasonTargetForbidden},
		"gone":      {apierrors.NewNotFound(secrets, "db"), 1, ""},
	} {
		w, s := serve(t, secretNamed("db", "uid", "db"))
		s.fails["delete"] = test.refusal
		err := deleted(t, w)
		refused, _ := errors.AsType[*Error](err)
		if len(s.sent) != test.tries || (err != nil) != (test.reason != "") || err != nil && refused.Reason != test.reason {
			t.Errorf("%s: %v after %d tries", name, err, len(s.sent))
		}
	}
}

func TestReleaseTakesOutWhatWasMergedAlone(t *testing.T) {
	w, s := serve(t, host())
	if _, err := applied(t, w, merging()); err != nil {
		t.Fatal(err)
	}
	merged := s.secret(t)
	if len(merged.Data) != 2 || merged.Annotations[v1alpha1.AnnotationOwner] != "" || len(merged.OwnerReferences) > 0 {
		t.Fatalf("merged: %d keys, %v, %v", len(merged.Data), merged.Annotations, merged.OwnerReferences)
	}
	if err := released(t, w); err != nil {
		t.Fatal(err)
	}
	left := s.secret(t)
	if len(left.Data) != 1 || left.Annotations["secretsync.dev/merge-from"] != "db" {
		t.Errorf("left: %d keys, %v", len(left.Data), left.Annotations)
	}
	if string(left.Data["theirs"]) != quoted {
		t.Error("the owner's key has changed")
	}
	s.fails["apply"] = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
	if refused, ok := errors.AsType[*Error](released(t, w)); !ok || refused.Reason != v1alpha1.ReasonTargetForbidden {
		t.Errorf("refused: %v", refused)
	}
	none, empty := serve(t)
	if err := released(t, none); err != nil || len(empty.sent) > 0 {
		t.Errorf("one that is gone: %v, %+v", err, empty.sent)
	}
}

func TestDisownTakesItsOwnReferenceAlone(t *testing.T) {
	w, s := serve(t, ownedBy("db", syncNamed("db", "db")))
	if freed, err := disowned(t, w, "sync-other"); err != nil || freed != (Disowned{}) || len(s.sent) > 0 {
		t.Errorf("another's: %+v, %v, %+v", freed, err, s.sent)
	}
	freed, err := disowned(t, w, "sync-db")
	if err != nil || freed != (Disowned{Before: "999", After: "1000"}) {
		t.Errorf("%+v, %v", freed, err)
	}
	if left := s.secret(t).OwnerReferences; len(left) != 1 || left[0].UID != "x" {
		t.Errorf("owners: %v", left)
	}
	none, _ := serve(t)
	if freed, err := disowned(t, none, "sync-db"); err != nil || freed != (Disowned{}) {
		t.Errorf("one that is gone: %+v, %v", freed, err)
	}
}

// TestHandOver: the Secret is the new owner's with all its values, and the garbage collector goes by the new one.
func TestHandOver(t *testing.T) {
	from, to := syncNamed("db", "x"), syncNamed("to", "db")
	secret := ownedBy("db", from)
	secret.OwnerReferences = append(secret.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "y", UID: "y", Controller: new(false)})
	w, s := serve(t, secret)
	if done, err := handedOver(t, w, to); err != nil || !done {
		t.Fatalf("%v, %v", done, err)
	}
	there := s.secret(t)
	owners := slices.Collect(func(yield func(types.UID) bool) {
		for _, reference := range there.OwnerReferences {
			if !yield(reference.UID) {
				return
			}
		}
	})
	if there.Annotations[v1alpha1.AnnotationOwner] != "to" || !slices.Equal(owners, []types.UID{"x", "y", "sync-to"}) {
		t.Errorf("%v, owners %v", there.Annotations, owners)
	}
	if string(there.Data["password"]) != quoted {
		t.Error("its value has changed")
	}
	if reference := there.OwnerReferences[2]; reference.BlockOwnerDeletion != nil || reference.Controller == nil || !*reference.Controller {
		t.Errorf("%+v", reference)
	}
	if last := s.sent[len(s.sent)-1]; last.Manager != "secretsync.dev/to" {
		t.Errorf("%+v", last)
	}
	to.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	retained, s := serve(t, ownedBy("db", from))
	if done, err := handedOver(t, retained, to); err != nil || !done || len(s.secret(t).OwnerReferences) != 1 {
		t.Errorf("to one that retains: %v, %v, %v", done, err, s.secret(t).OwnerReferences)
	}
}

func TestWhatIsNotHandedOver(t *testing.T) {
	immutable, mutable := true, false
	from, to := syncNamed("db", "x"), syncNamed("to", "db")
	for name, test := range map[string]struct {
		change func(*corev1.Secret)
		want   bool
	}{
		"another's":       {func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationOwner] = "other" }, false},
		"of another type": {func(s *corev1.Secret) { s.Type = corev1.SecretTypeTLS }, false},
		"immutable":       {func(s *corev1.Secret) { s.Immutable = &immutable }, false},
		"mutable":         {func(s *corev1.Secret) { s.Immutable = &mutable }, true},
	} {
		secret := ownedBy("db", from)
		test.change(secret)
		w, s := serve(t, secret)
		if done, err := handedOver(t, w, to); err != nil || done != test.want || done != (len(s.sent) > 0) {
			t.Errorf("%s: %v, %v, %+v", name, done, err, s.sent)
		}
	}
	for _, verb := range []string{"get", "records", "patch"} {
		secret := ownedBy("db", from)
		secret.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "secretsync.dev/db", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1",
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{}}}`)}}
		w, s := serve(t, secret)
		s.fails[verb] = mayNot()
		done, err := handedOver(t, w, to)
		if refused, ok := errors.AsType[*Error](err); !ok || refused.Reason != v1alpha1.ReasonTargetForbidden || done {
			t.Errorf("%s refused: %v, %v", verb, done, err)
		}
	}
	w, s := serve(t)
	if done, err := handedOver(t, w, to); err != nil || done || len(s.sent) > 0 {
		t.Errorf("one that is gone: %v, %v, %+v", done, err, s.sent)
	}
}

// TestWhatTheAPIServerRefusesIsNotTakenForDone, at each request of each operation.
func TestWhatTheAPIServerRefusesIsNotTakenForDone(t *testing.T) {
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
	for _, verb := range []string{"get", "apply", "patch", "delete"} {
		for name, test := range writes(t) {
			w, s := serve(t, test.before.DeepCopy())
			s.fails[verb] = refusal
			err := test.do(w)
			asked := verb == "get" || slices.ContainsFunc(s.sent, func(noted sent) bool { return noted.Verb == verb })
			refused, _ := errors.AsType[*Error](err)
			if asked != (err != nil) || asked && refused.Reason != v1alpha1.ReasonTargetForbidden {
				t.Errorf("%s, %s refused: %v", name, verb, err)
			}
			if asked && (s.Get(t.Context(), client.ObjectKeyFromObject(test.before), &corev1.Secret{}) != nil) {
				t.Errorf("%s, %s refused: the Secret is gone", name, verb)
			}
		}
	}
}
