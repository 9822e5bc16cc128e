package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestTheSecretThatASpecAsksFor, with the version that it holds, whom it goes with, and what is known of it.
func TestTheSecretThatASpecAsksFor(t *testing.T) {
	found, written := target.State{Exists: true, UID: "1"}, &v1alpha1.SecretStatus{Name: "db", UID: "1"}
	pinned := "11111111-2222-3333-4444-555555555555"
	of := func(change func(*target.Desired)) target.Desired {
		wanted := target.Desired{
			Namespace: "payments", Name: "db", Owner: "db", Type: corev1.SecretTypeOpaque, Generation: 1,
			Annotations: map[string]string{v1alpha1.AnnotationSecretARN: "arn", v1alpha1.AnnotationVersionID: "v1", v1alpha1.AnnotationVersionStage: "AWSCURRENT"},
			Data:        map[string][]byte{"value": []byte("v")}, Found: found, Previous: written,
			OwnerReference: &metav1.OwnerReference{APIVersion: "secretsync.dev/v1alpha1", Kind: "SecretSync", Name: "db", UID: "uid", Controller: new(true)},
		}
		change(&wanted)
		return wanted
	}
	for name, test := range map[string]struct {
		spec v1alpha1.SecretSyncSpec
		want target.Desired
	}{
		"no more than the secret": {v1alpha1.SecretSyncSpec{}, of(func(*target.Desired) {})},
		"all that there is": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{
			Type: "kubernetes.io/basic-auth", Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b"}, Immutable: true, ReplacePolicy: v1alpha1.ReplaceRecreate,
		}}, of(func(wanted *target.Desired) {
			wanted.Type, wanted.Labels, wanted.Immutable, wanted.Recreate = corev1.SecretTypeBasicAuth, map[string]string{"team": "a"}, true, true
			wanted.Annotations["note"] = "b"
		})},
		"a pinned version": {v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{VersionID: pinned}},
			of(func(wanted *target.Desired) { delete(wanted.Annotations, v1alpha1.AnnotationVersionStage) })},
		"another name than it had": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{Name: "new"}},
			of(func(wanted *target.Desired) { wanted.Name, wanted.Previous = "new", nil })},
		"a Secret that stays": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{DeletionPolicy: v1alpha1.DeletionPolicyRetain}},
			of(func(wanted *target.Desired) { wanted.OwnerReference = nil })},
		"keys in a Secret of others": {v1alpha1.SecretSyncSpec{Target: mergeOf("db", false)},
			of(func(wanted *target.Desired) { wanted.OwnerReference, wanted.Merge = nil, true })},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			test.spec.Source.SecretID = "db"
			secretSync.Spec, secretSync.Status.Secret = *test.spec.DeepCopy(), written
			p := New(Options{}).begin(secretSync, &memory{})
			p.inputs[0].fetched.Version, p.data, p.found = source.Version{ARN: "arn", ID: "v1"}, test.want.Data, found
			if diff := cmp.Diff(test.want, desired(p)) + cmp.Diff(test.spec, secretSync.Spec); diff != "" {
				t.Errorf("it wants another Secret, or has changed the spec (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnEditedSpecWakesThoseWhoWantTheSecret: it may leave keys to them, which a new version does not.
func TestAnEditedSpecWakesThoseWhoWantTheSecret(t *testing.T) {
	secretSync, app := merging()
	other, stranger := rival("rival", "app"), rival("stranger", "app")
	stranger.Namespace = "another"
	w := newWorld(t, secretSync, app, other, stranger)
	wakes := func(when string, want bool) {
		t.Helper()
		w.settle(t)
		if woken, surely := w.memories.takeWoken(client.ObjectKeyFromObject(other)); woken != want || surely != want {
			t.Errorf("%s: the other one is woken: %v, surely: %v", when, woken, surely)
		}
	}
	wakes("the first write", false)
	w.due(t, "version-2")
	wakes("a new version", false)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}} })
	wakes("an edited spec", true)
	if woken, _ := w.memories.takeWoken(client.ObjectKeyFromObject(stranger)); woken {
		t.Error("one that wants a Secret of another namespace is woken")
	}
}

// due has AWS move to a version, and a poll look for it.
func (w *world) due(t *testing.T, version string) {
	t.Helper()
	w.aws.version = version
	w.memories.byName[here].nextLook.set(w.clock.Now())
}

// TestWhatOthersDoDuringAWriteIsLookedAt at once, and what the watch says of the write itself is no news.
func TestWhatOthersDoDuringAWriteIsLookedAt(t *testing.T) {
	for name, seen := range map[string]string{"no other write": "", "another write": "9999999"} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			w := newWorld(t, secretSync, app)
			w.settle(t)
			w.due(t, "version-2")
			w.onWrite = func(context.CancelFunc) {
				if seen != "" && !w.memories.echoed(here, seen) {
					t.Error("what the watch brings during the write is taken for news")
				}
			}
			if result := w.turn(t); result.RequeueAfter <= cacheLag != (seen != "") {
				t.Errorf("the next pass comes after %s", result.RequeueAfter)
			}
			if !w.memories.echoed(here, w.secret(t, "app").ResourceVersion) {
				t.Error("what the watch brings of the write afterwards is taken for news")
			}
		})
	}
}

// TestItsOwnWriteIsNoEditWhileTheWatchLags: neither the API server is asked for it, nor is the next write held up.
func TestItsOwnWriteIsNoEditWhileTheWatchLags(t *testing.T) {
	for name, annotated := range map[string]bool{"after a write": false, "after a look that found an annotation of others": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh())
			w.settle(t)
			before := target.SecretMetadata()
			if err := w.server.Get(t.Context(), here, before); err != nil {
				t.Fatal(err)
			}
			w.due(t, "version-2")
			w.settle(t)
			if annotated {
				w.tamper(t, func(secret *corev1.Secret) { secret.Annotations["note"] = "of others" })
				w.settle(t)
			}
			w.through(caching(func(of *metav1.PartialObjectMetadata) error {
				before.DeepCopyInto(of)
				return nil
			}))
			w.liveThrough(silent())
			w.due(t, "version-3")
			w.turn(t)
			if got := w.value(t); got != "of version-3" {
				t.Errorf("the Secret has the value %q", got)
			}
		})
	}
}

// tamper edits the Secret as a user does.
func (w *world) tamper(t *testing.T, change func(*corev1.Secret)) {
	t.Helper()
	secret := w.secret(t, "db")
	change(secret)
	if err := w.server.Update(t.Context(), secret, client.FieldOwner("kubectl-edit")); err != nil {
		t.Fatal(err)
	}
}

func spoil(secret *corev1.Secret) { secret.Data["value"] = []byte("spoilt") }

// TestRepairsThatDoNotLastArePutOff, and status names the one who undoes them.
func TestRepairsThatDoNotLastArePutOff(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	for range fightRepairs {
		w.tamper(t, spoil)
		if w.settle(t); w.value(t) != "of version-1" {
			t.Fatalf("the Secret has the value %q", w.value(t))
		}
	}
	w.tamper(t, spoil)
	w.turn(t)
	ready := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady)
	if w.value(t) != "spoilt" || ready.Reason != v1alpha1.ReasonTargetConflict || !strings.Contains(ready.Message, "field manager kubectl-edit keeps changing") {
		t.Errorf("after %d repairs the Secret has %q; Ready says %s: %s", fightRepairs, w.value(t), ready.Reason, ready.Message)
	}
}

// TestWhatIsNoFight: neither new versions nor edits of what is not the SecretSync's count as repairs.
func TestWhatIsNoFight(t *testing.T) {
	for name, happens := range map[string]func(w *world, n string){
		"new versions":          func(w *world, n string) { w.due(t, "version-"+n) },
		"annotations of others": func(w *world, n string) { w.tamper(t, func(secret *corev1.Secret) { secret.Annotations["note"] = n }) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh())
			w.settle(t)
			for n := range fightRepairs + 1 {
				happens(w, strings.Repeat("i", n+1))
				w.clock.SetTime(w.clock.Now().Add(time.Second))
				w.settle(t)
			}
			w.tamper(t, spoil)
			w.settle(t)
			if w.value(t) != "of "+w.aws.version {
				t.Errorf("the Secret has the value %q", w.value(t))
			}
		})
	}
}

// TestNothingIsWrittenBeforeItIsKnownWhatChanges: the event of a write names the keys that it has changed.
func TestNothingIsWrittenBeforeItIsKnownWhatChanges(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.memories.byName[here].prints = nil // As after a restart.
	w.liveThrough(silent())
	w.due(t, "version-2")
	w.turn(t)
	if w.value(t) != "of version-1" || troubleOf(w.now(t)) != v1alpha1.ReasonTargetFailed {
		t.Errorf("the Secret has %q, status tells of %q", w.value(t), troubleOf(w.now(t)))
	}
}
