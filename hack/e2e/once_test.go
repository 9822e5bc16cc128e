package e2e

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestModeOnce: the Secret is written once. Rotations and edits change nothing; a refresh request, or a deletion, writes
// it again. Another SecretSync of the same secret shows that the operator has seen each version.
func TestModeOnce(t *testing.T) {
	s := newSetup(t)
	first, second, third := value(), value(), value()
	id, _ := s.createSecret("once", first)
	source := v1alpha1.SecretSource{SecretID: id}
	s.sync("follows", v1alpha1.SecretSyncSpec{Source: source, PollInterval: fast})
	s.sync("once", v1alpha1.SecretSyncSpec{Source: source, PollInterval: fast, Mode: v1alpha1.SyncModeOnce})
	s.awaitKeys("once", map[string]string{"value": first})
	s.awaitReason("once", metav1.ConditionTrue, v1alpha1.ReasonSyncedOnce)
	written := s.secret("once")

	s.putValue(id, second)
	s.awaitKeys("follows", map[string]string{"value": second})
	s.edit("once", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.Labels = map[string]v1alpha1.LabelValue{"team": "payments"}
	})
	s.await("the edit is seen", func() bool {
		secretSync := s.get("once")
		ready := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReady)
		return ready.ObservedGeneration == secretSync.Generation && ready.Reason == v1alpha1.ReasonSyncedOnce
	})
	if now := s.secret("once"); now.ResourceVersion != written.ResourceVersion {
		t.Error("the Secret was written again")
	}
	edited := s.secret("once")
	edited.Data["value"] = []byte("edited")
	if err := s.env.Client.Update(t.Context(), edited, client.FieldOwner("other")); err != nil {
		t.Fatal(err)
	}
	s.never("the edit is repaired", func() bool { return string(s.secret("once").Data["value"]) != "edited" })

	s.edit("once", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "1"}
	})
	if secret := s.awaitKeys("once", map[string]string{"value": second}); secret.Labels["team"] != "payments" {
		t.Errorf("the labels are %v", secret.Labels)
	}
	s.await("the refresh is handled", func() bool { return s.get("once").Status.LastHandledRefresh == "1" })
	s.putValue(id, third)
	s.awaitKeys("follows", map[string]string{"value": third})
	if err := s.env.Client.Delete(t.Context(), s.secret("once")); err != nil {
		t.Fatal(err)
	}
	s.await("the Secret is recreated", func() bool { return s.secret("once") != nil })
	s.awaitKeys("once", map[string]string{"value": third})
	s.awaitReason("once", metav1.ConditionTrue, v1alpha1.ReasonSyncedOnce)
}
