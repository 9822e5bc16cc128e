package target

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// mergedInto is a host into which a key was merged, and what gives the key another value. Edit changes the host in
// between.
func mergedInto(t *testing.T, edit func(*corev1.Secret)) (*Writer, *server, Desired) {
	t.Helper()
	w, s := serve(t, host())
	made, err := applied(t, w, merging())
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edited := s.secret(t)
		edit(edited)
		if err := s.Update(t.Context(), edited, client.FieldOwner("kubectl-edit")); err != nil {
			t.Fatal(err)
		}
	}
	desired := merging()
	desired.Data["password"] = []byte("newer-" + quoted)
	desired.Previous = left(State{UID: made.UID, ResourceVersion: made.ResourceVersion}, "password")
	desired.Previous.CreationPolicy = v1alpha1.CreationPolicyMerge
	desired.Found = found(t, w, true)
	s.sent = nil
	return w, s, desired
}

// TestAMergedKeyThatOthersHaveEditedIsRestored, and their field manager is named. Nothing else in the host changes.
func TestAMergedKeyThatOthersHaveEditedIsRestored(t *testing.T) {
	w, s, desired := mergedInto(t, func(secret *corev1.Secret) { secret.Data["password"] = []byte("theirs") })
	result, err := w.Apply(t.Context(), desired)
	if err != nil || result.Outcome != Updated || !slices.Equal(result.OverriddenManagers, []string{"kubectl-edit"}) {
		t.Errorf("%+v, %v", result, err)
	}
	data := s.secret(t).Data
	if len(data) != 2 {
		t.Errorf("%d keys", len(data))
	}
	if string(data["password"]) != "newer-"+quoted {
		t.Error("the merged key is not restored")
	}
	if string(data["theirs"]) != quoted {
		t.Error("the owner's key has changed")
	}
}

// TestAKeyThatAnotherSecretSyncHoldsTooStaysAsItIs, though the host is just as it was left: force would take the key
// from it.
func TestAKeyThatAnotherSecretSyncHoldsTooStaysAsItIs(t *testing.T) {
	before := host()
	before.Data["password"] = []byte(quoted)
	for _, manager := range []string{"secretsync.dev/db", "secretsync.dev/other"} {
		before.ManagedFields = append(before.ManagedFields, metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply,
			APIVersion: "v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{}}}`)})
	}
	w, s := serve(t, before.DeepCopy())
	desired := merging()
	desired.Found = found(t, w, true)
	desired.Previous = left(desired.Found, "password")
	result, err := w.Apply(t.Context(), desired)
	if reasonOf(err) != v1alpha1.ReasonTargetConflict || !strings.Contains(err.Error(), `key "password" of Secret "db" is written by SecretSync "other"`) || result.UID != "" {
		t.Errorf("%+v, %v", result, err)
	}
	if len(s.sent) != 1 || s.sent[0].Force {
		t.Errorf("%+v", s.sent)
	}
	untouched(t, "held by two", s, before)
}

// TestEachOverriddenManagerIsNamedOnce, in an order that does not change with that of the conflicts.
func TestEachOverriddenManagerIsNamedOnce(t *testing.T) {
	var conflicts []conflict
	for _, manager := range []string{"helm", "edit", "secretsync.dev/db", "helm", "edit"} {
		conflicts = append(conflicts, conflict{manager: manager})
	}
	if got := othersOf(conflicts, "secretsync.dev/db"); !slices.Equal(got, []string{"edit", "helm"}) {
		t.Errorf("%v", got)
	}
}

func TestAMissingHostIsNamed(t *testing.T) {
	if err := missing(Desired{Name: "app"}); !strings.Contains(err.Error(), `Secret "app" does not exist`) {
		t.Error(err)
	}
}
