package target

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func always(context.Context) error { return nil }

// found is what is found of a Secret before the values for it are read.
func found(t *testing.T, w *Writer, merge bool) State {
	t.Helper()
	state, err := w.Find(t.Context(), "payments", "db", merge)
	if err != nil || !state.Exists {
		t.Fatal(state, err)
	}
	return state
}

// TestFind: the cache has the Secrets that a SecretSync has written, but perhaps not the one to merge into.
func TestFind(t *testing.T) {
	for name, test := range map[string]struct{ unknown, merge, want bool }{
		"its own":                            {false, false, true},
		"its own, which the cache lacks":     {true, false, false},
		"a host":                             {false, true, true},
		"a host that is not merged into yet": {true, true, true},
	} {
		w, s := serve(t, secretNamed("db", "uid", "db"))
		if w.Live = nil; test.unknown { // Where the cache knows the Secret, nothing else is asked.
			w.Client, w.Live = blind{w.Client}, w.Client
		}
		state, err := w.Find(t.Context(), "payments", "db", test.merge)
		if err != nil || state.Exists != test.want || test.want != (state.UID == "uid") || test.want != (state.ResourceVersion == s.secret(t).ResourceVersion) {
			t.Errorf("%s: %+v, %v", name, state, err)
		}
	}
	w, s := serve(t, secretNamed("db", "uid", "db"))
	other, _ := serve(t, secretNamed("db", "uid", "db"))
	s.fails["get"] = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
	for name, refused := range map[string]*Writer{"by the cache": {Client: w.Client, Live: other.Live}, "by the API server": {Client: blind{other.Client}, Live: w.Live}} {
		if _, err := refused.Find(t.Context(), "payments", "db", true); err == nil {
			t.Errorf("a read that is refused %s is no error", name)
		}
	}
}

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

// writtenBy has another process write the Secret.
func writtenBy(t *testing.T, s *server, value string) {
	t.Helper()
	secret := s.secret(t)
	secret.Data["password"] = []byte(value)
	if err := s.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
}

// TestWhatWasWrittenSinceIsNotWrittenOver, neither a write before Apply nor one during it.
func TestWhatWasWrittenSinceIsNotWrittenOver(t *testing.T) {
	for name, asLeft := range map[string]bool{"as it was left": true, "edited before": false} {
		for when, underWay := range map[string]bool{"before": false, "meanwhile": true} {
			w, s := serve(t, secretNamed("db", "uid", "db"))
			desired := wanted(found(t, w, false), asLeft)
			other := func() { writtenBy(t, s, "v3") }
			if s.once = other; !underWay {
				s.once = nil
				other()
			}
			if _, err := w.Apply(t.Context(), desired); !raced(err) {
				t.Errorf("%s, %s: %v", name, when, err)
			}
			if value := string(s.secret(t).Data["password"]); value != "v3" || len(s.sent) > 1 || len(s.sent) > 0 && !underWay && !asLeft {
				t.Errorf("%s, %s: the Secret has %s after %d writes", name, when, value, len(s.sent))
			}
		}
	}
	w, s := serve(t, secretNamed("db", "uid", "db"))
	if _, err := w.Apply(t.Context(), wanted(State{}, false)); !raced(err) {
		t.Errorf("a Secret that did not exist at Find: %v", err)
	}
	if string(s.secret(t).Data["password"]) != quoted {
		t.Error("a Secret that did not exist at Find is overwritten")
	}
}

// TestASecretIsReplacedOnlyInTheStateThatWasJudged: another process may have replaced it already.
func TestASecretIsReplacedOnlyInTheStateThatWasJudged(t *testing.T) {
	w, server := fixed(t, nil, nil)
	desired := recreating()
	desired.Found.ResourceVersion = "998"
	desired.Previous = &v1alpha1.SecretStatus{Name: "db", UID: "uid", ResourceVersion: "998", Keys: []string{"password"}}
	if _, err := w.Apply(t.Context(), desired); !raced(err) {
		t.Error(err)
	}
	if _, exists := dataOf(t, server); !exists {
		t.Error("a Secret that was written since was deleted")
	}
}
