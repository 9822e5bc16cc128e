package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func (s *setup) readyMessage(name string) string {
	s.Helper()
	return meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionReady).Message
}

// TestObserveWritesNothing: in mode Observe, status names the keys that would be created and changed. No value is read
// twice for that, and the Secret is written once the mode changes.
func TestObserveWritesNothing(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("seen", `{"password":"`+first+`","user":"app"}`)
	s.sync("seen", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Mode: v1alpha1.SyncModeObserve})
	found := s.awaitReason("seen", metav1.ConditionTrue, v1alpha1.ReasonWouldChange)
	if message := s.readyMessage("seen"); !strings.Contains(message, "create it with the keys password, user") {
		t.Errorf("the message is %q", message)
	}
	s.awaitEvent("seen", "SecretWouldChange", "create it")
	asked := s.described()
	s.await("three more polls", func() bool { return s.described() >= asked+3 })
	if read := s.read(found.Status.Sources[0].ARN); read != 1 {
		t.Errorf("the value was read %d times", read)
	}
	if s.secret("seen") != nil {
		t.Fatal("a Secret was written")
	}
	s.edit("seen", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = "" })
	s.awaitKeys("seen", map[string]string{"password": first, "user": "app"})
	s.awaitReady("seen")
	s.edit("seen", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeObserve })
	s.awaitReason("seen", metav1.ConditionTrue, v1alpha1.ReasonObserved)
	s.putValue(id, `{"password":"`+second+`","user":"app"}`)
	s.awaitReason("seen", metav1.ConditionTrue, v1alpha1.ReasonWouldChange)
	if message := s.readyMessage("seen"); !strings.Contains(message, "changed password") || strings.Contains(message, "user") {
		t.Errorf("the message is %q", message)
	}
	s.never("it is written", func() bool { return string(s.secret("seen").Data["password"]) != first })
}

// theirs creates a Secret as another tool would.
func (s *setup) theirs(data map[string]string) *corev1.Secret {
	s.Helper()
	theirs := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "theirs", Labels: map[string]string{"reconcile.external-secrets.io/managed": "true"},
			Annotations: anyMayMerge()},
		StringData: data,
	}
	s.createAs(theirs, "external-secrets")
	return theirs
}

// TestASecretIsTakenOverWithoutAGap follows docs/migrating.md: a Secret of another tool is observed, annotated,
// compared and handed over, and exists at every moment.
func TestASecretIsTakenOverWithoutAGap(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("theirs", `{"password":"`+content+`","user":"app"}`)
	theirs := s.theirs(map[string]string{"password": content, "user": "former"})
	s.sync("theirs", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Mode: v1alpha1.SyncModeObserve})
	s.awaitReason("theirs", metav1.ConditionTrue, v1alpha1.ReasonWouldChange)
	if message := s.readyMessage("theirs"); !strings.Contains(message, "not compared password, user") || !strings.Contains(message, v1alpha1.AnnotationOwner+"=theirs") {
		t.Errorf("the message is %q", message)
	}
	s.kubectl("", "annotate", "secret", "theirs", v1alpha1.AnnotationOwner+"=theirs")
	s.await("the values are compared", func() bool { return strings.Contains(s.readyMessage("theirs"), "write it: changed user") })
	if message := s.readyMessage("theirs"); strings.Contains(message, "password") {
		t.Errorf("the message is %q", message)
	}
	annotated := s.secret("theirs")
	s.never("it is written", func() bool { return s.secret("theirs").ResourceVersion != annotated.ResourceVersion })
	s.edit("theirs", func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeSync })
	s.awaitKeys("theirs", map[string]string{"password": content, "user": "app"})
	s.awaitReady("theirs")
	now := s.secret("theirs")
	if now.UID != theirs.UID {
		t.Error("the Secret was recreated")
	}
	if len(now.OwnerReferences) != 1 {
		t.Errorf("the Secret has the owners %v, want one", now.OwnerReferences)
	}
	s.awaitEvent("theirs", "SecretUpdated", "which was there before", "keys password, user")
}

// TestAGuessIsNotConfirmed: a user who may create SecretSyncs but not read Secrets learns nothing about the values of
// foreign Secrets. A right guess gets the same answer as a wrong one, whatever the mode and the policy.
func TestAGuessIsNotConfirmed(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("any", `{"user":"app"}`)
	s.theirs(map[string]string{"password": content})
	before := s.secret("theirs")
	guess := func(name, guessed string, mode v1alpha1.SyncMode, policy v1alpha1.CreationPolicy) (reason, message string) {
		s.sync(name, v1alpha1.SecretSyncSpec{
			Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Mode: mode,
			Template: &v1alpha1.Template{Data: map[string]string{"password": guessed}, MergePolicy: v1alpha1.TemplateMergeReplace},
			Target:   v1alpha1.SecretTarget{Name: "theirs", CreationPolicy: policy},
		})
		s.await(name+" is told something", func() bool {
			ready := meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Reason == v1alpha1.ReasonProgressing {
				return false
			}
			reason, message = ready.Reason, ready.Message
			return true
		})
		s.remove(name)
		return reason, message
	}
	tries := 0
	for _, mode := range []v1alpha1.SyncMode{v1alpha1.SyncModeObserve, v1alpha1.SyncModeSync} {
		for _, policy := range []v1alpha1.CreationPolicy{v1alpha1.CreationPolicyOwner, v1alpha1.CreationPolicyMerge} {
			reason, rightAnswer := guess("guess", content, mode, policy)
			_, wrong := guess("guess", "wrong", mode, policy)
			if rightAnswer != wrong || reason == v1alpha1.ReasonSynced || reason == v1alpha1.ReasonObserved {
				t.Errorf("%s, %s: %s: a right guess is answered by %q, a wrong one by %q", mode, policy, reason, rightAnswer, wrong)
			}
			tries++
		}
	}
	if tries != 4 {
		t.Errorf("there were %d tries, want 4", tries)
	}
	if now := s.secret("theirs"); now.ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was written")
	}
}
