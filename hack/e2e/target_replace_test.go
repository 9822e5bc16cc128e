package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestWhatMayNotChangeIsRecreatedOnlyWhenAsked: a Secret of another type, and an immutable Secret whose secret rotates.
func TestWhatMayNotChangeIsRecreatedOnlyWhenAsked(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("fixed", `{"username":"app","password":"`+first+`"}`)
	s.sync("fixed", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Target: v1alpha1.SecretTarget{Immutable: true}})
	s.awaitReady("fixed")
	before := s.secret("fixed")
	if before.Immutable == nil || !*before.Immutable {
		t.Fatal("the Secret is not immutable")
	}
	s.putValue(id, `{"username":"app","password":"`+second+`"}`)
	s.awaitReason("fixed", metav1.ConditionFalse, v1alpha1.ReasonTargetImmutable)
	now := s.secret("fixed")
	if now.UID != before.UID {
		t.Error("the Secret was recreated without being asked")
	}
	if string(now.Data["password"]) != first {
		t.Error("the Secret has another value")
	}
	s.edit("fixed", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.ReplacePolicy = v1alpha1.ReplaceRecreate })
	s.awaitKeys("fixed", map[string]string{"username": "app", "password": second})
	s.awaitReady("fixed")
	s.edit("fixed", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.Type = string(corev1.SecretTypeBasicAuth)
	})
	s.await("the type is another", func() bool {
		now := s.secret("fixed")
		return now != nil && now.Type == corev1.SecretTypeBasicAuth && now.Immutable != nil && string(now.Data["password"]) == second
	})
	s.awaitReady("fixed")
	s.awaitEvent("fixed", "SecretUpdated", "edited spec")
	// A foreign Secret is never deleted for it.
	host := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "host", Annotations: anyMayMerge()}, Immutable: new(true), Data: map[string][]byte{"theirs": []byte("1")}}
	s.createAs(host, "owner")
	s.sync("guest", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{Name: "host", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReason("guest", metav1.ConditionFalse, v1alpha1.ReasonTargetImmutable)
	now = s.secret("host")
	if now.UID != host.UID {
		t.Error("a foreign Secret was recreated")
	}
	if len(now.Data) != 1 {
		t.Errorf("a foreign Secret has %d keys, want 1", len(now.Data))
	}
}

// TestNothingIsDeletedThatCouldNotBeRecreated: a quota would forbid recreating the Secret.
func TestNothingIsDeletedThatCouldNotBeRecreated(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("fixed", first)
	s.sync("fixed", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Immutable: true, ReplacePolicy: v1alpha1.ReplaceRecreate}})
	s.awaitReady("fixed")
	before := s.secret("fixed")
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}},
	}
	s.put(quota)
	s.await("the quota is in force", func() bool { return s.exists(quota) && len(quota.Status.Hard) > 0 })
	s.awaitRefusal()
	s.putValue(id, second)
	s.awaitReason("fixed", metav1.ConditionFalse, v1alpha1.ReasonAdmissionDenied)
	switch now := s.secret("fixed"); {
	case now == nil:
		t.Error("the Secret was deleted, and cannot be recreated")
	case now.UID != before.UID:
		t.Error("the Secret was recreated")
	case string(now.Data["value"]) != first:
		t.Error("the Secret has another value")
	}
	if err := s.env.Client.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("fixed", map[string]string{"value": second})
}
