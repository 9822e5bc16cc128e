package target

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestWhichKeysAreHandedOver(t *testing.T) {
	for annotation, want := range map[string][]string{
		"":                           nil,
		"db/password":                {"password"},
		"db/a,db/b.c  other/d, db/e": {"a", "b.c", "e"},
		"other/password":             nil,
		"db":                         nil,
		"db/":                        nil,
		"/password":                  nil,
		"*/password":                 nil,
		"db/a/b":                     {"a/b"}, // No key has a slash.
		"db/password" + strings.Repeat(",", AnnotationMost): nil,
	} {
		if got := keysHandedOver(map[string]string{v1alpha1.AnnotationHandOver: annotation}, "db").keys; !slices.Equal(got, want) {
			t.Errorf("%.40q hands over %q, want %q", annotation, got, want)
		}
	}
}

// TestAKeyOfAnotherManagerIsTakenOnlyIfItIsHandedOver, whether its value is the desired one or another.
func TestAKeyOfAnotherManagerIsTakenOnlyIfItIsHandedOver(t *testing.T) {
	for annotation, handed := range map[string]bool{"": false, "other/password": false, "db/theirs": false, "db/password": true} {
		for _, value := range []string{quoted, "another"} {
			before := host()
			before.Annotations[v1alpha1.AnnotationHandOver] = annotation
			before.Data["password"] = []byte(value)
			before.ManagedFields = []metav1.ManagedFieldsEntry{recordOf("external-secrets", "password")}
			w, s := serve(t, before.DeepCopy())
			desired := merging()
			desired.Found = found(t, w, true)
			if _, err := w.Inspect(t.Context(), desired); (err == nil) != handed {
				t.Errorf("%q: inspecting gives %v", annotation, err)
			}
			_, err := w.Apply(t.Context(), desired)
			if !handed {
				if reasonOf(err) != v1alpha1.ReasonTargetConflict || !strings.Contains(err.Error(), "add db/password to the Secret's annotation "+v1alpha1.AnnotationHandOver) {
					t.Errorf("%q: %v", annotation, err)
				}
				untouched(t, annotation, s, before)
				continue
			}
			if data := s.secret(t).Data; err != nil || string(data["password"]) != string(desired.Data["password"]) {
				t.Errorf("%q: %v", annotation, err)
			}
		}
	}
}

// TestAKeyOfAnotherSecretSyncIsNotHandedOver, also if another manager holds it too, and whatever its value is.
func TestAKeyOfAnotherSecretSyncIsNotHandedOver(t *testing.T) {
	for _, managers := range [][]string{{FieldOwner("other")}, {"flux", FieldOwner("other")}} {
		for _, value := range []string{quoted, "another"} {
			before := host()
			before.Annotations[v1alpha1.AnnotationHandOver] = "db/password"
			before.Data["password"] = []byte(value)
			for _, manager := range managers {
				before.ManagedFields = append(before.ManagedFields, recordOf(manager, "password"))
			}
			w, s := serve(t, before.DeepCopy())
			desired := merging()
			desired.Found = found(t, w, true)
			if _, err := w.Apply(t.Context(), desired); reasonOf(err) != v1alpha1.ReasonTargetConflict || !strings.Contains(err.Error(), `SecretSync "other"`) {
				t.Errorf("%s: %v", managers, err)
			}
			untouched(t, "of another SecretSync", s, before)
		}
	}
}

func TestOneCommandHandsAllKeysOver(t *testing.T) {
	desired := Desired{Namespace: "argocd", Name: "argocd-secret", Owner: "oidc", Merge: true}
	conflicts := []conflict{{"helm", ".data.b"}, {"argocd", ".data.b"}, {"helm", ".data.c"}}
	for annotated, want := range map[bool]string{
		false: `key "b" of Secret "argocd-secret" belongs to field manager "helm": choose another key, or hand over by "kubectl annotate secret argocd-secret -n argocd secretsync.dev/hand-over=oidc/b,oidc/c"`,
		true:  `key "b" of Secret "argocd-secret" belongs to field manager "helm": choose another key, or add oidc/b,oidc/c to the Secret's annotation secretsync.dev/hand-over, after a comma, which hands over what it names`,
	} {
		err := refusable(desired, keyHandOver{annotated: annotated}, conflicts)
		if refused, ok := errors.AsType[*Error](err); !ok || refused.Message != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestAKeyIsHandedBackAfterItsWriteWasLost: status does not have the key, and the field manager does.
func TestAKeyIsHandedBackAfterItsWriteWasLost(t *testing.T) {
	handed := keysHandedOver(map[string]string{v1alpha1.AnnotationHandOver: "db/token,db/password"}, "db")
	desired := merging()
	secret := host()
	secret.ManagedFields = []metav1.ManagedFieldsEntry{recordOf(FieldOwner("db"), "password", "token")}
	if !dropsHandedOver(desired, handed, secret) {
		t.Error("a key that is held, handed over and not desired is not noticed")
	}
	secret.ManagedFields = []metav1.ManagedFieldsEntry{recordOf(FieldOwner("db"), "password"), recordOf("flux", "token")}
	if dropsHandedOver(desired, handed, secret) {
		t.Error("a key of another manager is given back")
	}
}

func TestRecordsLoseTheKeysThatAreHandedBack(t *testing.T) {
	own := FieldOwner("db")
	records := []metav1.ManagedFieldsEntry{recordOf(own, "a", "b"), recordOf("external-secrets", "a")}
	left, changed := withoutKeys(records, own, []string{"a", "c"})
	if !changed || !slices.Equal(holdersOf(left, "a"), []string{"external-secrets", handedBack}) || !slices.Equal(holdersOf(left, "b"), []string{own}) {
		t.Errorf("%v: %v", changed, left)
	}
	more, _ := withoutKeys(left, own, []string{"b"})
	if len(more) != 3 || !slices.Equal(holdersOf(more, "b"), []string{handedBack}) || !slices.Equal(holdersOf(more, "a"), []string{"external-secrets", handedBack}) {
		t.Errorf("%v", more)
	}
	if !slices.Equal(holdersOf(records, "a"), []string{own, "external-secrets"}) {
		t.Error("the records given have changed")
	}
	if _, changed := withoutKeys(records, own, []string{"c"}); changed {
		t.Error("a key that is not held changes something")
	}
}

// recordOf is the record of a field manager that holds keys.
func recordOf(manager string, keys ...string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: corev1.SchemeGroupVersion.String(), FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:` + strings.Join(keys, `":{},"f:`) + `":{}}}`)}
}
