package secretsync

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func forbidden(name string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, name, errors.New("no Role"))
}

// The Secret of a former name is not forgotten before it is tidied away.
func TestWhatCouldNotBeTidiedIsTriedAgain(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
	w.refusal["db"] = forbidden("db")
	w.settle(t)
	status := w.now(t).Status
	if status.Secret.Name != "db" || meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady).Reason != v1alpha1.ReasonTargetForbidden {
		t.Errorf("after a refused delete status says %+v", status.Secret)
	}
	if w.secret(t, "new") == nil {
		t.Error("the Secret of the new name is not there")
	}
	delete(w.refusal, "db")
	w.clock.SetTime(noon.Add(retryFirst))
	w.settle(t)
	if w.secret(t, "db") != nil || w.now(t).Status.Secret.Name != "new" {
		t.Error("the Secret of the former name stays for ever")
	}
}

// merging is a SecretSync that has put a key into somebody else's Secret, and that Secret.
func merging() (*v1alpha1.SecretSync, *corev1.Secret) {
	secretSync := fresh()
	secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}
	return secretSync, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "app", UID: "uid-of-app",
		Annotations: map[string]string{v1alpha1.AnnotationMergeFrom: secretSync.Name}}}
}

func TestTheFinalizerComesFirstAndGoesLast(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	guarded := func() bool { return slices.Contains(w.now(t).Finalizers, v1alpha1.FinalizerMerge) }
	w.refusal["app"] = forbidden("app")
	w.settle(t)
	if !guarded() {
		t.Error("a key may be written before the finalizer is set")
	}
	delete(w.refusal, "app")
	w.clock.SetTime(noon.Add(retryFirst))
	w.settle(t)

	w.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyOwner
	})
	w.settle(t)
	if ready := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady); ready.Reason != v1alpha1.ReasonTargetConflict || !guarded() {
		t.Errorf("with keys in a Secret that is not ours: %s, guarded %v", ready.Reason, guarded())
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "own"} })
	w.settle(t)
	if guarded() {
		t.Error("the finalizer stays, though nothing of ours is in a Secret of somebody else's")
	}
}

func TestADeletionThatTimeHealsIsToldAndTriedAgain(t *testing.T) {
	for name, suspended := range map[string]bool{"at work": false, "suspended": true} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			w := newWorld(t, secretSync, app)
			w.settle(t)
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = suspended })
			w.settle(t)
			w.sent()
			w.refusal["app"] = forbidden("app")
			if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
				t.Fatal(err)
			}
			if result := w.turn(t); result.RequeueAfter <= 0 || result.RequeueAfter > retryFirst {
				t.Errorf("it is tried again after %s", result.RequeueAfter)
			}
			if trouble := troubleOf(w.now(t)); trouble != v1alpha1.ReasonTargetForbidden {
				t.Errorf("status tells of %q", trouble)
			}
			w.turn(t)
			if sent := w.sent(); len(sent) != 1 || !strings.Contains(sent[0], eventFailed) {
				t.Errorf("events: %q", sent)
			}
			delete(w.refusal, "app")
			w.turn(t)
			if err := w.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) {
				t.Errorf("the SecretSync is still there: %v", err)
			}
		})
	}
}

func TestADeletionIsNotHeldUpForGood(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	w.settle(t)
	w.sent()
	w.refusal["app"] = apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app",
		field.ErrorList{field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set")})
	if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
		t.Fatal(err)
	}
	w.turn(t)
	if err := w.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) {
		t.Errorf("the SecretSync is still there: %v", err)
	}
	if sent := w.sent(); len(sent) != 1 || !strings.Contains(sent[0], "immutable") || !strings.Contains(sent[0], "stay") {
		t.Errorf("events: %q", sent)
	}
}

// A SecretSync that somebody else's finalizer holds back is not overdue.
func TestNothingIsDueOfASecretSyncThatGoes(t *testing.T) {
	secretSync := fresh()
	secretSync.Finalizers = []string{"example.com/hold"}
	w := newWorld(t, secretSync)
	w.settle(t)
	if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
		t.Fatal(err)
	}
	w.turn(t)
	if overdue := w.memories.mostOverdue(noon.AddDate(0, 0, 1)); overdue != 0 {
		t.Errorf("it is overdue by %s", overdue)
	}
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Finalizers = nil })
	w.turn(t)
	if len(w.memories.byName) != 0 {
		t.Error("it is remembered")
	}
}

// Whoever asks for Retain while nothing can be written must not lose the Secret with the SecretSync.
func TestRetainIsKeptWithoutAWrite(t *testing.T) {
	for name, stop := range map[string]func(w *world, spec *v1alpha1.SecretSyncSpec){
		"AWS refuses": func(w *world, _ *v1alpha1.SecretSyncSpec) {
			w.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "gone"}
		},
		"suspended": func(_ *world, spec *v1alpha1.SecretSyncSpec) { spec.Suspend = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh())
			w.settle(t)
			if owners := w.secret(t, "db").OwnerReferences; len(owners) != 1 || owners[0].UID != types.UID("uid") {
				t.Fatalf("owners: %v", owners)
			}
			w.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
				stop(w, &secretSync.Spec)
			})
			w.settle(t)
			secret := w.secret(t, "db")
			if len(secret.OwnerReferences) != 0 || string(secret.Data["value"]) != "of version-1" {
				t.Errorf("owners: %v", secret.OwnerReferences)
			}
			if said := w.now(t).Status.Secret.ResourceVersion; said != secret.ResourceVersion {
				t.Errorf("status says resourceVersion %s of %s: our own write will count as an edit", said, secret.ResourceVersion)
			}
		})
	}
}
