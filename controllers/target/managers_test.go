package target

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// recordedBy is a Secret of SecretSync db with two keys, which it holds by an operation.
func recordedBy(operation metav1.ManagedFieldsOperationType) *corev1.Secret {
	secret := secretNamed("db", "uid", "db")
	secret.Data["former"] = []byte(quoted)
	secret.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "secretsync.dev/db", Operation: operation, APIVersion: "v1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{},"f:former":{}}}`)}} // The API server would sort them.
	return secret
}

// TestARecordOfAnApplyIsLeftAsItIs: a key can be dropped without changing the record.
func TestARecordOfAnApplyIsLeftAsItIs(t *testing.T) {
	for operation, want := range map[metav1.ManagedFieldsOperationType][]string{
		metav1.ManagedFieldsOperationUpdate: {"records", "apply"},
		metav1.ManagedFieldsOperationApply:  {"apply"},
	} {
		w, s := serve(t, recordedBy(operation))
		desired := wanting()
		desired.Found = found(t, w, false)
		desired.Previous = left(desired.Found, "former", "password")
		if _, err := w.Apply(t.Context(), desired); err != nil || !slices.Equal(verbsOf(s), want) || len(s.secret(t).Data) != 1 {
			t.Errorf("%s: %v, %v, %d keys", operation, err, verbsOf(s), len(s.secret(t).Data))
		}
	}
}

// TestASecretWithAnotherControllerIsNotTakenByForce, where our own record does not keep a former owner.
func TestASecretWithAnotherControllerIsNotTakenByForce(t *testing.T) {
	before := recordedBy(metav1.ManagedFieldsOperationApply)
	w, s := serve(t, before.DeepCopy())
	second(w)
	desired := wanting()
	desired.Data["former"] = []byte(quoted)
	desired.Found = found(t, w, false)
	desired.Previous = left(desired.Found, "former", "password")
	result, err := w.Apply(t.Context(), desired)
	if reasonOf(err) != v1alpha1.ReasonTargetConflict || !strings.Contains(err.Error(), "another controller") || result.UID != "" || len(s.sent) > 0 {
		t.Errorf("%+v, %v, %v", result, err, verbsOf(s))
	}
	untouched(t, "another controller", s, before)
}

// unreadable is a reader that can't decode the records of field managers.
type unreadable struct{ client.Reader }

func (u unreadable) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := u.Reader.Get(ctx, key, object, options...)
	for n := range object.GetManagedFields() {
		object.GetManagedFields()[n].FieldsV1 = metav1.NewFieldsV1(`{`)
	}
	return err
}

// TestRecordsThatAreNotUnderstoodEndTheWrite: an apply would not remove a key, and report that it did. The record of an
// apply need not be understood, as only the API server uses it.
func TestRecordsThatAreNotUnderstoodEndTheWrite(t *testing.T) {
	for operation, want := range map[metav1.ManagedFieldsOperationType]struct {
		reason string
		keys   int
	}{
		metav1.ManagedFieldsOperationUpdate: {v1alpha1.ReasonTargetFailed, 2},
		metav1.ManagedFieldsOperationApply:  {"", 1},
	} {
		w, s := serve(t, recordedBy(operation))
		desired := wanting()
		desired.Found = found(t, w, false)
		desired.Previous = left(desired.Found, "former", "password")
		w.Live = unreadable{w.Live}
		result, err := w.Apply(t.Context(), desired)
		if (err != nil) != (want.reason != "") || reasonOf(err) != want.reason || (result.UID == "") != (err != nil) ||
			len(s.secret(t).Data) != want.keys || err != nil && len(s.sent) > 0 {
			t.Errorf("%s: %+v, %v, %v, %d keys", operation, result, err, verbsOf(s), len(s.secret(t).Data))
		}
	}
}
