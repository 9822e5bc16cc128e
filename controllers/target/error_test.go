package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const quoted = "hunter2-quoted"

func invalidAt(fields ...*field.Error) error {
	return apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db", fields)
}

func TestWhatTheAPIServerRefusesIsExplained(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	going := apierrors.NewForbidden(secrets, "db", errors.New("namespace is being terminated"))
	going.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, test := range map[string]struct {
		err       error
		reason    string
		transient bool
		mentions  string
	}{
		"a Role that is missing":      {apierrors.NewForbidden(secrets, "db", errors.New(quoted)), v1alpha1.ReasonTargetForbidden, true, "Role"},
		"a request that is too large": {apierrors.NewRequestEntityTooLargeError(quoted), v1alpha1.ReasonTargetTooLarge, false, "1 MiB"},
		"a change at the same time":   {apierrors.NewConflict(secrets, "db", errors.New(quoted)), v1alpha1.ReasonTargetFailed, true, "trying again"},
		"a server in trouble":         {apierrors.NewInternalError(errors.New(quoted)), v1alpha1.ReasonTargetFailed, true, "InternalError"},
		"another Secret of the name":  {invalidAt(field.Invalid(field.NewPath("metadata", "uid"), quoted, "")), v1alpha1.ReasonTargetFailed, true, "replaced"},
		"another type":                {invalidAt(field.Invalid(field.NewPath("type"), quoted, "field is immutable")), v1alpha1.ReasonTargetImmutable, false, "change its type"},
		"an immutable Secret":         {invalidAt(field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set")), v1alpha1.ReasonTargetImmutable, false, "marked immutable"},
		"data that is too long":       {invalidAt(field.TooLong(field.NewPath("data"), quoted, 1)), v1alpha1.ReasonTargetTooLarge, false, "1 MiB"},
		"a mark that is taken off":    {invalidAt(field.Forbidden(field.NewPath("immutable"), "field is immutable when `immutable` is set")), v1alpha1.ReasonTargetImmutable, false, "marked immutable"},
		"data that is not valid":      {invalidAt(field.Invalid(field.NewPath("data"), quoted, "")), v1alpha1.ReasonInvalidValue, false, "at data:"},
		"an answer without details":   {&apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonInvalid}}, v1alpha1.ReasonInvalidValue, false, "invalid:"},
		"no answer":                   {errors.New(quoted), v1alpha1.ReasonTargetFailed, true, `could not update Secret "db" (it gave no answer)`},
		"a key that is not valid":     {invalidAt(field.Invalid(field.NewPath("data[a b]"), quoted, "")), v1alpha1.ReasonInvalidValue, false, "data[a b]"},
	} {
		t.Run(name, func(t *testing.T) {
			var got *Error
			if err := explain(test.err, updating(Desired{Namespace: "payments", Name: "db"})); !errors.As(err, &got) {
				t.Fatalf("explained as %v", err)
			}
			if got.Reason != test.reason || got.Transient != test.transient || got.Terminating || !strings.Contains(got.Message, test.mentions) {
				t.Errorf("explained as %+v", got)
			}
			if strings.Contains(got.Error(), quoted) {
				t.Error("the explanation quotes what was sent")
			}
		})
	}
	var got *Error
	if err := explain(going, reading("payments", "db")); !errors.As(err, &got) || !got.Terminating || got.Transient ||
		got.Reason != v1alpha1.ReasonTargetFailed || !strings.Contains(got.Message, `namespace "payments"`) {
		t.Errorf("a namespace that goes is explained as %v", err)
	}
}

// TestTheEndOfAContextIsNoRefusal: the API server has not answered.
func TestTheEndOfAContextIsNoRefusal(t *testing.T) {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		met := fmt.Errorf("patching: %w", end)
		if err := explain(met, reading("payments", "db")); !errors.Is(err, met) {
			t.Errorf("%v is explained as %v", end, err)
		}
	}
}

// TestWhatIsRefusedAtSeveralFields is explained by the first field that has an explanation. A cause at one field does not
// explain another field.
func TestWhatIsRefusedAtSeveralFields(t *testing.T) {
	data, labels, name := field.NewPath("data"), field.NewPath("metadata", "labels"), field.NewPath("metadata", "name")
	immutable, long := field.Forbidden(data, "field is immutable when `immutable` is set"), field.TooLong(data, quoted, 1)
	for about, test := range map[string]struct {
		err      error
		reason   string
		mentions string
	}{
		"labels of an immutable Secret":           {invalidAt(field.Invalid(labels, quoted, ""), immutable), v1alpha1.ReasonInvalidValue, "the labels"},
		"labels of a Secret that is too long":     {invalidAt(field.Invalid(labels, quoted, ""), long), v1alpha1.ReasonInvalidValue, "the labels"},
		"too long, and another field immutable":   {invalidAt(long, field.Forbidden(name, "field is immutable")), v1alpha1.ReasonTargetTooLarge, "1 MiB"},
		"not valid, and another field immutable":  {invalidAt(field.Invalid(data, quoted, ""), field.Forbidden(name, "field is immutable")), v1alpha1.ReasonInvalidValue, "at data, metadata.name:"},
		"not valid, and another field too long":   {invalidAt(field.Invalid(data, quoted, ""), field.TooLong(name, quoted, 1)), v1alpha1.ReasonInvalidValue, "at data, metadata.name:"},
		"immutable, and longer than it was to be": {invalidAt(immutable, long), v1alpha1.ReasonTargetImmutable, "marked immutable"},
	} {
		got, ok := errors.AsType[*Error](explain(test.err, updating(wanting())))
		if !ok || got.Reason != test.reason || got.Transient || !strings.Contains(got.Message, test.mentions) || strings.Contains(got.Message, quoted) {
			t.Errorf("%s: explained as %+v", about, got)
		}
	}
}

// TestOnlyAnInvalidFieldMeansASecondController: other answers name the field too.
func TestOnlyAnInvalidFieldMeansASecondController(t *testing.T) {
	for reason, want := range map[metav1.StatusReason]bool{metav1.StatusReasonInvalid: true, metav1.StatusReasonConflict: false, metav1.StatusReasonForbidden: false} {
		err := &apierrors.StatusError{ErrStatus: metav1.Status{Reason: reason, Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Field: ownerReferences}}}}}
		if secondController(err) != want {
			t.Errorf("%s says that there is a second controller: %v", reason, !want)
		}
	}
}

func conflicts(managers map[string]string) error {
	err := apierrors.NewApplyConflict(nil, "conflicts")
	for at, manager := range managers {
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
			Type: metav1.CauseTypeFieldManagerConflict, Field: at, Message: `conflict with "` + manager + `" using v1`})
	}
	return err
}

func TestConflictsNameWhoHoldsTheField(t *testing.T) {
	found := conflictsOf(conflicts(map[string]string{".data.a": "kubectl-edit", ".data.b": "kubectl-edit", ".data.c": FieldOwner("db")}))
	if len(found) != 3 {
		t.Fatalf("%d conflicts", len(found))
	}
	if others := othersOf(found, FieldOwner("db")); len(others) != 1 || others[0] != "kubectl-edit" {
		t.Errorf("others: %v", others)
	}
	if conflictsOf(errors.New("x")) != nil {
		t.Error("any error is a conflict")
	}
}

func TestWhatMayBeTakenByForce(t *testing.T) {
	merged := Desired{Name: "app", Owner: "db", Merge: true, Previous: &v1alpha1.SecretStatus{Name: "app", Keys: []string{"ours"}}}
	for name, test := range map[string]struct {
		desired  Desired
		field    string
		manager  string
		mentions string // Empty where force is allowed.
	}{
		"any field of our own Secret":                  {Desired{Name: "app", Owner: "db"}, ".data.a", "kubectl-edit", ""},
		"a merged key that we have written":            {merged, ".data.ours", "kubectl-edit", ""},
		"a merged key that was there":                  {merged, ".data.theirs", "helm", `belongs to field manager "helm"`},
		"a merged key of another SecretSync":           {merged, ".data.ours", FieldOwner("other"), `SecretSync "other"`},
		"a merged key that our own create had written": {merged, ".data.theirs", FieldOwner("db"), ""},
	} {
		err := refusable(test.desired, keyHandOver{}, []conflict{{manager: test.manager, field: test.field}})
		if (err == nil) != (test.mentions == "") || err != nil && !strings.Contains(err.Error(), test.mentions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatAnUpdateMayDrop(t *testing.T) {
	previous := &v1alpha1.SecretStatus{Keys: []string{"a", "b"}, Generation: 3}
	both := map[string][]byte{"a": nil, "b": nil}
	for name, test := range map[string]struct {
		desired Desired
		want    bool
	}{
		"new values":                  {Desired{Previous: previous, Generation: 3, Data: both}, false},
		"one key less":                {Desired{Previous: previous, Generation: 3, Data: map[string][]byte{"a": nil}}, true},
		"names of labels from values": {Desired{Previous: previous, Generation: 3, Data: both, MetadataFromValues: true}, true},
		"an edited spec":              {Desired{Previous: previous, Generation: 4, Data: both}, true},
		"no former write":             {Desired{Data: both}, true},
		"one key besides":             {Desired{Previous: previous, Generation: 3, Data: map[string][]byte{"a": nil, "b": nil, "c": nil}}, false},
	} {
		if got := drops(test.desired); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFieldOwnersFit(t *testing.T) {
	if got := FieldOwner("db"); got != "secretsync.dev/db" || ownerOfManager(got) != "db" {
		t.Errorf("the field owner is %s, that of SecretSync %q", got, ownerOfManager(got))
	}
	if got := FieldOwner(strings.Repeat("a", 253)); len(got) != 128 {
		t.Errorf("a long name's field owner has %d characters", len(got))
	}
	if got := ownerOfManager("kubectl"); got != "" {
		t.Errorf("kubectl is the SecretSync %q", got)
	}
}
