package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestForeignSecretIsLeftAlone(t *testing.T) {
	s := newSetup(t)
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "taken"}, Data: map[string][]byte{"theirs": []byte("1")}}
	if err := s.env.Client.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	id, _ := s.createSecret("taken", value())
	s.sync("taken", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReason("taken", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	if now := s.secret("taken"); now.ResourceVersion != foreign.ResourceVersion {
		t.Error("the foreign Secret was touched")
	}
	s.remove("taken")
	s.never("the foreign Secret is deleted with the SecretSync", func() bool { return s.secret("taken") == nil })
}

func TestTwoOwnersOfOneSecret(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("shared", content)
	other, _ := s.createSecret("other", value())
	s.sync("first", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{Name: "shared"}})
	s.awaitReady("first")
	s.sync("second", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: other}, Target: v1alpha1.SecretTarget{Name: "shared"}, PollInterval: fast})
	found := s.awaitReason("second", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	if message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message; !containsAll(message, []string{`"first"`}) {
		t.Errorf("the message %q does not name the first", message)
	}
	s.awaitKeys("shared", map[string]string{"value": content})
}

func TestMerge(t *testing.T) {
	s := newSetup(t)
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "app", Annotations: anyMayMerge()}, Data: map[string][]byte{"theirs": []byte("1")}}
	if err := s.env.Client.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	valueOfA, valueOfB := value(), value()
	id, _ := s.createSecret("merged", fmt.Sprintf(`{"a":%q,"b":%q}`, valueOfA, valueOfB))
	into := v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}
	s.sync("merger", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: into,
		Data: []v1alpha1.DataKey{{Key: "A", Property: "a"}}, PollInterval: fast})
	s.awaitReady("merger")
	s.awaitKeys("app", map[string]string{"theirs": "1", "A": valueOfA})

	s.sync("rival", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: into,
		Data: []v1alpha1.DataKey{{Key: "A", Property: "b"}}, PollInterval: fast})
	found := s.awaitReason("rival", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	if message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message; !containsAll(message, []string{`"A"`, `"merger"`}) {
		t.Errorf("the message %q does not name key and first claimant", message)
	}
	s.sync("thief", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: into,
		Data: []v1alpha1.DataKey{{Key: "theirs", Property: "b"}}, PollInterval: fast})
	s.awaitReason("thief", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	s.awaitKeys("app", map[string]string{"theirs": "1", "A": valueOfA})

	s.patchSecret("app", func(secret *corev1.Secret) { secret.Data["A"] = []byte("by hand") })
	s.awaitKeys("app", map[string]string{"theirs": "1", "A": valueOfA})
	s.remove("rival")
	s.remove("merger")
	s.awaitKeys("app", map[string]string{"theirs": "1"})
}

func (s *setup) remove(name string, options ...client.DeleteOption) {
	s.Helper()
	if err := s.env.Client.Delete(s.Context(), s.get(name), options...); err != nil {
		s.Fatal(err)
	}
	s.await(name+" is gone", func() bool {
		return !s.exists(&v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}})
	})
}

// patchSecret edits a Secret as another field manager.
func (s *setup) patchSecret(name string, change func(*corev1.Secret)) {
	s.Helper()
	secret := s.secret(name)
	before := secret.DeepCopy()
	change(secret)
	if err := s.env.Client.Patch(s.Context(), secret, client.MergeFrom(before), client.FieldOwner("intruder")); err != nil {
		s.Fatal(err)
	}
}

func TestDeleteAndRetain(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("kept", content)
	s.sync("gone", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.sync("kept", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{DeletionPolicy: v1alpha1.DeletionPolicyRetain}})
	s.awaitReady("gone")
	s.awaitReady("kept")
	if references := s.secret("kept").OwnerReferences; len(references) > 0 {
		t.Errorf("a retained Secret has the owner references %v", references)
	}
	s.remove("gone")
	s.remove("kept")
	s.await("the owned Secret is collected", func() bool { return s.secret("gone") == nil })
	kept := s.awaitKeys("kept", map[string]string{"value": content})

	s.sync("kept", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{DeletionPolicy: v1alpha1.DeletionPolicyRetain}})
	s.awaitReady("kept")
	if again := s.secret("kept"); again.UID != kept.UID {
		t.Error("the retained Secret was replaced when the SecretSync was recreated")
	}
}

func TestRepair(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("repaired", content)
	s.sync("repaired", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitReady("repaired")
	want := map[string]string{"value": content}

	s.patchSecret("repaired", func(secret *corev1.Secret) { secret.Data["value"] = []byte("by hand") })
	s.awaitKeys("repaired", want)
	s.awaitEvent("repaired", "SecretRepaired", "intruder")
	s.patchSecret("repaired", func(secret *corev1.Secret) { secret.Annotations[v1alpha1.AnnotationVersionID] = "wrong" })
	s.await("the annotation is restored", func() bool { return s.secret("repaired").Annotations[v1alpha1.AnnotationVersionID] != "wrong" })
	s.patchSecret("repaired", func(secret *corev1.Secret) { secret.Labels = nil })
	s.await("the label is restored", func() bool { return s.secret("repaired").Labels[v1alpha1.LabelManaged] == "true" })
	if err := s.env.Client.Delete(t.Context(), s.secret("repaired")); err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("repaired", want)
	s.awaitEvent("repaired", "SecretRepaired", "deleted")
}

func TestFightIsNamed(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("contested", value())
	s.sync("contested", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitReady("contested")
	attempt := 0
	s.await("the fight is noticed", func() bool {
		attempt++
		if secret := s.secret("contested"); secret != nil {
			s.patchSecret("contested", func(secret *corev1.Secret) { secret.Data["value"] = fmt.Appendf(nil, "fight %d", attempt) })
		}
		ready := meta.FindStatusCondition(s.get("contested").Status.Conditions, v1alpha1.ConditionReady)
		return ready.Reason == v1alpha1.ReasonTargetConflict && containsAll(ready.Message, []string{"intruder"})
	})
	version := s.secret("contested").ResourceVersion
	s.never("another repair during the truce", func() bool { return s.secret("contested").ResourceVersion != version })
}

func TestRename(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("renamed", content)
	s.sync("renamed", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{Name: "old"}})
	s.awaitReady("renamed")
	s.edit("renamed", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
	s.awaitKeys("new", map[string]string{"value": content})
	s.await("the old Secret is gone", func() bool { return s.secret("old") == nil })
	s.awaitReady("renamed")
}

// TestMergeNeedsTheOwnersWord: nothing is merged into a Secret, whatever the key, until its annotation names the
// SecretSync, and nothing is updated once the annotation no longer does.
func TestMergeNeedsTheOwnersWord(t *testing.T) {
	s := newSetup(t)
	app := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "app"}, Data: map[string][]byte{"theirs": []byte("1")}}
	s.createAs(app, "owner")
	first, second := value(), value()
	id, _ := s.createSecret("preload", first)
	s.sync("mallory", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Data: []v1alpha1.DataKey{{Key: "LD_PRELOAD"}},
		Target: v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	found := s.awaitReason("mallory", metav1.ConditionFalse, v1alpha1.ReasonMergeNotAllowed)
	remedy := fmt.Sprintf("kubectl annotate secret app -n %s %s=mallory", s.namespace, v1alpha1.AnnotationMergeFrom)
	if message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message; !containsAll(message, []string{remedy}) {
		t.Errorf("the message %q has no remedy", message)
	}
	if now := s.secret("app"); now.ResourceVersion != app.ResourceVersion {
		t.Errorf("the Secret was written: labels %v, %d keys", now.Labels, len(now.Data))
	}
	s.patchSecret("app", func(secret *corev1.Secret) {
		secret.Annotations = map[string]string{v1alpha1.AnnotationMergeFrom: "other, mallory"}
	})
	s.awaitKeys("app", map[string]string{"theirs": "1", "LD_PRELOAD": first})
	s.awaitReady("mallory")
	s.patchSecret("app", func(secret *corev1.Secret) { secret.Annotations[v1alpha1.AnnotationMergeFrom] = "other" })
	s.putValue(id, second)
	s.awaitReason("mallory", metav1.ConditionFalse, v1alpha1.ReasonMergeNotAllowed)
	s.awaitKeys("app", map[string]string{"theirs": "1", "LD_PRELOAD": first})
	s.remove("mallory")
	s.awaitKeys("app", map[string]string{"theirs": "1"})
}
