package target

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestInspect(t *testing.T) {
	tokenHost := host()
	tokenHost.Type = corev1.SecretTypeServiceAccountToken
	helm := host()
	helm.Labels = map[string]string{"owner": "helm"}
	withType := wanting()
	withType.Type = corev1.SecretTypeServiceAccountToken
	for name, test := range map[string]struct {
		there   *corev1.Secret
		desired Desired
		reason  string
		exists  bool
		keys    []string
		compare []string
	}{
		"its own":                   {secretNamed("db", "uid", "db"), wanting(), "", true, []string{"password"}, []string{"password"}},
		"another's":                 {secretNamed("db", "uid", "other"), wanting(), "", true, []string{"password"}, nil},
		"none":                      {nil, wanting(), "", false, nil, nil},
		"one to merge into":         {host(), merging(), "", true, []string{"theirs"}, nil},
		"none to merge into":        {nil, merging(), v1alpha1.ReasonTargetNotFound, false, nil, nil},
		"a token to merge into":     {tokenHost, merging(), v1alpha1.ReasonPolicyDenied, false, nil, nil},
		"a release of Helm":         {helm, merging(), v1alpha1.ReasonPolicyDenied, false, nil, nil},
		"what is refused in itself": {nil, withType, v1alpha1.ReasonPolicyDenied, false, nil, nil},
	} {
		var objects []client.Object
		if test.there != nil {
			objects = append(objects, test.there)
		}
		w, s := serve(t, objects...)
		found, err := w.Inspect(t.Context(), test.desired)
		refused, _ := errors.AsType[*Error](err)
		if (err != nil) != (test.reason != "") || err != nil && refused.Reason != test.reason {
			t.Errorf("%s: %v", name, err)
		}
		if found.Exists != test.exists || found.Exists && found.UID != "uid" || !slices.Equal(found.Keys, test.keys) ||
			!slices.Equal(slices.Sorted(maps.Keys(found.Values)), test.compare) || len(s.sent) > 0 {
			t.Errorf("%s: %+v, keys %v, to compare %v", name, found.State, found.Keys, slices.Sorted(maps.Keys(found.Values)))
		}
	}
	for _, verb := range []string{"get"} {
		w, s := serve(t, secretNamed("db", "uid", "db"))
		s.fails[verb] = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
		if _, err := w.Inspect(t.Context(), wanting()); err == nil {
			t.Error("a read that is refused is no error")
		}
	}
}

// changing is a reader before which the Secret is another one, or none, each time that its values are read.
type changing struct {
	client.Reader
	uid string
}

func (c changing) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	secret, whole := object.(*corev1.Secret)
	if whole && c.uid == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	err := c.Reader.Get(ctx, key, object, options...)
	if whole {
		secret.UID = "another"
	}
	return err
}

// TestValuesOfASecretThatHasTakenTheNameAreNotUsed: neither compared, nor shown to be as desired.
func TestValuesOfASecretThatHasTakenTheNameAreNotUsed(t *testing.T) {
	for _, uid := range []string{"another", ""} {
		w, s := serve(t, secretNamed("db", "uid", "db"))
		w.Live = changing{w.Live, uid}
		if found, err := w.Inspect(t.Context(), wanting()); !raced(err) || found.Values != nil {
			t.Errorf("inspecting, UID %q: %v, %d values", uid, err, len(found.Values))
		}
		if _, err := applied(t, w, wanting()); !raced(err) || len(s.sent) > 0 {
			t.Errorf("writing, UID %q: %v, %+v", uid, err, s.sent)
		}
	}
}

// TestAnApplyHasAllThatIsOurs, and of a Secret that it merges into the keys alone.
func TestAnApplyHasAllThatIsOurs(t *testing.T) {
	reference := OwnerReference(syncNamed("db", "db"))
	for name, merge := range map[string]bool{"its own": false, "merging": true} {
		w, _ := serve(t, map[bool]*corev1.Secret{false: secretNamed("db", "uid", "db"), true: host()}[merge])
		var bodies []corev1.Secret
		w.Client = interceptor.NewClient(w.Client.(client.WithWatch), interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
				body, err := patch.Data(object)
				if err != nil {
					return err
				}
				var sent corev1.Secret
				if err := json.Unmarshal(body, &sent); err != nil {
					return errors.New("no Secret is applied")
				}
				bodies = append(bodies, sent)
				return c.Patch(ctx, object, patch, options...)
			},
		})
		desired := wanting()
		desired.Merge, desired.Immutable, desired.OwnerReference = merge, true, &reference
		desired.Annotations = map[string]string{"note": "x"}
		if _, err := applied(t, w, desired); err != nil {
			t.Fatal(err)
		}
		want := corev1.Secret{Data: desired.Data}
		if !merge {
			reference.BlockOwnerDeletion = nil
			want.Type, want.Immutable, want.OwnerReferences = desired.Type, &desired.Immutable, []metav1.OwnerReference{reference}
			want.Annotations = map[string]string{"note": "x", v1alpha1.AnnotationOwner: "db"}
		}
		for _, sent := range bodies {
			got := corev1.Secret{Data: sent.Data, Type: sent.Type, Immutable: sent.Immutable}
			got.OwnerReferences, got.Annotations = sent.OwnerReferences, sent.Annotations
			if !reflect.DeepEqual(want, got) {
				t.Errorf("%s: type %q, immutable %v, %d keys, %+v", name, sent.Type, sent.Immutable != nil, len(sent.Data), sent.ObjectMeta)
			}
		}
	}
}

// TestTheHolderOfASecretIsLookedForInItsNamespace: a SecretSync of that name in another namespace gives nothing up.
func TestTheHolderOfASecretIsLookedForInItsNamespace(t *testing.T) {
	theirs, ours, other, own := exchanging()
	other.Namespace = "elsewhere"
	w, s := serve(t, theirs.DeepCopy(), ours, other, own)
	if _, err := applied(t, w, wanting()); err == nil || raced(err) {
		t.Errorf("got %v", err)
	}
	untouched(t, "held by one of another namespace", s, theirs)
}

func TestWhatIsKnownOfASecret(t *testing.T) {
	secret := ownedBy("db", syncNamed("db", "db"))
	w, s := serve(t, secret)
	state, err := w.Current(t.Context(), "payments", "db")
	if want := (State{Exists: true, UID: "uid", ResourceVersion: "999", Owner: "db", Controller: "sync-db"}); err != nil || state != want {
		t.Errorf("%+v, %v", state, err)
	}
	if !Ours(wanting(), state) {
		t.Error("its own Secret is not its own")
	}
	if Ours(wanting(), State{Exists: true, Owner: "other"}) {
		t.Error("another's Secret is its own")
	}
	values, err := w.Values(t.Context(), "payments", "db")
	if err != nil || string(values["password"]) != quoted {
		t.Errorf("its values: %d, %v", len(values), err)
	}
	if values, err := w.Values(t.Context(), "payments", "none"); err != nil || values != nil {
		t.Errorf("of none: %d, %v", len(values), err)
	}
	s.fails["get"] = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "db", errors.New(quoted))
	if _, err := w.Values(t.Context(), "payments", "db"); reasonOf(err) != v1alpha1.ReasonTargetForbidden {
		t.Errorf("a read that is refused: %v", err)
	}
}

// TestWhatASecretHeldBeforeComesWithTheResult, be it written or found to be as desired.
func TestWhatASecretHeldBeforeComesWithTheResult(t *testing.T) {
	w, s := serve(t, secretNamed("db", "uid", "db"))
	result, err := applied(t, w, wanting())
	if err != nil || result.Former == nil {
		t.Fatalf("written: %s, %v; with its former content: %t", result.Outcome, err, result.Former != nil)
	}
	if string(result.Former.Values["password"]) != quoted {
		t.Error("written: the former content does not have the former value")
	}
	result, err = applied(t, w, wanting())
	if err != nil || result.Outcome != Unchanged || result.UID != "uid" || result.ResourceVersion != s.secret(t).ResourceVersion || result.Former == nil {
		t.Errorf("as desired: %s, UID %q at %s, %v; with its former content: %t", result.Outcome, result.UID, result.ResourceVersion, err, result.Former != nil)
	}
}
