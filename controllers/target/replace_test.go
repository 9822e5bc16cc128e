package target

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// fixed is a Writer before an API server with one immutable Secret, which calls onDelete before a delete and
// gives creates, whether rehearsed or not, that answer.
func fixed(t *testing.T, onDelete func(), refusal error) (*Writer, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	server := fake.NewClientBuilder().WithScheme(scheme).WithObjects(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "payments", Name: "db", UID: "uid", Annotations: map[string]string{v1alpha1.AnnotationOwner: "db"}}}).Build()
	secrets := schema.GroupResource{Resource: "secrets"}
	through := interceptor.NewClient(server, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db", field.ErrorList{
				field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set")})
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if onDelete != nil {
				onDelete()
			}
			return c.Delete(ctx, object, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			asked := (&client.CreateOptions{}).ApplyOptions(options)
			switch {
			case ctx.Err() != nil: // The fake does not look.
				return ctx.Err()
			case refusal != nil:
				return refusal
			case len(asked.DryRun) > 0: // As the API server answers once admission has let it pass.
				return apierrors.NewAlreadyExists(secrets, object.GetName())
			}
			return c.Create(ctx, object, options...)
		},
	})
	return &Writer{Client: through, Live: server}, server
}

func recreating() Desired {
	return Desired{Found: State{Exists: true, UID: "uid", ResourceVersion: "999", Owner: "db"},
		Namespace: "payments", Name: "db", Owner: "db", Immutable: true, Recreate: true, Data: map[string][]byte{"password": []byte(quoted)}}
}

func dataOf(t *testing.T, server client.Client) (data map[string][]byte, exists bool) {
	t.Helper()
	secret := &corev1.Secret{}
	err := server.Get(t.Context(), client.ObjectKey{Namespace: "payments", Name: "db"}, secret)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return secret.Data, err == nil
}

func TestASecretIsNotDeletedForOneThatWouldBeRefused(t *testing.T) {
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New("exceeded quota"))
	w, server := fixed(t, nil, refusal)
	_, err := w.Apply(t.Context(), recreating())
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Reason != v1alpha1.ReasonTargetForbidden {
		t.Errorf("got %v", err)
	}
	if _, exists := dataOf(t, server); !exists {
		t.Error("the Secret is gone")
	}
}

func TestAStopDoesNotComeBetweenDeletingAndMakingAnew(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	w, server := fixed(t, stop, nil)
	result, err := w.Apply(ctx, recreating())
	if err != nil || result.Outcome != Updated {
		t.Errorf("%v, %v", result, err)
	}
	if ctx.Err() == nil {
		t.Error("the context has not ended")
	}
	if data, exists := dataOf(t, server); !exists || len(data) != 1 {
		t.Errorf("there is a Secret: %v, with %d keys", exists, len(data))
	}
}

// recreated is a Secret that may be deleted and made again, before a server that refuses to change it and gives these
// answers besides.
func recreated(t *testing.T, fails map[string]error) (*Writer, *server, Desired) {
	t.Helper()
	w, s := serve(t, secretNamed("db", "uid", "db"))
	s.fails["apply"] = invalidAt(field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set"))
	maps.Copy(s.fails, fails)
	desired := wanting()
	desired.Recreate = true
	return w, s, desired
}

// TestAReplacementEndsWithTheFirstRefusal, and a Secret that is missing by then is not said to be written.
func TestAReplacementEndsWithTheFirstRefusal(t *testing.T) {
	there := apierrors.NewAlreadyExists(schema.GroupResource{Resource: "secrets"}, "db")
	for name, test := range map[string]struct {
		fails map[string]error
		want  []string
		stays bool
	}{
		"no write is allowed":           {map[string]error{"apply": mayNot()}, []string{"apply"}, true},
		"the labels are not valid":      {map[string]error{"apply": invalidAt(field.Invalid(field.NewPath("metadata", "labels"), quoted, ""))}, []string{"apply"}, true},
		"a rehearsal shows a refusal":   {map[string]error{"rehearse": mayNot()}, []string{"apply", "rehearse"}, true},
		"it must not be deleted":        {map[string]error{"rehearse": there, "delete": mayNot()}, []string{"apply", "rehearse", "delete"}, true},
		"it must no longer be created":  {map[string]error{"rehearse": there, "create": mayNot()}, []string{"apply", "rehearse", "delete", "create"}, false},
		"the server fails at the start": {map[string]error{"apply": apierrors.NewInternalError(errors.New(quoted))}, []string{"apply"}, true},
	} {
		w, s, desired := recreated(t, test.fails)
		result, err := applied(t, w, desired)
		if refused, ok := errors.AsType[*Error](err); !ok || strings.Contains(refused.Message, quoted) || result.Outcome != "" || result.UID != "" {
			t.Errorf("%s: %+v, %v", name, result.Outcome, err)
		}
		if verbs := s.verbs(); !slices.Equal(verbs, test.want) || (s.secret(t) != nil) != test.stays {
			t.Errorf("%s: %v, and a Secret is there: %v", name, verbs, s.secret(t) != nil)
		}
	}
}

// TestASecretThatIsDeletedBeforeItsReplacement: there is nothing to delete, and the dry run finds none.
func TestASecretThatIsDeletedBeforeItsReplacement(t *testing.T) {
	w, s, desired := recreated(t, nil)
	s.once = func() {
		if err := s.Delete(t.Context(), s.secret(t)); err != nil {
			t.Error(err)
		}
	}
	result, err := applied(t, w, desired)
	if err != nil || result.Outcome != Updated || result.UID != "made" || s.secret(t) == nil {
		t.Errorf("%s, UID %q, %v; there is a Secret: %t", result.Outcome, result.UID, err, s.secret(t) != nil)
	}
}

// TestWhatMayBeDeletedToBeMadeAgain: a Secret of the SecretSync's own alone, for what Kubernetes does not let change.
func TestWhatMayBeDeletedToBeMadeAgain(t *testing.T) {
	immutable := &Error{Reason: v1alpha1.ReasonTargetImmutable}
	for name, test := range map[string]struct {
		desired Desired
		err     error
		want    bool
	}{
		"one that can't change":           {Desired{Recreate: true}, immutable, true},
		"one that is not to be replaced":  {Desired{}, immutable, false},
		"one of another owner":            {Desired{Recreate: true, Merge: true}, immutable, false},
		"one that is refused otherwise":   {Desired{Recreate: true}, &Error{Reason: v1alpha1.ReasonTargetForbidden}, false},
		"one whose write has not ended":   {Desired{Recreate: true}, context.Canceled, false},
		"one that was written as desired": {Desired{Recreate: true}, nil, false},
	} {
		if got := replaceable(test.desired, test.err); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
