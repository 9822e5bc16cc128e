package assemble

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
)

// TestMakeRefuses: what must be so of the keys, by the reason of the refusal.
func TestMakeRefuses(t *testing.T) {
	basic := v1alpha1.SecretTarget{Type: string(corev1.SecretTypeBasicAuth)}
	merged := v1alpha1.SecretTarget{Type: string(corev1.SecretTypeBasicAuth), CreationPolicy: v1alpha1.CreationPolicyMerge}
	for name, test := range map[string]struct {
		value  string
		change func(*v1alpha1.SecretSync)
		want   string
	}{
		"nothing":           {`{"a":"1"}`, func(*v1alpha1.SecretSync) {}, ""},
		"no value":          {``, func(*v1alpha1.SecretSync) {}, v1alpha1.ReasonInvalidValue},
		"the type":          {`{"a":"1"}`, func(s *v1alpha1.SecretSync) { s.Spec.Target = basic }, v1alpha1.ReasonInvalidValue},
		"no type of others": {`{"a":"1"}`, func(s *v1alpha1.SecretSync) { s.Spec.Target = merged }, ""},
		"a guard":           {`{"a":"1"}`, func(s *v1alpha1.SecretSync) { s.Spec.Guards = &v1alpha1.Guards{RequiredKeys: []string{"b"}} }, v1alpha1.ReasonValueRejected},
		"the size":          {strings.Repeat("x", corev1.MaxSecretSize+1), func(*v1alpha1.SecretSync) {}, v1alpha1.ReasonTargetTooLarge},
		"keys that go": {`{"a":"1"}`, func(s *v1alpha1.SecretSync) {
			s.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Generation: 1, Keys: []string{"b", "c"}}
		}, v1alpha1.ReasonValueRejected},
		"keys that go by an edit": {`{"a":"1"}`, func(s *v1alpha1.SecretSync) {
			s.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"b", "c"}}
		}, ""},
	} {
		secretSync := keeping()
		secretSync.Spec.KeepPrevious = nil
		test.change(secretSync)
		set := rotated{"AWSCURRENT": test.value}.read(t, secretSync)
		content, err := Make(within(t.Context(), pattern.PassSteps), secretSync, set)
		reason := ""
		if refusal, ok := errors.AsType[*render.Error](err); ok {
			reason = refusal.Reason
		}
		if reason != test.want || (err == nil) != (test.want == "") || (content.Data == nil) != (err != nil) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// TestContent: keys are sorted, former values are under names of their own, and nulls are named.
func TestContent(t *testing.T) {
	secretSync := keeping()
	set := rotated{"AWSCURRENT": `{"b":"2","a":"1","n":null}`, "AWSPREVIOUS": `{"b":"0"}`}.read(t, secretSync)
	content, err := Make(within(t.Context(), pattern.PassSteps), secretSync, set)
	if err != nil {
		t.Fatal(err)
	}
	want := Content{
		Data: map[string][]byte{"a": []byte("1"), "b": []byte("2"), "n": {}, "b_previous": []byte("0")},
		Keys: []string{"a", "b", "b_previous", "n"}, PreviousKeys: []string{"b_previous"}, Nulls: []string{"n"},
	}
	content.Notes = render.Notes{}
	if diff := cmp.Diff(want, content); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	secretSync.Spec.Target = v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{"team": "pay"}, Annotations: map[string]v1alpha1.AnnotationValue{"note": "n"}}
	desired := Desired(secretSync, set, content)
	annotations := map[string]string{"note": "n", v1alpha1.AnnotationSecretARN: "arn", v1alpha1.AnnotationVersionID: "of-AWSCURRENT", v1alpha1.AnnotationVersionStage: "AWSCURRENT"}
	if !cmp.Equal(desired.Annotations, annotations) || desired.OwnerReference == nil || desired.Labels["team"] != "pay" || len(secretSync.Spec.Target.Annotations) != 1 {
		t.Errorf("it wants another Secret: %v, %v", desired.Annotations, desired.OwnerReference)
	}
}

// TestEntries: keys come from what their entries read, and former values as far as they can: what one of them lacks keeps
// no other one back.
func TestEntries(t *testing.T) {
	from := func(id, stage string) *v1alpha1.EntrySource {
		return &v1alpha1.EntrySource{SecretID: id, VersionStage: stage}
	}
	secretSync := keeping()
	secretSync.Spec.Data = []v1alpha1.DataKey{
		{Key: "user", Property: "user"}, {Key: "pass", Property: "pass"}, {Key: "api", Source: from("api", "")}, {Key: "none", Source: from("none", ""), Optional: true},
	}
	secretSync.Spec.DataFrom = []v1alpha1.DataFrom{{Source: from("shop", "")}, {Source: from("none", ""), Optional: true}}
	secretSync.Spec.Guards = &v1alpha1.Guards{RequiredKeys: []string{"user", "pass"}}
	spec := secretSync.Spec.DeepCopy()
	set := rotated{
		"AWSCURRENT": `{"user":"u2","pass":"p2"}`, "AWSPREVIOUS": `{"user":"u1"}`, "api AWSCURRENT": "k", "shop AWSCURRENT": `{"token":"t"}`,
	}.read(t, secretSync)
	content, err := Make(within(t.Context(), pattern.PassSteps), secretSync, set)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{"user": []byte("u2"), "pass": []byte("p2"), "api": []byte("k"), "token": []byte("t"), "user_previous": []byte("u1")}
	if diff := cmp.Diff(want, content.Data); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(*spec, secretSync.Spec); diff != "" {
		t.Errorf("the spec is changed (-want +got):\n%s", diff)
	}
}
