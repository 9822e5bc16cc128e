package target

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
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

// reasonOf is the reason of an error; empty where there is none, or where it is not explained.
func reasonOf(err error) string {
	if explained, ok := errors.AsType[*Error](err); ok {
		return explained.Reason
	}
	return ""
}

func verbsOf(s *server) (verbs []string) {
	for _, noted := range s.sent {
		verbs = append(verbs, noted.Verb)
	}
	return verbs
}

// TestWhatIsRefusedInItselfIsNotWritten, whether there is a Secret of the name or not: to write such a Secret grants more
// than a Secret.
func TestWhatIsRefusedInItselfIsNotWritten(t *testing.T) {
	for name, change := range map[string]func(*Desired){
		"a token of a ServiceAccount": func(d *Desired) { d.Type = corev1.SecretTypeServiceAccountToken },
		"a label of Helm's":           func(d *Desired) { d.Labels = map[string]string{"owner": "helm"} },
		"an annotation of tokens":     func(d *Desired) { d.Annotations = map[string]string{"kubernetes.io/service-account.name": "default"} },
	} {
		desired := wanting()
		change(&desired)
		none, empty := serve(t)
		if _, err := applied(t, none, desired); reasonOf(err) != v1alpha1.ReasonPolicyDenied || len(empty.sent) > 0 {
			t.Errorf("%s: %v, %v", name, err, verbsOf(empty))
		}
		before := secretNamed("db", "uid", "db")
		w, s := serve(t, before.DeepCopy())
		if _, err := applied(t, w, desired); reasonOf(err) != v1alpha1.ReasonPolicyDenied || len(s.sent) > 0 {
			t.Errorf("%s, over one that is there: %v, %v", name, err, verbsOf(s))
		}
		untouched(t, name, s, before)
	}
}

// TestACreateThatIsSaidToMeetASecret: the Secret is read then. If it can't be read or does not exist, nothing counts as
// done. A webhook that gives the same reason refuses the create, and there is no Secret.
func TestACreateThatIsSaidToMeetASecret(t *testing.T) {
	exists := apierrors.NewAlreadyExists(schema.GroupResource{Resource: "secrets"}, "db")
	byWebhook := &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusConflict,
		Reason: metav1.StatusReasonAlreadyExists, Message: `admission webhook "names.example.com" denied the request: ` + quoted}}
	for name, test := range map[string]struct {
		create, get error
		reason      string
		raced       bool
		mention     string
	}{
		"it may not be read": {exists, mayNot(), v1alpha1.ReasonTargetForbidden, false, `Secret "db"`},
		"it is gone by then": {exists, nil, v1alpha1.ReasonTargetFailed, true, `Secret "db" disappeared`},
		"a webhook says so":  {byWebhook, nil, v1alpha1.ReasonAdmissionDenied, false, `"names.example.com"`},
	} {
		w, s := serve(t)
		s.fails["create"], s.fails["get"] = test.create, test.get
		result, err := w.Apply(t.Context(), wanting())
		if reasonOf(err) != test.reason || raced(err) != test.raced || result.Outcome != "" || !strings.Contains(err.Error(), test.mention) || strings.Contains(err.Error(), quoted) {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if verbs := verbsOf(s); !slices.Equal(verbs, []string{"create"}) {
			t.Errorf("%s: %v", name, verbs)
		}
	}
}

// denying is a reader that answers reads of whole Secrets, or else those of metadata, with an error.
type denying struct {
	client.Reader
	whole bool
	err   error
}

func (r denying) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if _, whole := object.(*corev1.Secret); whole == r.whole {
		return r.err
	}
	return r.Reader.Get(ctx, key, object, options...)
}

// TestAReadThatFailsEndsTheWrite, with nothing written, and its cause is the one that is named.
func TestAReadThatFailsEndsTheWrite(t *testing.T) {
	none := apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "db")
	apply := func(w *Writer, desired Desired) error { return secondOf(w.Apply(t.Context(), desired)) }
	inspect := func(w *Writer, desired Desired) error { _, err := w.Inspect(t.Context(), desired); return err }
	for name, test := range map[string]struct {
		// begin gives what is desired, and the server before the reads fail.
		begin func() (*Writer, *server, Desired)
		whole bool
		do    func(*Writer, Desired) error
		gone  string // reason where there is no Secret any more
	}{
		"of the values that are written over": {unlike(t), true, apply, v1alpha1.ReasonTargetFailed},
		"of the values of a host":             {hosted(t), true, apply, v1alpha1.ReasonTargetFailed},
		"of who holds what is dropped":        {func() (*Writer, *server, Desired) { return dropping(t) }, false, apply, v1alpha1.ReasonTargetFailed},
		"of who made one with two owners":     {withTwoOwners(t), false, apply, v1alpha1.ReasonTargetFailed},
		"of the values that are inspected":    {unlike(t), true, inspect, v1alpha1.ReasonTargetFailed},
		"of the host that is inspected":       {hosted(t), false, inspect, v1alpha1.ReasonTargetNotFound},
	} {
		for cause, reason := range map[error]string{mayNot(): v1alpha1.ReasonTargetForbidden, none: test.gone} {
			w, s, desired := test.begin()
			w.Live = denying{w.Live, test.whole, cause}
			err := test.do(w, desired)
			if reasonOf(err) != reason || raced(err) != (reason == v1alpha1.ReasonTargetFailed) || len(s.sent) > 0 {
				t.Errorf("a read %s, %v: %v, %v", name, reason, err, verbsOf(s))
			}
		}
	}
}

// unlike is a Secret of its own that is not as desired, and may have been changed since the last write.
func unlike(t *testing.T) func() (*Writer, *server, Desired) {
	return func() (*Writer, *server, Desired) {
		w, s := serve(t, secretNamed("db", "uid", "db"))
		desired := wanting()
		desired.Found = found(t, w, false)
		return w, s, desired
	}
}

func hosted(t *testing.T) func() (*Writer, *server, Desired) {
	return func() (*Writer, *server, Desired) {
		w, s := serve(t, host())
		desired := merging()
		desired.Found = found(t, w, true)
		return w, s, desired
	}
}

// withTwoOwners is a Secret unchanged since the last write, whose apply the API server refuses for a second controller.
func withTwoOwners(t *testing.T) func() (*Writer, *server, Desired) {
	return func() (*Writer, *server, Desired) {
		w, s, desired := unlike(t)()
		desired.Previous = left(desired.Found, "password")
		second(w)
		return w, s, desired
	}
}

// TestANewSpecThatChangesNothingOfTheSecretIsNotWritten: it is read, as the spec may have dropped a label, and no write
// is spent on finding out.
func TestANewSpecThatChangesNothingOfTheSecretIsNotWritten(t *testing.T) {
	w, s := serve(t)
	if _, err := applied(t, w, wanting()); err != nil {
		t.Fatal(err)
	}
	desired := wanting()
	desired.Generation = 2
	desired.Found = found(t, w, false)
	desired.Previous = left(desired.Found, "password")
	s.sent = nil
	result, err := w.Apply(t.Context(), desired)
	if err != nil || result.Outcome != Unchanged || result.ResourceVersion != desired.Found.ResourceVersion || len(s.sent) > 0 {
		t.Errorf("%+v, %v, %v", result, err, verbsOf(s))
	}
}

// TestAnotherSecretIsNotTakenForTheOneThatWasLeft: one that was restored in another cluster may have the same
// resourceVersion, by chance.
func TestAnotherSecretIsNotTakenForTheOneThatWasLeft(t *testing.T) {
	w, s := serve(t, secretNamed("db", "uid", "db"))
	desired := wanting()
	desired.Found = found(t, w, false)
	desired.Previous = left(desired.Found, "password")
	desired.Previous.UID = "before"
	result, err := w.Apply(t.Context(), desired)
	if err != nil || result.UID != "uid" || result.Former == nil || len(s.sent) == 0 || s.sent[0].Force {
		t.Errorf("%s, UID %q, %v, %+v; with its former content: %t", result.Outcome, result.UID, err, s.sent, result.Former != nil)
	}
}

// idle answers an apply as the API server does one that changes nothing: with the Secret as it is.
func idle(w *Writer) {
	w.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			if patch.Type() != types.ApplyPatchType {
				return c.Patch(ctx, object, patch, options...)
			}
			return c.Get(ctx, client.ObjectKeyFromObject(object), object)
		},
	})
}

// TestAnApplyThatChangesNothingIsNoUpdate, though the record of who holds which field was written just before.
func TestAnApplyThatChangesNothingIsNoUpdate(t *testing.T) {
	for name, begin := range map[string]func() (*Writer, *server, Desired){
		"as it was left":           unlike(t),
		"with records to be moved": func() (*Writer, *server, Desired) { return dropping(t) },
	} {
		w, s, desired := begin()
		desired.Previous = left(desired.Found, "former", "password")
		idle(w)
		there := func() string { return s.secret(t).ResourceVersion }
		result, err := w.Apply(t.Context(), desired)
		if err != nil || result.Outcome != Unchanged || result.ResourceVersion != there() || result.UID != desired.Found.UID || result.OverriddenManagers != nil {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

// TestItsOwnCreateIsNoOtherManager: to the API server, its create and its apply are two field managers.
func TestItsOwnCreateIsNoOtherManager(t *testing.T) {
	w, s := serve(t)
	made, err := applied(t, w, wanting())
	if err != nil {
		t.Fatal(err)
	}
	labelled := s.secret(t)
	labelled.Labels["theirs"] = "x"
	if err := s.Update(t.Context(), labelled, client.FieldOwner("kubectl-label")); err != nil {
		t.Fatal(err)
	}
	desired := wanting()
	desired.Data["password"] = []byte("newer-" + quoted)
	desired.Previous = left(State{UID: made.UID, ResourceVersion: made.ResourceVersion}, "password")
	result, err := applied(t, w, desired)
	if err != nil || result.Outcome != Updated || result.OverriddenManagers != nil {
		t.Errorf("%+v, %v", result, err)
	}
	if string(s.secret(t).Data["password"]) != "newer-"+quoted {
		t.Error("the key does not have its new value")
	}
}

// TestWhatASecretHeldBeforeItWasMadeAgainComesWithTheResult: the Secret that is made has it no more.
func TestWhatASecretHeldBeforeItWasMadeAgainComesWithTheResult(t *testing.T) {
	w, s := serve(t, secretNamed("db", "uid", "db"))
	s.fails["apply"] = invalidAt(field.Invalid(field.NewPath("type"), quoted, "field is immutable"))
	s.fails["rehearse"] = apierrors.NewAlreadyExists(schema.GroupResource{Resource: "secrets"}, "db")
	desired := wanting()
	desired.Recreate = true
	result, err := applied(t, w, desired)
	if err != nil || result.UID != "made" || result.Former == nil {
		t.Fatalf("%s, UID %q, %v; with its former content: %t", result.Outcome, result.UID, err, result.Former != nil)
	}
	if string(result.Former.Values["password"]) != quoted {
		t.Error("the former content does not have the former value")
	}
}
