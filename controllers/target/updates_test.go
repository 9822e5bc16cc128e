package target

import (
	"context"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func mayNot() error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
}

// left is what status says of a Secret after a write of these keys.
func left(state State, keys ...string) *v1alpha1.SecretStatus {
	return &v1alpha1.SecretStatus{Name: "db", UID: state.UID, ResourceVersion: state.ResourceVersion, Keys: keys, CreationPolicy: v1alpha1.CreationPolicyOwner}
}

// TestAnUnchangedSecretIsNotRead: a write of it costs one request.
func TestAnUnchangedSecretIsNotRead(t *testing.T) {
	for name, test := range map[string]struct {
		there   *corev1.Secret
		desired Desired
	}{
		"its own":     {secretNamed("db", "uid", "db"), wanting()},
		"merged into": {host(), merging()},
	} {
		w, s := serve(t, test.there)
		desired := test.desired
		desired.Found = found(t, w, desired.Merge)
		desired.Previous = left(desired.Found, "password")
		s.fails["get"] = mayNot()
		if result, err := w.Apply(t.Context(), desired); err != nil || result.Outcome != Updated || len(s.sent) != 1 {
			t.Errorf("%s: %+v, %v, %d writes", name, result, err, len(s.sent))
		}
	}
}

// TestWhatIsAsDesiredIsNotWritten, though the Secret is not as it was left: others add what is no field of ours.
func TestWhatIsAsDesiredIsNotWritten(t *testing.T) {
	w, s := serve(t)
	desired := wanting()
	if _, err := applied(t, w, desired); err != nil {
		t.Fatal(err)
	}
	desired.Found = found(t, w, false)
	desired.Previous = left(desired.Found, "password")
	secret := s.secret(t)
	secret.Data["theirs"] = []byte(quoted)
	if err := s.Update(t.Context(), secret, client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
	result, err := applied(t, w, desired)
	if err != nil || result.Outcome != Unchanged || result.ResourceVersion != s.secret(t).ResourceVersion || len(s.sent) != 1 {
		t.Errorf("%+v, %v, %+v", result, err, s.sent)
	}
}

// TestWhenAHostIsChecked: before a key is merged into it for the first time.
func TestWhenAHostIsChecked(t *testing.T) {
	state := State{Exists: true, UID: "uid"}
	for name, test := range map[string]struct {
		merge    bool
		previous *v1alpha1.SecretStatus
		want     bool
	}{
		"its own":                 {false, nil, true},
		"never merged":            {true, nil, false},
		"all keys are there":      {true, left(state, "password"), true},
		"a key is new":            {true, left(state, "user"), false},
		"it is another Secret":    {true, left(State{UID: "another"}, "password"), false},
		"another, and it is ours": {false, left(State{UID: "another"}), true},
	} {
		desired := wanting()
		desired.Merge, desired.Previous = test.merge, test.previous
		if mergedBefore(desired, state) != test.want {
			t.Errorf("%s: judged before is %v", name, !test.want)
		}
	}
	labelled := secretNamed("db", "uid", "db")
	labelled.Labels["owner"] = "helm"
	own, _ := serve(t, labelled)
	if result, err := applied(t, own, wanting()); err != nil || result.Outcome != Updated {
		t.Errorf("its own, which another has labelled: %+v, %v", result, err)
	}
	w, s := serve(t, host())
	desired := merging()
	desired.Data["theirs"] = []byte(quoted)
	desired.Previous = left(found(t, w, true), "password")
	if refused, ok := errors.AsType[*Error](secondOf(applied(t, w, desired))); !ok || refused.Reason != v1alpha1.ReasonTargetConflict || len(s.sent) > 0 {
		t.Errorf("a key of the host's owner, which is new to the spec: %v, %d writes", refused, len(s.sent))
	}
}

// dropping is a Secret with two keys, as the SecretSync has created it, and what no longer wants one of them.
func dropping(t *testing.T) (*Writer, *server, Desired) {
	t.Helper()
	w, s := serve(t)
	desired := wanting()
	desired.Data["former"] = []byte(quoted)
	if _, err := applied(t, w, desired); err != nil {
		t.Fatal(err)
	}
	delete(desired.Data, "former")
	desired.Found = found(t, w, false)
	desired.Previous = left(desired.Found, "former", "password")
	s.sent = nil
	return w, s, desired
}

// TestAKeyIsDroppedWithTheRecordOfItsCreate, each write in the state that the one before has left.
func TestAKeyIsDroppedWithTheRecordOfItsCreate(t *testing.T) {
	w, s, desired := dropping(t)
	result, err := w.Apply(t.Context(), desired)
	want := []sent{{Verb: "records", ResourceVersion: "1"}, {Verb: "apply", UID: desired.Found.UID, ResourceVersion: "2", Manager: "secretsync.dev/db", Force: true}}
	if err != nil || result.Outcome != Updated || !slices.Equal(s.sent, want) || len(s.secret(t).Data) != 1 {
		t.Errorf("%+v, %v, %+v, %d keys", result, err, s.sent, len(s.secret(t).Data))
	}
}

// TestARefusalReturnsTheResourceVersionOfTheRecords: otherwise the next reconcile would take the Secret for edited by
// others.
func TestARefusalReturnsTheResourceVersionOfTheRecords(t *testing.T) {
	for name, test := range map[string]struct {
		refused string
		asLeft  bool
		want    string // resourceVersion
	}{
		"the values are refused":             {"apply", true, "2"},
		"the records are refused":            {"records", true, ""},
		"the values of one edited by others": {"apply", false, ""},
	} {
		w, s, desired := dropping(t)
		if !test.asLeft {
			desired.Previous.ResourceVersion = "0"
		}
		s.fails[test.refused] = mayNot()
		result, err := w.Apply(t.Context(), desired)
		refused, _ := errors.AsType[*Error](err)
		if err == nil || refused.Reason != v1alpha1.ReasonTargetForbidden || result.ResourceVersion != test.want || (result.UID == desired.Found.UID) != (test.want != "") {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	w, s := serve(t, secretNamed("db", "uid", "db"))
	desired := wanting()
	desired.Found = found(t, w, false)
	desired.Previous, s.fails["apply"] = left(desired.Found, "password"), mayNot()
	if result, err := w.Apply(t.Context(), desired); err == nil || result.UID != "" || result.ResourceVersion != "" {
		t.Errorf("no records were written: %+v, %v", result, err)
	}
	w, s = serve(t, host())
	s.fails["apply"] = mayNot()
	if refused, ok := errors.AsType[*Error](secondOf(applied(t, w, merging()))); !ok || refused.KeyConflict || refused.ConflictingSecret != (State{}) {
		t.Errorf("no key is in the way: %+v", refused)
	}
}

// TestFieldManagersAreReadFromTheSameSecret, in the state that was checked.
func TestFieldManagersAreReadFromTheSameSecret(t *testing.T) {
	w, s := serve(t, secretNamed("db", "uid", "db"))
	for name, test := range map[string]struct {
		state State
		raced bool
	}{
		"as it was judged":  {State{UID: "uid", ResourceVersion: "999"}, false},
		"written since":     {State{UID: "uid", ResourceVersion: "998"}, true},
		"replaced":          {State{UID: "other", ResourceVersion: "999"}, true},
		"replaced, written": {State{UID: "other", ResourceVersion: "998"}, true},
	} {
		held, err := w.managers(t.Context(), wanting(), test.state)
		if raced(err) != test.raced || test.raced == (err == nil) || (held == nil) != test.raced {
			t.Errorf("%s: %v", name, err)
		}
		secret, err := w.read(t.Context(), wanting(), test.state)
		if raced(err) != test.raced || test.raced == (err == nil) || (secret == nil) != test.raced {
			t.Errorf("%s, with its values: %v", name, err)
		}
	}
	s.fails["get"] = mayNot()
	if _, err := w.managers(t.Context(), wanting(), State{UID: "uid", ResourceVersion: "999"}); !apierrors.IsForbidden(err) {
		t.Errorf("a read that is refused: %v", err)
	}
	none, _ := serve(t)
	if _, err := none.managers(t.Context(), wanting(), State{UID: "uid", ResourceVersion: "999"}); !raced(err) {
		t.Errorf("one that is gone: %v", err)
	}
}

// second refuses the first apply, as the API server does where the record of a create keeps a former controller.
func second(w *Writer) {
	refused := false
	w.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if patch.Type() == types.ApplyPatchType && !refused {
				refused = true
				return invalidAt(field.Invalid(field.NewPath("metadata", "ownerReferences"), quoted, "Only one reference can have Controller set to true"))
			}
			return c.Patch(ctx, object, patch, options...)
		},
	})
}

// TestASecretOfAFormerSecretSyncOfTheNameIsInherited, and one with another controller is not.
func TestASecretOfAFormerSecretSyncOfTheNameIsInherited(t *testing.T) {
	before := secretNamed("db", "uid", "db")
	before.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "secretsync.dev/db", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1",
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{}}}`)}}
	desired := wanting()
	desired.Previous = left(State{UID: "uid", ResourceVersion: "998"}, "password")
	w, s := serve(t, before.DeepCopy())
	second(w)
	result, err := applied(t, w, desired)
	want := []sent{{Verb: "records", ResourceVersion: "999"}, {Verb: "apply", UID: "uid", ResourceVersion: "1000", Manager: "secretsync.dev/db", Force: true}}
	if err != nil || result.Outcome != Updated || !slices.Equal(s.sent, want) {
		t.Errorf("%+v, %v, %+v", result, err, s.sent)
	}

	for name, test := range map[string]struct{ maker, refused string }{
		"made by another":         {"kubectl", ""},
		"the records are refused": {"secretsync.dev/db", "records"},
	} {
		there := before.DeepCopy()
		there.ManagedFields[0].Manager = test.maker
		w, s := serve(t, there.DeepCopy())
		s.fails[test.refused] = mayNot()
		second(w)
		result, err := applied(t, w, desired)
		if err == nil || result.UID != "" || slices.ContainsFunc(s.sent, func(noted sent) bool { return noted.Verb == "apply" }) {
			t.Errorf("%s: %+v, %v, %+v", name, result, err, s.sent)
		}
		untouched(t, name, s, there)
	}
}
