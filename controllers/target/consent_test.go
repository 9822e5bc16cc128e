package target

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestWhoMayMerge(t *testing.T) {
	for annotation, want := range map[string]bool{
		"": false, "db": true, "*": true, "other": false, "other,db": true, "other, db": true, " db ": true, "other,*": true,
		strings.Repeat("x", AnnotationMost-len(",db")) + ",db": true, strings.Repeat("x", AnnotationMost-len("db")) + ",db": false,
		"db2": false, "d": false, "*b": false, "other;db": false, strings.Repeat("x,", AnnotationMost) + "db": false,
	} {
		if allows(annotation, "db") != want {
			t.Errorf("%.40q allows it: %v", annotation, !want)
		}
	}
}

// TestNothingIsMergedUnasked: without the owner's consent nothing is written, and the error says how to give it.
func TestNothingIsMergedUnasked(t *testing.T) {
	for name, test := range map[string]struct {
		annotation string
		merged     bool // before
		without    bool
		mention    string // empty where it is merged
	}{
		"no word":                           {"", false, false, `"kubectl annotate secret db -n payments secretsync.dev/merge-from=guest" allows it`},
		"another's word":                    {"other", false, false, "add guest to its annotation secretsync.dev/merge-from"},
		"no word, and merged before":        {"", true, false, "kubectl annotate"},
		"its word":                          {"guest", false, false, ""},
		"no word, where none is called for": {"", false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := secretNamed("db", "uid", "host")
			if test.annotation != "" {
				before.Annotations[v1alpha1.AnnotationMergeFrom] = test.annotation
			}
			w, s := serve(t, before.DeepCopy())
			w.MergeWithoutConsent = test.without
			desired := Desired{Namespace: "payments", Name: "db", Owner: "guest", Merge: true, Found: found(t, w, true), Data: map[string][]byte{"key": []byte(quoted)},
				Labels: map[string]string{"team": "mallory"}, Annotations: map[string]string{"note": "mallory"}}
			if test.merged {
				desired.Previous = &v1alpha1.SecretStatus{Name: "db", UID: "uid", ResourceVersion: desired.Found.ResourceVersion, Keys: []string{"key"}}
			}
			_, inspected := w.Inspect(t.Context(), desired)
			_, err := w.Apply(t.Context(), desired)
			if test.mention == "" {
				isMerged(t, s.secret(t), errors.Join(inspected, err))
				return
			}
			isRefused(t, err, test.mention)
			if untouched(t, name, s, before); inspected == nil || len(s.sent) > 0 {
				t.Errorf("inspected: %v, %d requests", inspected, len(s.sent))
			}
		})
	}
}

func isRefused(t *testing.T, err error, mention string) {
	t.Helper()
	refused, ok := errors.AsType[*Error](err)
	if !ok || refused.Reason != v1alpha1.ReasonMergeNotAllowed || refused.Transient || !strings.Contains(refused.Message, mention) ||
		!refused.KeyConflict || refused.ConflictingSecret.UID != "uid" {
		t.Errorf("refused with %+v, %v", refused, err)
	}
}

// isMerged wants the key alone to have come, and the host's owner to have stayed.
func isMerged(t *testing.T, now *corev1.Secret, err error) {
	t.Helper()
	if err != nil || string(now.Data["key"]) != quoted || now.Labels["team"] != "" || now.Annotations["note"] != "" || now.Annotations[v1alpha1.AnnotationOwner] != "host" {
		t.Errorf("%v: labels %v, annotations %v", err, now.Labels, now.Annotations)
	}
}
