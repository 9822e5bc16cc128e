package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// TestRetainWhileAWSRefuses: a user who sets Retain because the secret in AWS is lost must not lose the Secret with the
// SecretSync, although the operator can no longer write.
func TestRetainWhileAWSRefuses(t *testing.T) {
	for name, stop := range map[string]func(s *setup, id string){
		"denied": func(s *setup, id string) {
			s.rule(localaws.Rule{Deny: true, Action: "secretsmanager:*", Resource: "*" + id + "*"})
			s.awaitReason("kept", metav1.ConditionFalse, v1alpha1.ReasonAccessDenied)
		},
		"suspended": func(s *setup, _ string) {
			s.edit("kept", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
			s.awaitReason("kept", metav1.ConditionTrue, v1alpha1.ReasonSuspended)
		},
		"observed": func(s *setup, _ string) {
			s.edit("kept", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeObserve })
			s.awaitReason("kept", metav1.ConditionTrue, v1alpha1.ReasonObserved)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			content := value()
			id, _ := s.createSecret("kept", content)
			s.sync("kept", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
			s.awaitReady("kept")
			t.Cleanup(func() { s.rule() })
			stop(s, id)
			s.edit("kept", func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
			})
			s.await("the owner reference is off", func() bool { return len(s.secret("kept").OwnerReferences) == 0 })
			s.await("status knows the Secret as it is", func() bool {
				return s.get("kept").Status.Secret.ResourceVersion == s.secret("kept").ResourceVersion
			})
			s.remove("kept")
			s.never("the Secret is deleted", func() bool { return s.secret("kept") == nil })
			s.awaitKeys("kept", map[string]string{"value": content})
		})
	}
}

// TestRenameUnderRetain: the Secret of the former name is kept, even after the deletion of the SecretSync.
func TestRenameUnderRetain(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("moved", content)
	s.sync("moved", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: v1alpha1.SecretTarget{Name: "old"}})
	s.awaitReady("moved")
	s.edit("moved", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "new", DeletionPolicy: v1alpha1.DeletionPolicyRetain}
	})
	s.awaitKeys("new", map[string]string{"value": content})
	s.awaitReady("moved")
	if references := s.secret("old").OwnerReferences; len(references) > 0 {
		t.Errorf("the former Secret has the owner references %v", references)
	}
	s.remove("moved")
	s.never("a Secret is deleted", func() bool { return s.secret("old") == nil || s.secret("new") == nil })
}

// TestPolicyThereAndBack: Owner becomes Merge and Owner again. The keys stay throughout, and the SecretSync does not
// take what it can no longer prove to own.
func TestPolicyThereAndBack(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("turned", content)
	s.sync("turned", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("turned")
	want := map[string]string{"value": content}

	policy := func(to v1alpha1.CreationPolicy) {
		s.edit("turned", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.CreationPolicy = to })
	}
	policy(v1alpha1.CreationPolicyMerge)
	s.awaitReason("turned", metav1.ConditionFalse, v1alpha1.ReasonMergeNotAllowed)
	s.awaitKeys("turned", want)
	s.patchSecret("turned", func(secret *corev1.Secret) { secret.Annotations[v1alpha1.AnnotationMergeFrom] = "turned" })
	s.awaitReady("turned")
	if secret := s.awaitKeys("turned", want); len(secret.OwnerReferences) > 0 || secret.Annotations[v1alpha1.AnnotationOwner] != "" {
		t.Errorf("a Secret that keys are merged into belongs to %v, %q", secret.OwnerReferences, secret.Annotations[v1alpha1.AnnotationOwner])
	}
	policy(v1alpha1.CreationPolicyOwner)
	s.awaitReason("turned", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	s.awaitKeys("turned", want)
	if len(s.get("turned").Finalizers) == 0 {
		t.Error("the finalizer is gone although merged keys are in a foreign Secret")
	}
	s.patchSecret("turned", func(secret *corev1.Secret) {
		secret.Annotations = map[string]string{v1alpha1.AnnotationOwner: "turned"}
	})
	s.awaitReady("turned")
	if secret := s.awaitKeys("turned", want); len(secret.OwnerReferences) != 1 {
		t.Errorf("owner references: %v", secret.OwnerReferences)
	}
	s.await("the finalizer is off", func() bool { return len(s.get("turned").Finalizers) == 0 })
	s.remove("turned")
	s.await("the Secret is collected", func() bool { return s.secret("turned") == nil })
}

// TestMergedKeysAreTakenOutAfterAFailedTurn: a SecretSync that merged its keys, and then failed to become the owner of
// the Secret, still removes them when it is deleted.
func TestMergedKeysAreTakenOutAfterAFailedTurn(t *testing.T) {
	s := newSetup(t)
	s.foreign("app")
	id, _ := s.createSecret("merged", fmt.Sprintf(`{"A":%q}`, value()))
	s.sync("merger", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReady("merger")
	s.edit("merger", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyOwner
	})
	s.awaitReason("merger", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	s.remove("merger")
	s.awaitKeys("app", map[string]string{"theirs": "1"})
}

// TestMovedMerge: keys are removed from the former Secret, and the rest of it stays.
func TestMovedMerge(t *testing.T) {
	s := newSetup(t)
	s.foreign("one")
	s.foreign("two")
	content := value()
	id, _ := s.createSecret("moving", fmt.Sprintf(`{"A":%q}`, content))
	s.sync("moving", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id},
		Target: v1alpha1.SecretTarget{Name: "one", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitKeys("one", map[string]string{"theirs": "1", "A": content})
	s.edit("moving", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "two" })
	s.awaitKeys("two", map[string]string{"theirs": "1", "A": content})
	s.awaitKeys("one", map[string]string{"theirs": "1"})
	s.edit("moving", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	})
	s.await("the finalizer is off", func() bool { return len(s.get("moving").Finalizers) == 0 })
	s.remove("moving")
	s.awaitKeys("two", map[string]string{"theirs": "1", "A": content})
}

// TestDeletionIsNotHeldUp: keys in a Secret that became immutable cannot be removed. The SecretSync is deleted
// nevertheless, also while it is suspended and AWS refuses.
func TestDeletionIsNotHeldUp(t *testing.T) {
	s := newSetup(t)
	s.foreign("frozen")
	id, _ := s.createSecret("stuck", fmt.Sprintf(`{"A":%q}`, value()))
	s.sync("stuck", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Target: v1alpha1.SecretTarget{Name: "frozen", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	s.awaitReady("stuck")
	t.Cleanup(func() { s.rule() })
	s.rule(localaws.Rule{Deny: true, Action: "*", Resource: "*" + id + "*"})
	s.edit("stuck", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	s.await("the SecretSync is suspended", func() bool {
		return meta.FindStatusCondition(s.get("stuck").Status.Conditions, v1alpha1.ConditionReady).Reason == v1alpha1.ReasonSuspended
	})
	s.patchSecret("frozen", func(secret *corev1.Secret) { yes := true; secret.Immutable = &yes })
	s.remove("stuck")
	s.awaitEvent("stuck", "SyncFailed", "immutable", "stay")
}

// anyMayMerge is the annotation by which the owner of a Secret lets every SecretSync merge keys into it.
func anyMayMerge() map[string]string { return map[string]string{v1alpha1.AnnotationMergeFrom: "*"} }

// foreign creates a Secret that no SecretSync manages, and allows merging keys into it.
func (s *setup) foreign(name string) {
	s.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Annotations: anyMayMerge()}, Data: map[string][]byte{"theirs": []byte("1")}}
	if err := s.env.Client.Create(s.Context(), secret); err != nil {
		s.Fatal(err)
	}
}

// createAs creates an object as another field manager.
func (s *setup) createAs(object client.Object, manager string) {
	s.Helper()
	if err := s.env.Client.Create(s.Context(), object, client.FieldOwner(manager)); err != nil {
		s.Fatal(err)
	}
}
