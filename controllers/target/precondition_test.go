package target

import (
	"context"
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// condition is the precondition that a write was sent with.
type condition struct{ UID, ResourceVersion string }

// recorded is a Writer before an API server with one Secret, and the preconditions of all that it has sent. before is
// called ahead of each write; nil does nothing.
type recorded struct {
	*Writer
	server client.WithWatch
	before func()
	sent   []condition
}

func newRecorded(t *testing.T, owner string) *recorded {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	r := &recorded{server: fake.NewClientBuilder().WithScheme(scheme).WithReturnManagedFields().WithObjects(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", UID: "uid", Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}},
		Data:       map[string][]byte{"password": []byte("v1")},
	}).Build()}
	note := func(sent condition) {
		r.sent = append(r.sent, sent)
		if r.before != nil {
			r.before()
		}
	}
	through := interceptor.NewClient(r.server, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			var body struct{ Metadata condition }
			if data, err := patch.Data(object); err == nil && patch.Type() == types.ApplyPatchType {
				if err := json.Unmarshal(data, &body); err != nil {
					t.Error("a patch is no JSON")
				}
				note(body.Metadata)
			}
			return c.Patch(ctx, object, patch, options...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			var sent condition
			if asked := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions; asked != nil && asked.UID != nil && asked.ResourceVersion != nil {
				sent = condition{string(*asked.UID), *asked.ResourceVersion}
			}
			note(sent)
			return c.Delete(ctx, object, options...)
		},
	})
	r.Writer = &Writer{Client: through, Live: r.server}
	return r
}

func (r *recorded) now(t *testing.T) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{}
	if err := r.server.Get(t.Context(), client.ObjectKey{Namespace: "payments", Name: "db"}, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// write has another process write the Secret.
func (r *recorded) write(t *testing.T, value string) {
	t.Helper()
	secret := r.now(t)
	secret.Data["password"] = []byte(value)
	if err := r.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// found is what was found of the Secret.
func (r *recorded) found(t *testing.T) State {
	t.Helper()
	state, err := r.Find(t.Context(), "payments", "db", false)
	if err != nil || !state.Exists {
		t.Fatal(state, err)
	}
	return state
}

func always(context.Context) error { return nil }

// wanted is the Secret with version 2, as it is to replace what was found; asLeft by the SecretSync itself, or not.
func wanted(found State, asLeft bool) Desired {
	desired := Desired{Namespace: "payments", Name: "db", Owner: "db", Type: corev1.SecretTypeOpaque, Generation: 1, Found: found,
		Data:     map[string][]byte{"password": []byte("v2")},
		Previous: &v1alpha1.SecretStatus{Name: "db", UID: found.UID, ResourceVersion: "1", Generation: 1, Keys: []string{"password"}}}
	if asLeft {
		desired.Previous.ResourceVersion = found.ResourceVersion
	}
	return desired
}

// TestEachWriteHasAPrecondition: the UID and the resourceVersion of what was found, on the first try and on each other.
func TestEachWriteHasAPrecondition(t *testing.T) {
	for name, write := range map[string]func(r *recorded) error{
		"a Secret as it was left": func(r *recorded) error { _, err := r.Apply(t.Context(), wanted(r.found(t), true)); return err },
		"an edited Secret":        func(r *recorded) error { _, err := r.Apply(t.Context(), wanted(r.found(t), false)); return err },
		"a merge": func(r *recorded) error {
			desired := wanted(r.found(t), true)
			desired.Merge, r.MergeWithoutConsent = true, true
			_, err := r.Apply(t.Context(), desired)
			return err
		},
		"keys taken out": func(r *recorded) error { return r.Release(t.Context(), "payments", "db", "db", always) },
		"a deletion":     func(r *recorded) error { return r.Delete(t.Context(), "payments", "db", "db", always) },
	} {
		r := newRecorded(t, "db")
		want := condition{"uid", r.now(t).ResourceVersion}
		if err := write(r); err != nil || len(r.sent) == 0 {
			t.Errorf("%s: %d writes: %v", name, len(r.sent), err)
		}
		for _, sent := range r.sent {
			if sent != want {
				t.Errorf("%s: the precondition is %+v, want %+v", name, sent, want)
			}
		}
	}
}

// TestWhatWasWrittenSinceIsNotWrittenOver, whenever that was: before the write is asked for, or while it is under way.
func TestWhatWasWrittenSinceIsNotWrittenOver(t *testing.T) {
	for name, asLeft := range map[string]bool{"as it was left": true, "edited before": false} {
		for when, underWay := range map[string]bool{"before": false, "meanwhile": true} {
			r := newRecorded(t, "db")
			desired := wanted(r.found(t), asLeft)
			other := func() { r.before = nil; r.write(t, "v3") }
			if r.before = other; !underWay {
				other()
			}
			if _, err := r.Apply(t.Context(), desired); !raced(err) {
				t.Errorf("%s, %s: %v", name, when, err)
			}
			if value := string(r.now(t).Data["password"]); value != "v3" {
				t.Errorf("%s, %s: the Secret has %s", name, when, value)
			}
		}
	}
	r := newRecorded(t, "db")
	if _, err := r.Apply(t.Context(), wanted(State{}, false)); !raced(err) || string(r.now(t).Data["password"]) != "v1" {
		t.Errorf("a Secret that was not there when it was looked for: %v", err)
	}
}

// TestOnlyTheOwnSecretIsDeleted, and not one that is no longer as it was judged, nor after the SecretSync has changed.
func TestOnlyTheOwnSecretIsDeleted(t *testing.T) {
	r := newRecorded(t, "other")
	if err := r.Delete(t.Context(), "payments", "db", "db", always); err != nil || len(r.sent) > 0 {
		t.Errorf("a Secret of another SecretSync: %d requests, %v", len(r.sent), err)
	}
	r.now(t)

	r = newRecorded(t, "db")
	r.before = func() { r.write(t, "v3") }
	if err := r.Delete(t.Context(), "payments", "db", "db", always); !raced(err) || len(r.sent) != removalTries {
		t.Errorf("a Secret that changes each time: %d tries, %v", len(r.sent), err)
	}
	r.now(t)

	edited := func(context.Context) error { return context.Canceled }
	for name, remove := range map[string]func(r *recorded) error{
		"delete":  func(r *recorded) error { return r.Delete(t.Context(), "payments", "db", "db", edited) },
		"release": func(r *recorded) error { return r.Release(t.Context(), "payments", "db", "db", edited) },
	} {
		r = newRecorded(t, "db")
		if err := remove(r); err == nil || len(r.sent) > 0 {
			t.Errorf("%s after the SecretSync has changed: %d requests, %v", name, len(r.sent), err)
		}
		r.now(t)
	}
}

// TestASecretIsReplacedOnlyInTheStateThatWasJudged: another process may have replaced it already.
func TestASecretIsReplacedOnlyInTheStateThatWasJudged(t *testing.T) {
	w, server := fixed(t, nil, nil)
	desired := anew()
	desired.Found.ResourceVersion = "998"
	desired.Previous = &v1alpha1.SecretStatus{Name: "db", UID: "uid", ResourceVersion: "998", Keys: []string{"password"}}
	if _, err := w.Apply(t.Context(), desired); !raced(err) {
		t.Error(err)
	}
	if _, exists := dataOf(t, server); !exists {
		t.Error("a Secret that was written since was deleted")
	}
}
