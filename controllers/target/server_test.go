package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// The operations of a Writer, in one place, as the tests of this file and of writes_test.go call them.
//
// applied looks the Secret up ahead of the write, as the controller does ahead of the values.
func applied(t *testing.T, w *Writer, desired Desired) (Result, error) {
	t.Helper()
	found, err := w.Find(t.Context(), desired.Namespace, desired.Name, desired.Merge)
	if err != nil {
		return Result{}, err
	}
	desired.Found = found
	return w.Apply(t.Context(), desired)
}

func deleted(t *testing.T, w *Writer) error {
	t.Helper()
	return w.Delete(t.Context(), "payments", "db", "db", always)
}

func released(t *testing.T, w *Writer) error {
	t.Helper()
	return w.Release(t.Context(), "payments", "db", "db", always)
}

func disowned(t *testing.T, w *Writer, owner types.UID) (Disowned, error) {
	t.Helper()
	return w.Disown(t.Context(), "payments", "db", owner, always)
}

func handedOver(t *testing.T, w *Writer, to *v1alpha1.SecretSync) (bool, error) {
	t.Helper()
	return w.HandOver(t.Context(), "payments", "db", "db", to, always)
}

// sent is what a write said of the Secret that it was for.
type sent struct {
	Verb, UID, ResourceVersion, Manager string
	Force                               bool
}

// server is an API server with Secrets and SecretSyncs, that notes each write. Once is called before the first write
// that is no create, as if others were quicker.
type server struct {
	client.WithWatch
	sent []sent
	once func()
	// fails answers requests of a verb with an error.
	fails map[string]error
}

// serve starts a server with objects. As the API server does and the fake does not, it refuses an apply to another UID.
func serve(t *testing.T, objects ...client.Object) (*Writer, *server) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	byName := func(object client.Object) []string { return []string{object.GetName()} }
	behind := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithReturnManagedFields().
		WithIndex(&v1alpha1.SecretSync{}, metav1.ObjectNameField, byName).Build()
	s := &server{WithWatch: behind, fails: map[string]error{}}
	through := interceptor.NewClient(behind, interceptor.Funcs{Get: s.get, Create: s.create, Delete: s.delete, Patch: s.patch, List: s.list})
	return &Writer{Client: through, Live: through}, s
}

func (s *server) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := s.fails["get"]; err != nil {
		return err
	}
	return c.Get(ctx, key, object, options...)
}

func (s *server) list(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
	if err := s.fails["list"]; err != nil {
		return err
	}
	return c.List(ctx, list, options...)
}

func (s *server) create(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
	asked := (&client.CreateOptions{}).ApplyOptions(options)
	verb := "create"
	if len(asked.DryRun) > 0 {
		verb = "rehearse"
	}
	s.sent = append(s.sent, sent{Verb: verb, Manager: asked.FieldManager})
	if err := s.fails[verb]; err != nil {
		return err
	}
	if object.GetUID() == "" { // The fake gives none.
		object.SetUID("made")
	}
	return c.Create(ctx, object, options...)
}

func (s *server) delete(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
	asked := (&client.DeleteOptions{}).ApplyOptions(options)
	noted := sent{Verb: "delete"}
	if held := asked.Preconditions; held != nil && held.UID != nil && held.ResourceVersion != nil {
		noted.UID, noted.ResourceVersion = string(*held.UID), *held.ResourceVersion
	}
	if err := s.write(noted); err != nil {
		return err
	}
	return c.Delete(ctx, object, options...)
}

func (s *server) patch(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	body, err := patch.Data(object)
	if err != nil {
		return err
	}
	asked := (&client.PatchOptions{}).ApplyOptions(options)
	noted := sent{Verb: "patch", Manager: asked.FieldManager, Force: asked.Force != nil && *asked.Force}
	switch patch.Type() {
	case types.JSONPatchType: // Of the records of field managers, by csaupgrade.
		noted.Verb = "records"
		var steps []struct{ Path, Value any }
		if err := json.Unmarshal(body, &steps); err != nil {
			return errors.New("a patch is no JSON")
		}
		for _, step := range steps {
			if step.Path == "/metadata/resourceVersion" {
				noted.ResourceVersion = fmt.Sprint(step.Value)
			}
		}
	default:
		var meta struct{ Metadata metav1.ObjectMeta }
		if err := json.Unmarshal(body, &meta); err != nil {
			return errors.New("a patch is no JSON")
		}
		noted.UID, noted.ResourceVersion = string(meta.Metadata.UID), meta.Metadata.ResourceVersion
		if patch.Type() == types.ApplyPatchType {
			noted.Verb = "apply"
		}
	}
	if err := s.write(noted); err != nil {
		return err
	}
	there := &corev1.Secret{}
	if err := s.Get(ctx, client.ObjectKeyFromObject(object), there); err == nil && noted.UID != "" && noted.UID != string(there.UID) {
		return apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, object.GetName(), field.ErrorList{
			field.Invalid(field.NewPath("metadata", "uid"), noted.UID, "field is immutable")})
	}
	return c.Patch(ctx, object, patch, options...)
}

func (s *server) write(noted sent) error {
	if s.once != nil {
		s.once()
		s.once = nil
	}
	s.sent = append(s.sent, noted)
	return s.fails[noted.Verb]
}

// secret is the one that the tests are about, as the server has it.
func (s *server) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	err := s.Get(t.Context(), client.ObjectKey{Namespace: "payments", Name: "db"}, secret)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// verbs are those of the writes, in their order.
func (s *server) verbs() (verbs []string) {
	for _, noted := range s.sent {
		verbs = append(verbs, noted.Verb)
	}
	return verbs
}

// replace puts another Secret of the name in the place of the one that is there.
func (s *server) replace(t *testing.T) {
	t.Helper()
	if err := s.Delete(t.Context(), s.secret(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), secretNamed("db", "another", "")); err != nil {
		t.Fatal(err)
	}
}

func secretNamed(name string, uid types.UID, owner string) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: name, UID: uid}, Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"password": []byte(quoted)}}
	if owner != "" {
		secret.Annotations = map[string]string{v1alpha1.AnnotationOwner: owner}
		secret.Labels = map[string]string{v1alpha1.LabelManaged: "true"}
	}
	return secret
}

// wanting is a Secret as SecretSync db desires it.
func wanting() Desired {
	return Desired{Namespace: "payments", Name: "db", Owner: "db", Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"password": []byte("new-" + quoted)}}
}
