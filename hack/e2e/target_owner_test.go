package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestAStrippedSecretIsRepaired: a tool that replaces the whole Secret removes the marks of the operator.
func TestAStrippedSecretIsRepaired(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("stripped", content)
	s.sync("stripped", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitReady("stripped")
	s.patchSecret("stripped", func(secret *corev1.Secret) {
		secret.Labels, secret.Annotations, secret.OwnerReferences = nil, nil, nil
		secret.Data = map[string][]byte{"by-hand": []byte("1")}
	})
	s.await("the Secret is ours again", func() bool {
		secret := s.secret("stripped")
		return secret.Annotations[v1alpha1.AnnotationOwner] == "stripped" && len(secret.OwnerReferences) == 1 && string(secret.Data["value"]) == content
	})
	s.awaitEvent("stripped", "SecretRepaired", "restored")
	s.awaitReady("stripped")
}

// TestRecreated: a SecretSync that is deleted and recreated before its Secret is garbage-collected ends with a Secret
// of its own.
func TestRecreated(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("recreated", content)
	spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}}
	for repetition := range 5 {
		s.sync("recreated", spec)
		s.await("the Secret is the present SecretSync's", func() bool {
			secret := s.secret("recreated")
			return secret != nil && len(secret.OwnerReferences) == 1 && secret.OwnerReferences[0].UID == s.get("recreated").UID
		})
		s.awaitReady("recreated")
		s.awaitKeys("recreated", map[string]string{"value": content})
		if notes := s.events("recreated", "SyncFailed"); len(notes) > 0 {
			t.Errorf("round %d: %q", repetition, notes)
		}
		if err := s.env.Client.Delete(t.Context(), s.get("recreated")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFormerOwnerIsGone: the Secret of a deleted SecretSync is taken over while it still has the owner reference of the
// former one, as it has for a moment after every deletion.
func TestFormerOwnerIsGone(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("heir", content)
	left := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace, Name: "heir",
			// A finalizer, so that the garbage collector does not delete the Secret before the test has checked it.
			Finalizers: []string{"example.com/hold"},
		},
	}
	s.createAs(left, "intruder")
	before := left.DeepCopy()
	left.Labels, left.Annotations = map[string]string{v1alpha1.LabelManaged: "true"}, map[string]string{v1alpha1.AnnotationOwner: "heir"}
	left.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SecretSync",
		Name: "heir", UID: "00000000-0000-0000-0000-000000000001", Controller: new(true)}}
	left.Data = map[string][]byte{"value": []byte("old"), "dropped": []byte("old")}
	if err := s.env.Client.Patch(t.Context(), left, client.MergeFrom(before), client.FieldOwner("secretsync.dev/heir")); err != nil {
		t.Fatal(err)
	}
	s.sync("heir", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.await("the Secret is the heir's", func() bool {
		secret := s.secret("heir")
		return len(secret.OwnerReferences) == 1 && secret.OwnerReferences[0].UID == s.get("heir").UID && string(secret.Data["value"]) == content
	})
	s.patchSecret("heir", func(secret *corev1.Secret) { secret.Finalizers = nil })
	s.awaitReady("heir")
	s.awaitKeys("heir", map[string]string{"value": content})
}

// TestHandedOverWithItsController: the annotation does not hand over a Secret that another operator still controls. The
// message says what to do, and doing it is enough.
func TestHandedOverWithItsController(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("handed", content)
	other := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "other-operator"}}
	if err := s.env.Client.Create(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	s.createAs(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace, Name: "handed", Annotations: map[string]string{v1alpha1.AnnotationOwner: "handed"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: other.Name, UID: other.UID, Controller: new(true)}},
		},
		Data: map[string][]byte{"value": []byte("old")},
	}, "other-operator")
	s.sync("handed", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	found := s.awaitReason("handed", metav1.ConditionFalse, v1alpha1.ReasonTargetConflict)
	if message := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(message, "another controller") {
		t.Errorf("the message is %q", message)
	}
	s.awaitKeys("handed", map[string]string{"value": "old"})
	s.patchSecret("handed", func(secret *corev1.Secret) { secret.OwnerReferences = nil })
	s.awaitReady("handed")
	s.awaitKeys("handed", map[string]string{"value": content})
}

// TestASecretThatCannotGo: while a foreign finalizer blocks the deletion of a Secret, the operator does not write it.
// Once it is gone, the operator recreates it.
func TestASecretThatCannotGo(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("lingering", content)
	s.sync("lingering", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("lingering")
	looked := s.secretReads() // Of the next two edits, the operator may see only the last.
	s.patchSecret("lingering", func(secret *corev1.Secret) { secret.Finalizers = []string{"example.com/hold"} })
	first := s.secret("lingering")
	if err := s.env.Client.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	s.await("the operator has reconciled it", func() bool { return s.secretReads() > looked })
	before := s.get("lingering").ResourceVersion
	s.never("status is written again and again", func() bool { return s.get("lingering").ResourceVersion != before })
	s.patchSecret("lingering", func(secret *corev1.Secret) { secret.Finalizers = nil })
	s.await("the Secret is recreated", func() bool { secret := s.secret("lingering"); return secret != nil && secret.UID != first.UID })
	s.awaitKeys("lingering", map[string]string{"value": content})
}

// TestLongNames: names of the maximum length work, and two with the same beginning are distinguished.
func TestLongNames(t *testing.T) {
	s := newSetup(t)
	s.foreign("shared-by-long-names")
	firstName, secondName := strings.Repeat("x", 252)+"1", strings.Repeat("x", 252)+"2"
	first, second := value(), value()
	for name, content := range map[string]string{firstName: first, secondName: second} {
		id, _ := s.createSecret("long-"+name[252:], fmt.Sprintf(`{"%s":%q}`, "key-"+name[252:], content))
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
			Target: v1alpha1.SecretTarget{Name: "shared-by-long-names", CreationPolicy: v1alpha1.CreationPolicyMerge}})
	}
	s.awaitReady(firstName)
	s.awaitReady(secondName)
	s.awaitKeys("shared-by-long-names", map[string]string{"theirs": "1", "key-1": first, "key-2": second})
	s.remove(firstName)
	s.awaitKeys("shared-by-long-names", map[string]string{"theirs": "1", "key-2": second})
}

// TestEditsOnTheHeels: an edit during the report of a reconcile triggers another reconcile before the next poll.
func TestEditsOnTheHeels(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("heels", fmt.Sprintf(`{"a":%q}`, content))
	for i := range 10 {
		name := fmt.Sprintf("heels-%d", i)
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}}) // Polls every five minutes.
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)                                // At different times within the first reconcile.
		s.edit(name, func(secretSync *v1alpha1.SecretSync) {
			secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "b", Property: "a"}}
		})
	}
	for i := range 10 {
		s.awaitKeys(fmt.Sprintf("heels-%d", i), map[string]string{"b": content})
		s.awaitReady(fmt.Sprintf("heels-%d", i))
	}
}

// TestAStatusIsForOneObjectAlone: the API server refuses a status of a former object. The operator relies on that when
// a SecretSync is recreated while a reconcile of the former one ends.
func TestAStatusIsForOneObjectAlone(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("another", value())
	s.sync("another", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	found := s.awaitReady("another")
	for uid, refused := range map[string]bool{string(found.UID): false, "00000000-0000-0000-0000-000000000001": true} {
		patch := fmt.Sprintf(`[{"op":"test","path":"/metadata/uid","value":%q},{"op":"add","path":"/status/lastHandledRefresh","value":%q}]`, uid, uid)
		err := s.env.Client.Status().Patch(t.Context(), s.get("another"), client.RawPatch(types.JSONPatchType, []byte(patch)))
		if (err != nil) != refused {
			t.Errorf("a patch for %s: %v", uid, err)
		}
		if status, ok := errors.AsType[*apierrors.StatusError](err); refused && (!ok || !apierrors.IsInvalid(err) || status.ErrStatus.Details != nil && len(status.ErrStatus.Details.Causes) > 0) {
			t.Errorf("it is refused as %#v", err)
		}
	}
}
