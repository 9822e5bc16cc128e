package target

import (
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
		if got := keysHandedOver(map[string]string{v1alpha1.AnnotationHandOver: annotation}, "db"); !slices.Equal(got, want) {
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
				if reasonOf(err) != v1alpha1.ReasonTargetConflict || !strings.Contains(err.Error(), v1alpha1.AnnotationHandOver+"=db/password") {
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

// TestAKeyOfAnotherSecretSyncIsNotHandedOver: it is taken out of that SecretSync.
func TestAKeyOfAnotherSecretSyncIsNotHandedOver(t *testing.T) {
	before := host()
	before.Annotations[v1alpha1.AnnotationHandOver] = "db/password"
	before.Data["password"] = []byte(quoted)
	before.ManagedFields = []metav1.ManagedFieldsEntry{recordOf(FieldOwner("other"), "password")}
	w, s := serve(t, before.DeepCopy())
	desired := merging()
	desired.Found = found(t, w, true)
	if _, err := w.Apply(t.Context(), desired); reasonOf(err) != v1alpha1.ReasonTargetConflict {
		t.Errorf("%v", err)
	}
	untouched(t, "of another SecretSync", s, before)
}

func TestRecordsLoseTheKeysThatAreHandedBack(t *testing.T) {
	own := FieldOwner("db")
	records := []metav1.ManagedFieldsEntry{recordOf(own, "a", "b"), recordOf("external-secrets", "a")}
	left, changed := withoutKeys(records, own, []string{"a", "c"})
	if !changed || !slices.Equal(holdersOf(left, "a"), []string{"external-secrets"}) || !slices.Equal(holdersOf(left, "b"), []string{own}) {
		t.Errorf("%v: %v", changed, left)
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
