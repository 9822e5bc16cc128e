package secretsync

import (
	"context"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestTheSecretThatASpecAsksFor, with the version that it holds, its owner, and the state that the write replaces.
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
	rendered := assemble.Content{Labels: map[string]string{"team": "b", "env": "c"}, Annotations: map[string]string{"note": "d", v1alpha1.AnnotationVersionID: "v0"}}
	for name, test := range map[string]struct {
		spec v1alpha1.SecretSyncSpec
		want target.Desired
	}{
		"no more than the secret": {v1alpha1.SecretSyncSpec{}, of(func(*target.Desired) {})},
		"rendered metadata, which overrides": {v1alpha1.SecretSyncSpec{
			Target:   v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{"team": "a", "own": "a"}, Annotations: map[string]v1alpha1.AnnotationValue{"note": "b"}},
			Template: &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{Labels: map[string]string{"env": "c"}}},
		}, of(func(wanted *target.Desired) {
			wanted.Labels = map[string]string{"team": "b", "own": "a", "env": "c"}
			wanted.Annotations["note"] = "d"
		})},
		"rendered metadata, by names that values give": {v1alpha1.SecretSyncSpec{
			Template: &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{AnnotationsFrom: "{{ .a }}"}},
		}, of(func(wanted *target.Desired) {
			wanted.Labels, wanted.MetadataFromValues = rendered.Labels, true
			wanted.Annotations["note"] = "d"
		})},
		"all that there is": {v1alpha1.SecretSyncSpec{Target: v1alpha1.SecretTarget{
			Type: "kubernetes.io/basic-auth", Labels: map[string]v1alpha1.LabelValue{"team": "a"}, Annotations: map[string]v1alpha1.AnnotationValue{"note": "b"}, Immutable: true, ReplacePolicy: v1alpha1.ReplaceRecreate,
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
		"keys in a Secret of another owner": {v1alpha1.SecretSyncSpec{Target: mergeOf("db", false)},
			of(func(wanted *target.Desired) { wanted.OwnerReference, wanted.Merge = nil, true })},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			test.spec.Source.SecretID = "db"
			secretSync.Spec, secretSync.Status.Secret = *test.spec.DeepCopy(), written
			set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
			set.Inputs[0].Fetched.Version = source.Version{ARN: "arn", ID: "v1"}
			a := &attempt{secretSync: secretSync, state: &objectState{}, found: ownwrites.Found{State: found}}
			content := assemble.Content{Data: test.want.Data}
			if test.spec.Template != nil {
				content.Labels, content.Annotations = rendered.Labels, rendered.Annotations
			}
			if diff := cmp.Diff(test.want, desired(a, set, content), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("it wants another Secret (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.spec, secretSync.Spec); diff != "" {
				t.Errorf("it has changed the spec (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnEditedSpecWakesThoseWhoWantTheSecret: it may leave keys to them, which a new version does not.
func TestAnEditedSpecWakesThoseWhoWantTheSecret(t *testing.T) {
	secretSync, app := merging()
	other, elsewhere := rival("rival", "app"), rival("elsewhere", "app")
	elsewhere.Namespace = "another"
	e := newEnvironment(t, secretSync, app, other, elsewhere)
	wakes := func(when string, want bool) {
		t.Helper()
		e.settle(t)
		if woken, surely := e.wakes.take(client.ObjectKeyFromObject(other)); woken != want || surely != want {
			t.Errorf("%s: the other SecretSync is woken: %v, surely: %v", when, woken, surely)
		}
	}
	wakes("the first write", false)
	e.due(t, "version-2")
	wakes("a new version", false)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}} })
	wakes("an edited spec", true)
	if woken, _ := e.wakes.take(client.ObjectKeyFromObject(elsewhere)); woken {
		t.Error("a SecretSync that wants a Secret of another namespace is woken")
	}
}

// due has AWS move to a version, and plans a poll for now.
func (e *environment) due(t *testing.T, version string) {
	t.Helper()
	e.aws.version = version
	e.pollAt(e.clock.Now())
}

// TestWhatOthersDoDuringAWriteIsReconciled at once, and the event of the write itself sets nothing off.
func TestWhatOthersDoDuringAWriteIsReconciled(t *testing.T) {
	for name, watched := range map[string]string{"no other write": "", "another write": "9999999"} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			e := newEnvironment(t, secretSync, app)
			e.settle(t)
			e.due(t, "version-2")
			e.onWrite = func(context.CancelFunc) {
				if watched != "" && !e.state().writes.Own(watched) {
					t.Error("what the watch shows during the write is taken for another writer's")
				}
			}
			if result := e.turn(t); result.RequeueAfter <= firstLagWait != (watched != "") {
				t.Errorf("the next reconcile comes after %s", result.RequeueAfter)
			}
			if !e.state().writes.Own(e.secret(t, "app").ResourceVersion) {
				t.Error("what the watch shows of the write afterwards is taken for another writer's")
			}
		})
	}
}

// TestWhatOthersDoDuringARefusedWriteIsReconciled at once; without that the next try has its wait.
func TestWhatOthersDoDuringARefusedWriteIsReconciled(t *testing.T) {
	for name, watched := range map[string]string{"no other write": "", "another write": "9999999"} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			e.settle(t)
			e.due(t, "version-2")
			e.through(interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
				if _, own := object.(*v1alpha1.SecretSync); own {
					return c.Patch(ctx, object, patch, options...)
				}
				if watched != "" {
					e.state().writes.Own(watched)
				}
				return forbidden(object.GetName())
			}})
			if result := e.turn(t); result.RequeueAfter <= firstLagWait != (watched != "") {
				t.Errorf("the next reconcile comes after %s", result.RequeueAfter)
			}
			if reason := e.now(t).FailureReason(); reason != v1alpha1.ReasonTargetForbidden {
				t.Errorf("status has the reason %q", reason)
			}
		})
	}
}

// TestNoWriteIsTouchedThatWasNotBegun: what ends before it has its wait.
func TestNoWriteIsTouchedThatWasNotBegun(t *testing.T) {
	merge, app := merging()
	many := map[string][]byte{}
	for n := range lightKeys + 1 {
		many[strings.Repeat("k", n+1)] = nil
	}
	for name, test := range map[string]struct {
		secretSync *v1alpha1.SecretSync
		data       map[string][]byte
		want       func(error) bool
	}{
		"the finalizer meets another writer": {merge, nil, apierrors.IsConflict},
		"a large Secret has its turn":        {fresh(), many, func(err error) bool { return errors.Is(err, errLarge) }},
	} {
		e := newEnvironment(t, test.secretSync, app)
		e.conflicts = 1
		a := e.attempt(e.now(t), schedule.Spec)
		set := resolve.NewSet(resolve.Request{SecretSync: a.secretSync})
		write, touched, err := e.apply(t.Context(), a, set, assemble.Content{Data: test.data})
		if write != nil || !test.want(err) {
			t.Errorf("%s: written %t, with the error %v", name, write != nil, err)
		}
		if touched {
			t.Errorf("%s: another writer has touched the Secret", name)
		}
	}
}

// TestItsOwnWriteIsNoEditWhileTheWatchLags: neither the API server is asked for it, nor is the next write held up.
func TestItsOwnWriteIsNoEditWhileTheWatchLags(t *testing.T) {
	for name, annotated := range map[string]bool{"after a write": false, "after a reconcile that found an annotation of another writer": true} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			e.settle(t)
			before := target.SecretMetadata()
			if err := e.server.Get(t.Context(), here, before); err != nil {
				t.Fatal(err)
			}
			e.due(t, "version-2")
			e.settle(t)
			if annotated {
				e.tamper(t, func(secret *corev1.Secret) { secret.Annotations["note"] = "of another writer" })
				e.settle(t)
			}
			e.through(caching(func(of *metav1.PartialObjectMetadata) error {
				before.DeepCopyInto(of)
				return nil
			}))
			e.liveThrough(silent())
			e.due(t, "version-3")
			e.turn(t)
			if got := e.value(t); got != "of version-3" {
				t.Errorf("the Secret has the value %q", got)
			}
		})
	}
}

func spoil(secret *corev1.Secret) { secret.Data["value"] = []byte("spoilt") }

// fightRepairs is how many repairs are a fight (package ownwrites).
const fightRepairs = 5

// TestRepairsThatDoNotLastArePutOff, and status names the field manager that undoes them.
func TestRepairsThatDoNotLastArePutOff(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	for range fightRepairs {
		e.tamper(t, spoil)
		if e.settle(t); e.value(t) != "of version-1" {
			t.Fatalf("the Secret has the value %q", e.value(t))
		}
	}
	e.tamper(t, spoil)
	e.turn(t)
	ready := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionReady)
	if e.value(t) != "spoilt" {
		t.Errorf("after %d repairs the Secret has %q", fightRepairs, e.value(t))
	}
	if ready.Reason != v1alpha1.ReasonTargetConflict || !strings.Contains(ready.Message, "field manager kubectl-edit keeps changing") {
		t.Errorf("after %d repairs Ready says %s: %s", fightRepairs, ready.Reason, ready.Message)
	}
}

// TestWhatIsNoFight: neither new versions count as repairs nor edits of what the SecretSync does not own.
func TestWhatIsNoFight(t *testing.T) {
	for name, happens := range map[string]func(e *environment, n string){
		"new versions": func(e *environment, n string) { e.due(t, "version-"+n) },
		"annotations of another writer": func(e *environment, n string) {
			e.tamper(t, func(secret *corev1.Secret) { secret.Annotations["note"] = n })
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			e.settle(t)
			for n := range fightRepairs + 1 {
				happens(e, strings.Repeat("i", n+1))
				e.clock.SetTime(e.clock.Now().Add(time.Second))
				e.settle(t)
			}
			e.tamper(t, spoil)
			e.settle(t)
			if e.value(t) != "of "+e.aws.version {
				t.Errorf("the Secret has the value %q", e.value(t))
			}
		})
	}
}

// TestStatusHasWhatIsWorthKnowingOfTheKeys, as what keeps programs from using them.
func TestStatusHasWhatIsWorthKnowingOfTheKeys(t *testing.T) {
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	secretSync := fresh()
	secretSync.Spec.Target.Type = string(corev1.SecretTypeSSHAuth)
	secretSync.Spec.Data = []v1alpha1.DataKey{{Key: corev1.SSHAuthPrivateKey}}
	e := newEnvironment(t, secretSync)
	aws := account{"db": at("v1")}.source()
	aws.fetch = func(_ source.Ref, resolved source.Version) (source.Fetched, error) {
		return source.Fetched{Version: resolved, Value: source.TextValue(string(encrypted))}, nil
	}
	e.use(aws)
	e.settle(t)
	if warnings := e.now(t).Status.Secret.Warnings; len(warnings) != 1 || !strings.Contains(warnings[0], "is encrypted") {
		t.Errorf("status warns of %q", warnings)
	}
}

// TestNothingIsWrittenBeforeItIsKnownWhatChanges: the event of a write names the keys that it has changed.
func TestNothingIsWrittenBeforeItIsKnownWhatChanges(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.state().content.Forget() // As after a restart.
	e.liveThrough(silent())
	e.due(t, "version-2")
	result := e.turn(t)
	if e.value(t) != "of version-1" {
		t.Errorf("the Secret has %q", e.value(t))
	}
	if reason := e.now(t).FailureReason(); reason != v1alpha1.ReasonTargetFailed {
		t.Errorf("status has the reason %q", reason)
	}
	if result.RequeueAfter <= firstLagWait {
		t.Errorf("an API server that does not answer is asked again after %s", result.RequeueAfter)
	}
}
