package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// mishapsOfSlips are values that are valid by themselves, but would remove every key from a Secret in use.
func mishapsOfSlips() map[string]mishap {
	const rejected, invalid = v1alpha1.ReasonValueRejected, v1alpha1.ReasonInvalidValue
	twice, _ := json.Marshal(pair())
	otherField := func() string { return fmt.Sprintf(`{"token":%q}`, value()) }
	whole := func(_ *setup, _ string, spec *v1alpha1.SecretSyncSpec) { spec.DataFrom = []v1alpha1.DataFrom{{}} }
	prefixed := func(_ *setup, _ string, spec *v1alpha1.SecretSyncSpec) {
		spec.DataFrom = []v1alpha1.DataFrom{{Exclude: []string{"token*"}}}
		spec.Template = &v1alpha1.Template{MergePolicy: v1alpha1.TemplateMergeReplace, Data: map[string]string{"only": "{{ .password }}"}}
	}
	optional := []v1alpha1.DataKey{{Key: "a", Property: "username", Optional: true}, {Key: "b", Property: "token", Optional: true}}
	return map[string]mishap{
		"slip-byte-order-mark":  {reason: rejected, befall: becomes("\uFEFF" + pair())},
		"slip-quotes":           {reason: rejected, befall: becomes("'" + pair() + "'")},
		"slip-encoded-twice":    {reason: rejected, befall: becomes(string(twice))},
		"slip-null":             {reason: rejected, befall: becomes("null")},
		"slip-array":            {reason: rejected, befall: becomes("[" + pair() + "]")},
		"slip-no-break-space":   {reason: rejected, befall: becomes("\u00A0" + pair())},
		"slip-text":             {reason: rejected, befall: becomes(value())},
		"slip-other-fields":     {reason: rejected, befall: becomes(otherField())},
		"slip-former-kept":      {reason: rejected, befall: becomes(value()), shape: withFormer},
		"slip-of-data-from":     {reason: rejected, befall: becomes(otherField()), shape: whole},
		"slip-nothing-included": {reason: invalid, befall: becomes(otherField()), shape: prefixed},
		"slip-of-optional-keys": {reason: rejected, befall: becomes(otherField()), data: optional},
		"slip-field-twice":      {reason: invalid, befall: becomes(`{"username":"app","password":"a","password":"` + value() + `"}`)},
		"slip-half-of-a-pair":   {reason: invalid, befall: becomes(`{"username":"app","password":"\ud83d` + value() + `"}`)},
		"slip-merged":           {reason: rejected, befall: becomes(otherField()), shape: merged},
		"slip-of-find":          {reason: rejected, befall: replaceFound, shape: finding},
		"slip-raw-line-break":   {reason: invalid, befall: becomes("{\"username\":\"app\",\"password\":\"a\n" + value() + "\"}")},
	}
}

func withFormer(_ *setup, _ string, spec *v1alpha1.SecretSyncSpec) {
	spec.KeepPrevious = &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: fast.Duration * 3600}}
}

// merged writes the keys into an existing Secret with a foreign key.
func merged(s *setup, _ string, spec *v1alpha1.SecretSyncSpec) {
	s.Helper()
	host := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "slip-merged", Annotations: anyMayMerge()}, Data: map[string][]byte{"theirs": []byte("x")}}
	if err := s.env.Client.Create(s.Context(), host); err != nil {
		s.Fatal(err)
	}
	spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
}

// finding finds all secrets below a name; there is one.
func finding(s *setup, id string, spec *v1alpha1.SecretSyncSpec) {
	s.Helper()
	s.createSecret(strings.TrimPrefix(id, s.secretID(""))+"/one", value())
	spec.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: id + "/"}}}
}

// replaceFound replaces the found secret by another one.
func replaceFound(s *setup, id string) {
	s.Helper()
	s.delete(id+"/one", false)
	s.createSecret(strings.TrimPrefix(id, s.secretID(""))+"/two", value())
}

// TestASlipTakesNoKeyOut follows one slip from the condition that reports it to the value that fixes it, and another to
// the edit that allows it.
func TestASlipTakesNoKeyOut(t *testing.T) {
	s := newSetup(t)
	id, version := s.createSecret("slip", pair())
	s.sync("slip", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("slip")
	before := keptSecrets{"slip": s.secret("slip")}
	content := pair()
	s.putValue(id, "\uFEFF"+content)
	refused := s.awaitReason("slip", metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
		found := meta.FindStatusCondition(refused.Status.Conditions, kind)
		for _, mention := range []string{"a byte order mark (U+FEFF)", "password, username", "{key: value}"} {
			if found == nil || !strings.Contains(found.Message, mention) {
				t.Errorf("%s does not mention %s: %v", kind, mention, found)
			}
		}
	}
	ready := meta.FindStatusCondition(refused.Status.Conditions, v1alpha1.ConditionReady)
	if want := "Secret slip keeps version " + version; !strings.Contains(ready.Message, want) {
		t.Errorf("Ready says %q, want mention of %q", ready.Message, want)
	}
	before.check(s, "after the slip")

	var fields map[string]string
	if err := json.Unmarshal([]byte(content), &fields); err != nil {
		t.Fatal(err)
	}
	s.putValue(id, content)
	s.awaitKeys("slip", fields)
	s.awaitReady("slip")

	text := value()
	s.putValue(id, text)
	s.awaitReason("slip", metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	s.edit("slip", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "value"}} })
	s.awaitKeys("slip", map[string]string{"value": text})
	s.awaitReady("slip")
}

// TestAnObjectTakesNoTextOut: an object does not replace the single key of a text, unless the spec allows it.
func TestAnObjectTakesNoTextOut(t *testing.T) {
	s, text := newSetup(t), value()
	id, _ := s.createSecret("text", text)
	s.sync("text", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitKeys("text", map[string]string{"value": text})
	s.awaitReady("text")
	before := keptSecrets{"text": s.secret("text")}
	content := value()
	s.putValue(id, fmt.Sprintf(`{"password":%q}`, content))
	s.awaitReason("text", metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	before.check(s, "after the object")
	s.edit("text", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.DataFrom = []v1alpha1.DataFrom{{}} })
	s.awaitKeys("text", map[string]string{"password": content})
	s.awaitReady("text")
}

// TestADeletedSecretComesBackWholeAfterASlip: the operator knows the keys of the last sync although the Secret is gone,
// and a rollback to the former version restores them.
func TestADeletedSecretComesBackWholeAfterASlip(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("gone", fmt.Sprintf(`{"password":%q}`, first))
	s.sync("gone", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitKeys("gone", map[string]string{"password": first})
	s.awaitReady("gone")
	s.putValue(id, "null")
	s.awaitReason("gone", metav1.ConditionFalse, v1alpha1.ReasonValueRejected)
	if err := s.env.Client.Delete(s.Context(), s.secret("gone")); err != nil {
		t.Fatal(err)
	}
	s.await("the condition says that the Secret is missing", func() bool {
		ready := meta.FindStatusCondition(s.get("gone").Status.Conditions, v1alpha1.ConditionReady)
		return ready.Reason == v1alpha1.ReasonValueRejected && strings.Contains(ready.Message, "not restored yet")
	})
	if s.secret("gone") != nil {
		t.Error("the Secret was rendered from the slip")
	}
	s.putValue(id, fmt.Sprintf(`{"password":%q}`, second))
	s.awaitKeys("gone", map[string]string{"password": second})
	s.awaitReady("gone")
}
