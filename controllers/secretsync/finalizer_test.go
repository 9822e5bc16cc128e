package secretsync

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestTheFinalizerComesFirstAndGoesLast: before the first key is merged, and after the last one is taken out.
func TestTheFinalizerComesFirstAndGoesLast(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	guarded := func() bool { return slices.Contains(e.now(t).Finalizers, v1alpha1.FinalizerMerge) }
	e.refusal["app"] = forbidden("app")
	e.settle(t)
	if !guarded() {
		t.Error("a key may be written before the finalizer is set")
	}
	delete(e.refusal, "app")
	e.clock.SetTime(noon.Add(firstRetry))
	e.settle(t)

	e.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyOwner
	})
	e.settle(t)
	if ready := e.ready(t); ready.Reason != v1alpha1.ReasonTargetConflict || !guarded() {
		t.Errorf("with keys in the Secret of another owner: %s, with the finalizer: %v", ready.Reason, guarded())
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "own"} })
	e.settle(t)
	if guarded() {
		t.Error("the finalizer stays, though no key is left in the Secret of another owner")
	}
}

// TestTheFinalizerIsForWhatHasToBeTakenOut: for keys in a Secret of another owner that are not retained.
func TestTheFinalizerIsForWhatHasToBeTakenOut(t *testing.T) {
	for name, test := range map[string]struct {
		target v1alpha1.SecretTarget
		want   bool
	}{
		"a Secret of its own":     {v1alpha1.SecretTarget{Name: "own"}, false},
		"keys that are taken out": {mergeOf("app", false), true},
		"keys that are retained":  {mergeOf("app", true), false},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			secretSync.Spec.Target = test.target
			e := newEnvironment(t, secretSync, app)
			e.settle(t)
			if got := slices.Contains(e.now(t).Finalizers, v1alpha1.FinalizerMerge); got != test.want {
				t.Errorf("it has the finalizer: %v", got)
			}
		})
	}
}

// TestNoKeyIsMergedWithoutTheFinalizer: its write may meet another finalizer's, or a newer SecretSync.
func TestNoKeyIsMergedWithoutTheFinalizer(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	e.conflicts = 1
	e.turn(t)
	if len(e.secret(t, "app").Data) != 0 {
		t.Error("a key is written, and no finalizer is set")
	}
	stale := e.now(t)
	held := e.now(t)
	held.Finalizers = []string{"example.com/hold"}
	if err := e.server.Update(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	if err := e.addFinalizer(t.Context(), stale); !apierrors.IsConflict(err) || !slices.Equal(e.now(t).Finalizers, held.Finalizers) {
		t.Errorf("over finalizers that the reconcile has not read, which are now %q: %v", e.now(t).Finalizers, err)
	}
	read := e.now(t)
	if err := e.addFinalizer(t.Context(), read); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(e.now(t).ObjectMeta, read.ObjectMeta); diff != "" {
		t.Errorf("after the write the reconcile goes on with another state than there is (-want +got):\n%s", diff)
	}
}

// TestADeletionThatFailsIsReportedAndTriedAgain where the failure may end by itself, suspended or not.
func TestADeletionThatFailsIsReportedAndTriedAgain(t *testing.T) {
	for name, suspended := range map[string]bool{"not suspended": false, "suspended": true} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			e := newEnvironment(t, secretSync, app)
			e.settle(t)
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = suspended })
			e.settle(t)
			e.sent()
			e.refusal["app"] = forbidden("app")
			if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
				t.Fatal(err)
			}
			if result := e.turn(t); result.RequeueAfter <= 0 || result.RequeueAfter > firstRetry {
				t.Errorf("it is tried again after %s", result.RequeueAfter)
			}
			if reason := e.now(t).FailureReason(); reason != v1alpha1.ReasonTargetForbidden {
				t.Errorf("status has the reason %q", reason)
			}
			e.turn(t)
			if sent := e.sent(); len(sent) != 1 || !strings.Contains(sent[0], status.EventFailed) {
				t.Errorf("events: %q", sent)
			}
			delete(e.refusal, "app")
			e.turn(t)
			if err := e.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) {
				t.Errorf("the SecretSync is still there: %v", err)
			}
		})
	}
}

// TestADeletionThatMeetsConflictsAsksTheAPIServer in the end: the watch may show another SecretSync than there is.
func TestADeletionThatMeetsConflictsAsksTheAPIServer(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	e.settle(t)
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	e.shows(t, e.now(t))
	e.edit(t, func(*v1alpha1.SecretSync) {})
	for n := range maxConflicts {
		if result := e.turn(t); result.RequeueAfter < firstLagWait {
			t.Errorf("conflict %d: it is tried again after %s", n+1, result.RequeueAfter)
		}
	}
	e.turn(t)
	if err := e.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) {
		t.Errorf("after %d conflicts it is still there: %v", maxConflicts, err)
	}
}

// TestADeletionIsNotHeldUpForGood by what the API server never allows.
func TestADeletionIsNotHeldUpForGood(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	e.settle(t)
	e.sent()
	e.refusal["app"] = apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "app",
		field.ErrorList{field.Forbidden(field.NewPath("data"), "field is immutable when `immutable` is set")})
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	e.turn(t)
	if err := e.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) {
		t.Errorf("the SecretSync is still there: %v", err)
	}
	if sent := e.sent(); len(sent) != 1 || !strings.Contains(sent[0], "immutable") || !strings.Contains(sent[0], "stay") {
		t.Errorf("events: %q", sent)
	}
}

// TestADeletionGoesOnAfterWhatIsOver: each of these ends by itself or by others, and the keys do not stay for it.
func TestADeletionGoesOnAfterWhatIsOver(t *testing.T) {
	quota := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "app", errors.New("exceeded quota: small, requested: secrets=1, used: secrets=1, limited: secrets=1"))
	for name, fails := range map[string]func(e *environment) (end func()){
		"a quota": func(e *environment) func() {
			e.refusal["app"] = quota
			return func() { delete(e.refusal, "app") }
		},
		"a conflict over the finalizer": func(e *environment) func() {
			e.conflicts = 1
			return func() {}
		},
		"an API server that does not say whether it is still being deleted": func(e *environment) func() {
			e.options.Live = interceptor.NewClient(e.server, silent())
			return func() { e.options.Live = e.server }
		},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			e := newEnvironment(t, secretSync, app)
			e.settle(t)
			if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
				t.Fatal(err)
			}
			end := fails(e)
			result, err := e.Reconcile(t.Context(), requestHere())
			if err == nil && result.RequeueAfter == 0 {
				t.Fatal("it is not tried again")
			}
			if e.now(t).Finalizers == nil {
				t.Fatal("the finalizer is gone before the key is")
			}
			end()
			e.turn(t)
			if err := e.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) {
				t.Errorf("the SecretSync is still there: %v", err)
			}
			if e.secret(t, "app").Data["value"] != nil {
				t.Error("its key is still there")
			}
		})
	}
}

// A SecretSync that another finalizer holds back is not overdue.
func TestNothingIsDueOfASecretSyncThatIsBeingDeleted(t *testing.T) {
	secretSync := fresh()
	secretSync.Finalizers = []string{"example.com/hold"}
	e := newEnvironment(t, secretSync)
	e.settle(t)
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	e.turn(t)
	if overdue := e.states.mostOverdue(noon.AddDate(0, 0, 1)); overdue != 0 {
		t.Errorf("it is overdue by %s", overdue)
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Finalizers = nil })
	e.turn(t)
	if len(e.states.byName) != 0 {
		t.Error("it is remembered")
	}
}

// put writes a key into a Secret as the SecretSync does.
func (e *environment) put(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		body, err := json.Marshal(corev1ac.Secret(name, here.Namespace).WithData(map[string][]byte{"value": []byte("v")}))
		if err != nil {
			t.Fatal(err)
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: name}}
		if err := e.server.Patch(t.Context(), secret, client.RawPatch(types.ApplyPatchType, body), client.FieldOwner(target.FieldOwner(here.Name))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsTakenOutAtTheEnd: keys that were merged, and nothing else.
func TestWhatIsTakenOutAtTheEnd(t *testing.T) {
	owned, mergedInto := v1alpha1.CreationPolicyOwner, v1alpha1.CreationPolicyMerge
	for name, test := range map[string]struct {
		written *v1alpha1.SecretStatus
		target  v1alpha1.SecretTarget
		want    []string // Those that lose the key.
	}{
		"merged by the former spec and the present one":       {&v1alpha1.SecretStatus{Name: "a", CreationPolicy: mergedInto}, mergeOf("b", false), []string{"a", "b"}},
		"merged, and not in status yet":                       {nil, mergeOf("b", false), []string{"b"}},
		"merged, as status has it":                            {&v1alpha1.SecretStatus{Name: "b", CreationPolicy: mergedInto}, mergeOf("b", false), []string{"b"}},
		"merged after it had a Secret of its own":             {&v1alpha1.SecretStatus{Name: "a", CreationPolicy: owned}, mergeOf("b", false), []string{"b"}},
		"merged before it had a Secret of its own":            {&v1alpha1.SecretStatus{Name: "a", CreationPolicy: mergedInto}, v1alpha1.SecretTarget{Name: "b"}, []string{"a"}},
		"merged, and to be retained since the last reconcile": {&v1alpha1.SecretStatus{Name: "b", CreationPolicy: mergedInto}, mergeOf("b", true), nil},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Finalizers, secretSync.Spec.Target, secretSync.Status.Secret = []string{v1alpha1.FinalizerMerge, "example.com/hold"}, test.target, test.written
			e := newEnvironment(t, secretSync)
			e.put(t, "a", "b")
			if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
				t.Fatal(err)
			}
			e.turn(t)
			var out []string
			for _, name := range []string{"a", "b"} {
				if e.secret(t, name).Data["value"] == nil {
					out = append(out, name)
				}
			}
			if diff := cmp.Diff(test.want, out); diff != "" {
				t.Errorf("Secrets that have lost the key (-want +got):\n%s", diff)
			}
			if finalizers := e.now(t).Finalizers; slices.Contains(finalizers, v1alpha1.FinalizerMerge) {
				t.Errorf("the finalizers are %q", finalizers)
			}
			done := e.now(t).ResourceVersion
			if e.turn(t); e.now(t).ResourceVersion != done {
				t.Error("a SecretSync that another finalizer holds back is written again")
			}
		})
	}
}

// TestASecretSyncThatIsGoneNeedsNoRelease: the watch may lag.
func TestASecretSyncThatIsGoneNeedsNoRelease(t *testing.T) {
	secretSync, _ := merging()
	secretSync.Finalizers = []string{v1alpha1.FinalizerMerge}
	e := newEnvironment(t, rival("another", "app"))
	if _, err := e.finalize(t.Context(), secretSync, e.states.of(here, secretSync.UID)); err != nil {
		t.Error(err)
	}
}
