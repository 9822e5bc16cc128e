package secretsync

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

func once() *v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Spec.Mode = v1alpha1.SyncModeOnce
	return secretSync
}

// wantOnce wants the Secret to hold a version, and Ready to say that it is left alone.
func (e *environment) wantOnce(t *testing.T, holds string) {
	t.Helper()
	secretSync, ready := e.now(t), e.ready(t)
	if ready.Status != metav1.ConditionTrue || ready.Reason != v1alpha1.ReasonSyncedOnce || ready.ObservedGeneration != secretSync.Generation ||
		!strings.Contains(ready.Message, "Secret db was written once") {
		t.Errorf("Ready is %+v", ready)
	}
	if healthy := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionRotationHealthy); healthy != nil {
		t.Errorf("RotationHealthy is %+v", healthy)
	}
	if secret := e.secret(t, "db"); secret == nil || string(secret.Data["value"]) != holds {
		t.Errorf("the Secret holds %v, want %q", secret, holds)
	}
}

// TestOnceLeavesTheSecretAlone: no new version, no event, no edit of the Secret or the spec leads to a call or a write.
func TestOnceLeavesTheSecretAlone(t *testing.T) {
	for name, happens := range map[string]func(*testing.T, *environment){
		"time passes":    func(*testing.T, *environment) {},
		"an event comes": func(_ *testing.T, e *environment) { e.change() },
		"the spec is edited": func(t *testing.T, e *environment) {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target.Labels = map[string]v1alpha1.LabelValue{"a": "b"}
			})
		},
		"status is lost": func(t *testing.T, e *environment) {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Generation-- })
			secretSync := e.now(t)
			secretSync.Status = v1alpha1.SecretSyncStatus{}
			if err := e.server.Status().Update(t.Context(), secretSync); err != nil {
				t.Fatal(err)
			}
			e.forget(here)
		},
		"the operator restarts": func(_ *testing.T, e *environment) { e.forget(here) },
		"the mode becomes Once while a sync fails": func(t *testing.T, e *environment) {
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeSync })
			e.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "gone"}
			e.settle(t)
			if ready := e.ready(t); ready.Status != metav1.ConditionFalse {
				t.Fatalf("Ready is %+v", ready)
			}
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeOnce })
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, once())
			e.settle(t)
			e.wantOnce(t, "of version-1")
			happens(t, e)
			e.aws.version = "version-2"
			asked, written := e.aws.asked, e.secret(t, "db").ResourceVersion
			for range 3 {
				e.after(24 * time.Hour)
				e.settle(t)
			}
			if e.aws.asked != asked {
				t.Errorf("AWS was asked %d times more", e.aws.asked-asked)
			}
			e.wantOnce(t, "of version-1")
			if now := e.secret(t, "db").ResourceVersion; now != written {
				t.Error("the Secret was written")
			}
		})
	}
}

// TestOnceDoesNotRepair: edits of others stay, until a refresh is requested.
func TestOnceDoesNotRepair(t *testing.T) {
	e := newEnvironment(t, once())
	e.settle(t)
	secret := e.secret(t, "db")
	secret.Data["value"] = []byte("edited")
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	e.settle(t)
	e.wantOnce(t, "edited")
	e.requestRefresh(t, "1")
	e.settle(t)
	e.wantOnce(t, "of version-1")
	if handled := e.now(t).Status.LastHandledRefresh; handled != "1" {
		t.Errorf("the handled refresh is %q", handled)
	}
}

func (e *environment) requestRefresh(t *testing.T, token string) {
	t.Helper()
	e.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: token}
		secretSync.Generation-- // The API server counts only spec.
	})
}

// TestOnceRunsAgain: after a refresh request, a deletion of the Secret, and another name for it.
func TestOnceRunsAgain(t *testing.T) {
	e := newEnvironment(t, once())
	e.settle(t)
	e.aws.version = "version-2"
	e.requestRefresh(t, "1")
	e.settle(t)
	e.wantOnce(t, "of version-2")
	e.aws.version = "version-3"
	if err := e.server.Delete(t.Context(), e.secret(t, "db")); err != nil {
		t.Fatal(err)
	}
	e.settle(t)
	e.wantOnce(t, "of version-3")
	e.aws.version = "version-4"
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "other" })
	e.settle(t)
	if renamed := e.secret(t, "other"); renamed == nil || string(renamed.Data["value"]) != "of version-4" || e.secret(t, "db") != nil {
		t.Errorf("after the renaming there are %v and %v", renamed, e.secret(t, "db"))
	}
}

// TestOnceTriesAFailedRefreshAgain, until it succeeds.
func TestOnceTriesAFailedRefreshAgain(t *testing.T) {
	e := newEnvironment(t, once())
	e.settle(t)
	e.aws.version, e.aws.refusal = "version-2", &source.Error{Kind: source.SecretNotFound, Explanation: "gone"}
	e.requestRefresh(t, "1")
	for range 2 {
		e.settle(t)
		if ready := e.ready(t); ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonSecretNotFound {
			t.Fatalf("Ready is %+v", ready)
		}
		e.after(time.Hour)
	}
	e.aws.refusal = nil
	e.settle(t)
	e.wantOnce(t, "of version-2")
}

// TestOnceWritesASecretThatIsHandedOver: only the version's annotation says that the Secret was written.
func TestOnceWritesASecretThatIsHandedOver(t *testing.T) {
	e := newEnvironment(t, once(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "db", Annotations: map[string]string{v1alpha1.AnnotationOwner: "db"}},
		Data:       map[string][]byte{"value": []byte("of another tool")},
	})
	e.settle(t)
	e.wantOnce(t, "of version-1")
}
