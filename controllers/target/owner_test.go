package target

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestWhoseASecretIs(t *testing.T) {
	owned := &v1alpha1.SecretStatus{UID: "uid", CreationPolicy: v1alpha1.CreationPolicyOwner}
	merged := &v1alpha1.SecretStatus{UID: "uid", CreationPolicy: v1alpha1.CreationPolicyMerge}
	for name, test := range map[string]struct {
		previous *v1alpha1.SecretStatus // nil where nothing was ever written.
		state    State
		want     bool
	}{
		"its name is on it":                          {nil, State{UID: "uid", Owner: "db"}, true},
		"another's name is on it":                    {owned, State{UID: "uid", Owner: "other"}, false},
		"no name, and never written":                 {nil, State{UID: "uid"}, false},
		"no name, and the very Secret written":       {owned, State{UID: "uid"}, true},
		"no name, and another Secret of that name":   {owned, State{UID: "another"}, false},
		"no name, and only merged into":              {merged, State{UID: "uid"}, false},
		"its name is on it after it was merged into": {merged, State{UID: "uid", Owner: "db"}, true},
	} {
		if got := ours(Desired{Owner: "db", Previous: test.previous}, test.state); got != test.want {
			t.Errorf("%s: ours is %v", name, got)
		}
	}
}

func TestFieldManagersOfLongNames(t *testing.T) {
	long := strings.Repeat("x", 252)
	first, second := FieldOwner(long+"1"), FieldOwner(long+"2")
	if first == second {
		t.Error("two SecretSyncs have one field manager")
	}
	if first != FieldOwner(long+"1") || len(first) > fieldOwnerMost || len(first) != len(second) {
		t.Errorf("two long names have the field managers %q and %q", first, second)
	}
	if got := FieldOwner("db"); got != "secretsync.dev/db" || ownerOfManager(got) != "db" {
		t.Errorf("the field manager of db is %q, that of SecretSync %q", got, ownerOfManager(got))
	}
	for length, whole := range map[int]bool{113: true, 114: false} {
		name := strings.Repeat("x", length)
		if got := FieldOwner(name); len(got) != fieldOwnerMost || ownerOfManager(got) == "" || (ownerOfManager(got) == name) != whole {
			t.Errorf("%q has the field manager %q, that of SecretSync %q", name, got, ownerOfManager(got))
		}
	}
}

func TestAnotherControllerIsAConflict(t *testing.T) {
	refusal := invalidAt(field.Invalid(field.NewPath("metadata", "ownerReferences"), quoted, "only one"))
	if !secondController(refusal) {
		t.Error("a second controller is taken for another refusal")
	}
	if secondController(nil) {
		t.Error("no error is taken for a second controller")
	}
	if secondController(invalidAt(field.Invalid(field.NewPath("type"), "", ""))) {
		t.Error("another refusal is taken for a second controller")
	}
	var got *Error
	if err := explain(refusal, reading("payments", "db")); !errors.As(err, &got) || got.Reason != v1alpha1.ReasonTargetConflict ||
		got.Transient || !strings.Contains(got.Message, "another controller") || strings.Contains(got.Message, quoted) {
		t.Errorf("explained as %v", err)
	}
}

func TestRacesAreTransientToo(t *testing.T) {
	if err, ok := errors.AsType[*Error](gone("db")); !ok || !err.Raced || !err.Transient {
		t.Errorf("a Secret that disappeared: %v", err)
	}
	collected := apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "db")
	if err, ok := errors.AsType[*Error](explain(collected, reading("payments", "db"))); !ok || !err.Raced || !err.Transient {
		t.Errorf("a Secret that was garbage-collected between a read and a patch: %v", err)
	}
	replaced := invalidAt(field.Invalid(field.NewPath("metadata", "uid"), quoted, ""))
	if err, ok := errors.AsType[*Error](explain(replaced, reading("payments", "db"))); !ok || !err.Raced || !err.Transient {
		t.Errorf("a Secret that was replaced: %v", err)
	}
	if got, want := explain(gone("db"), reading("", "")), gone("db"); got.Error() != want.Error() {
		t.Errorf("explained twice: %v", got)
	}
}
