package secretsync

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

var errSilent = errors.New("the API server is away")

// through lets the requests of the operator, but for those of a live reader, pass through these functions.
func (w *world) through(funcs interceptor.Funcs) {
	w.Client = interceptor.NewClient(w.Client.(client.WithWatch), funcs)
	w.secrets.Client = w.Client
}

// liveThrough does so with what is read from the API server itself.
func (w *world) liveThrough(funcs interceptor.Funcs) {
	w.Live = interceptor.NewClient(w.server, funcs)
	w.secrets.Live = w.Live
}

// silent is an API server that does not answer when it is asked itself.
func silent() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return errSilent
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return errSilent
		},
	}
}

func mergeOf(name string, retain bool) v1alpha1.SecretTarget {
	made := v1alpha1.SecretTarget{Name: name, CreationPolicy: v1alpha1.CreationPolicyMerge}
	if retain {
		made.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	}
	return made
}

// TestWhatAFormerSpecHasWrittenGoesByThePresentPolicy: once the Secret of another name is written.
func TestWhatAFormerSpecHasWrittenGoesByThePresentPolicy(t *testing.T) {
	type left struct{ Exists, Key, Owner bool }
	for name, test := range map[string]struct {
		merge, retain bool
		want          left
	}{
		"its own Secret is deleted":  {false, false, left{}},
		"its own Secret is retained": {false, true, left{Exists: true, Key: true}},
		"its keys are taken out":     {true, false, left{Exists: true}},
		"its keys are retained":      {true, true, left{Exists: true, Key: true}},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			if !test.merge {
				secretSync = fresh()
			}
			w := newWorld(t, secretSync, app)
			w.settle(t)
			former := w.now(t).Status.Secret.Name
			w.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "new"}
				if test.retain {
					secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
				}
			})
			w.settle(t)
			var got left
			if secret := w.secret(t, former); secret != nil {
				got = left{true, secret.Data["value"] != nil, len(secret.OwnerReferences) > 0}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || w.now(t).Status.Secret.Name != "new" {
				t.Errorf("of the former Secret is left (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAFormerSecretIsNotForgottenBeforeItIsDealtWith: what is refused is tried again, and nothing else is done instead.
func TestAFormerSecretIsNotForgottenBeforeItIsDealtWith(t *testing.T) {
	refused := interceptor.Funcs{Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
		if object.GetName() != "new" && object.GetObjectKind().GroupVersionKind().Kind == "Secret" {
			return forbidden(object.GetName())
		}
		return c.Patch(ctx, object, patch, options...)
	}}
	unlisted := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return errSilent
	}}
	for name, test := range map[string]struct {
		merge, retain, heir bool
		fails               interceptor.Funcs
	}{
		"its keys can't be taken out":           {true, false, false, refused},
		"it can't be freed of its owner":        {false, true, false, refused},
		"it can't be handed over":               {false, false, true, refused},
		"it is not known whether it is awaited": {false, false, true, unlisted},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			if !test.merge {
				secretSync = fresh()
			}
			objects := []client.Object{app}
			if test.heir {
				objects = append(objects, rival("heir", "db"))
			}
			w := newWorld(t, secretSync, objects...)
			w.settle(t)
			former := w.now(t).Status.Secret.Name
			w.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "new"}
				if test.retain {
					secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
				}
			})
			w.through(test.fails)
			_, _ = w.Reconcile(t.Context(), requestHere())
			_, _ = w.Reconcile(t.Context(), requestHere())
			if known := w.now(t).Status.Secret; known.Name != former {
				t.Errorf("status speaks of Secret %s", known.Name)
			}
			if secret := w.secret(t, former); secret == nil || secret.Data["value"] == nil || !test.merge && len(secret.OwnerReferences) == 0 {
				t.Error("the former Secret is not what it was")
			}
			if w.secret(t, "new") == nil {
				t.Error("the new Secret is not there")
			}
		})
	}
}

// rival is another SecretSync that wants the Secret of that name.
func rival(name, secret string) *v1alpha1.SecretSync {
	other := fresh()
	other.Name, other.UID = name, types.UID("uid-of-"+name)
	other.Spec.Target.Name = secret
	return other
}

// TestAFormerSecretIsHandedOverWhereItCanBe, and deleted where the one that waits for it could not write it.
func TestAFormerSecretIsHandedOverWhereItCanBe(t *testing.T) {
	for name, kind := range map[string]string{"of the type that is wanted": "", "of another type": string(corev1.SecretTypeBasicAuth)} {
		t.Run(name, func(t *testing.T) {
			heir := rival("heir", "db")
			heir.Spec.Target.Type = kind
			w := newWorld(t, fresh(), heir)
			w.settle(t)
			w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
			w.settle(t)
			secret := w.secret(t, "db")
			if handed := secret != nil && secret.Annotations[v1alpha1.AnnotationOwner] == "heir"; handed != (kind == "") {
				t.Errorf("it is there: %v, handed over: %v", secret != nil, handed)
			}
			if kind != "" && secret != nil {
				t.Error("a Secret stays that neither of them wants")
			}
		})
	}
}

func TestTheFinalizerIsForWhatHasToBeTakenOut(t *testing.T) {
	for name, test := range map[string]struct {
		target v1alpha1.SecretTarget
		want   bool
	}{
		"a Secret of its own":    {v1alpha1.SecretTarget{Name: "own"}, false},
		"keys that go":           {mergeOf("app", false), true},
		"keys that are retained": {mergeOf("app", true), false},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			secretSync.Spec.Target = test.target
			w := newWorld(t, secretSync, app)
			w.settle(t)
			if got := slices.Contains(w.now(t).Finalizers, v1alpha1.FinalizerMerge); got != test.want {
				t.Errorf("it has the finalizer: %v", got)
			}
		})
	}
}

// TestNoKeyIsMergedWithoutTheFinalizer: its write may meet another one, or a newer SecretSync.
func TestNoKeyIsMergedWithoutTheFinalizer(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	w.conflicts = 1
	w.turn(t)
	if len(w.secret(t, "app").Data) != 0 {
		t.Error("a key is written, and no finalizer is set")
	}
	stale := w.now(t)
	held := w.now(t)
	held.Finalizers = []string{"example.com/hold"}
	if err := w.server.Update(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	if err := w.guardMerge(t.Context(), stale); !apierrors.IsConflict(err) || !slices.Equal(w.now(t).Finalizers, held.Finalizers) {
		t.Errorf("over the finalizers %q, by one who has not seen them: %v", w.now(t).Finalizers, err)
	}
	read := w.now(t)
	if err := w.guardMerge(t.Context(), read); err != nil || !cmp.Equal(read.ObjectMeta, w.now(t).ObjectMeta) {
		t.Errorf("after the write the pass goes on with another state than there is: %v", err)
	}
}

// TestKeepFreesWhatNoPassCouldWrite, and leaves alone what a pass has written, what is not its own, and what it does not
// know enough of.
func TestKeepFreesWhatNoPassCouldWrite(t *testing.T) {
	fault := "a field"
	for name, test := range map[string]struct {
		change func(p *pass)
		want   bool
	}{
		"a pass that failed":                 {func(*pass) {}, true},
		"one that found nothing to do":       {func(p *pass) { p.trigger = triggerNone }, false},
		"a suspended one":                    {func(p *pass) { p.trigger, p.sync.Spec.Suspend = triggerNone, true }, true},
		"one that has written":               {func(p *pass) { p.applied = &target.Result{} }, false},
		"one that never has":                 {func(p *pass) { p.sync.Status.Secret = nil }, false},
		"one that has merged":                {func(p *pass) { p.sync.Status.Secret.CreationPolicy = v1alpha1.CreationPolicyMerge }, false},
		"one with a spec that can't be read": {func(p *pass) { p.sync.Unreadable = &fault }, false},
		"the present spec has written":       {func(p *pass) { p.sync.Status.Secret.Generation = p.sync.Generation }, false},
		"it is not to be retained":           {func(p *pass) { p.sync.Spec.Target.DeletionPolicy = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := retainingSync(t)
			test.change(p)
			if err := w.keep(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if freed := len(w.secret(t, "db").OwnerReferences) == 0; freed != test.want {
				t.Errorf("it is freed: %v", freed)
			}
		})
	}
}

// retainingSync is a world with a Secret, and a pass by a spec that retains it, and that has not written it.
func retainingSync(t *testing.T) (*world, *pass) {
	t.Helper()
	w := newWorld(t, fresh())
	w.settle(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	})
	p := w.begin(w.now(t), w.memories.of(here, "uid"))
	p.trigger = triggerSpec
	return w, p
}

func TestKeepTellsItsOwnWriteFromThoseOfOthers(t *testing.T) {
	for name, seen := range map[string]string{"no other write": "", "others write at the same time": "9999999"} {
		t.Run(name, func(t *testing.T) {
			w, p := retainingSync(t)
			w.onWrite = func(context.CancelFunc) {
				if seen != "" && !w.memories.echoed(here, seen) {
					t.Error("what the watch brings during the write is taken for news")
				}
			}
			if err := w.keep(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if p.touched != (seen != "") {
				t.Errorf("others have touched it: %v", p.touched)
			}
			if now := w.secret(t, "db").ResourceVersion; !w.memories.echoed(here, now) || w.memories.echoed(here, "9999999") {
				t.Errorf("resourceVersion %s is not known as its own", now)
			}
		})
	}
}

// TestKeepHidesNoEdit: what others have changed before is repaired by the next pass that can.
func TestKeepHidesNoEdit(t *testing.T) {
	w, p := retainingSync(t)
	edited := w.secret(t, "db")
	edited.Data["value"] = []byte("edited")
	if err := w.server.Update(t.Context(), edited); err != nil {
		t.Fatal(err)
	}
	known := p.sync.Status.Secret.ResourceVersion
	w.refusal["db"] = forbidden("db")
	if err := w.keep(t.Context(), p); err == nil {
		t.Error("a Secret that could not be freed counts as free")
	}
	delete(w.refusal, "db")
	if err := w.keep(t.Context(), p); err != nil || p.sync.Status.Secret.ResourceVersion != known {
		t.Errorf("status has resourceVersion %s, %v", p.sync.Status.Secret.ResourceVersion, err)
	}
}

// put writes a key into a Secret as the SecretSync does.
func (w *world) put(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		body, err := json.Marshal(corev1ac.Secret(name, here.Namespace).WithData(map[string][]byte{"value": []byte("v")}))
		if err != nil {
			t.Fatal(err)
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: name}}
		if err := w.server.Patch(t.Context(), secret, client.RawPatch(types.ApplyPatchType, body), client.FieldOwner(target.FieldOwner(here.Name))); err != nil {
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
		"merged by the former spec and the present one":         {&v1alpha1.SecretStatus{Name: "a", CreationPolicy: mergedInto}, mergeOf("b", false), []string{"a", "b"}},
		"merged, and status does not know yet":                  {nil, mergeOf("b", false), []string{"b"}},
		"merged as status says":                                 {&v1alpha1.SecretStatus{Name: "b", CreationPolicy: mergedInto}, mergeOf("b", false), []string{"b"}},
		"merged after it had a Secret of its own":               {&v1alpha1.SecretStatus{Name: "a", CreationPolicy: owned}, mergeOf("b", false), []string{"b"}},
		"merged before it had a Secret of its own":              {&v1alpha1.SecretStatus{Name: "a", CreationPolicy: mergedInto}, v1alpha1.SecretTarget{Name: "b"}, []string{"a"}},
		"merged, and to be retained since the last pass did so": {&v1alpha1.SecretStatus{Name: "b", CreationPolicy: mergedInto}, mergeOf("b", true), nil},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Finalizers, secretSync.Spec.Target, secretSync.Status.Secret = []string{v1alpha1.FinalizerMerge, "example.com/hold"}, test.target, test.written
			w := newWorld(t, secretSync)
			w.put(t, "a", "b")
			if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
				t.Fatal(err)
			}
			w.turn(t)
			var out []string
			for _, name := range []string{"a", "b"} {
				if w.secret(t, name).Data["value"] == nil {
					out = append(out, name)
				}
			}
			if diff := cmp.Diff(test.want, out); diff != "" || slices.Contains(w.now(t).Finalizers, v1alpha1.FinalizerMerge) {
				t.Errorf("finalizers %q; (-want +got):\n%s", w.now(t).Finalizers, diff)
			}
			done := w.now(t).ResourceVersion
			if w.turn(t); w.now(t).ResourceVersion != done {
				t.Error("a SecretSync that others keep from going is written again")
			}
		})
	}
}

// TestADeletionGoesOnAfterWhatIsOver: each of these ends by itself or by others, and the keys do not stay for it.
func TestADeletionGoesOnAfterWhatIsOver(t *testing.T) {
	quota := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "app", errors.New("exceeded quota: small, requested: secrets=1, used: secrets=1, limited: secrets=1"))
	for name, fails := range map[string]func(w *world) (end func()){
		"a quota": func(w *world) func() {
			w.refusal["app"] = quota
			return func() { delete(w.refusal, "app") }
		},
		"a conflict over the finalizer": func(w *world) func() {
			w.conflicts = 1
			return func() {}
		},
		"an API server that does not say whether it still goes": func(w *world) func() {
			w.Live = interceptor.NewClient(w.server, silent())
			return func() { w.Live = w.server }
		},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			w := newWorld(t, secretSync, app)
			w.settle(t)
			if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
				t.Fatal(err)
			}
			end := fails(w)
			result, err := w.Reconcile(t.Context(), requestHere())
			if err == nil && result.RequeueAfter == 0 || w.now(t).Finalizers == nil {
				t.Fatalf("it is not tried again: %v", err)
			}
			end()
			w.turn(t)
			if err := w.server.Get(t.Context(), here, &v1alpha1.SecretSync{}); !apierrors.IsNotFound(err) || w.secret(t, "app").Data["value"] != nil {
				t.Errorf("the SecretSync or its key is still there: %v", err)
			}
		})
	}
}

// TestASecretSyncThatIsGoneNeedsNoRelease: the watch may be behind.
func TestASecretSyncThatIsGoneNeedsNoRelease(t *testing.T) {
	secretSync, _ := merging()
	secretSync.Finalizers = []string{v1alpha1.FinalizerMerge}
	w := newWorld(t, rival("another", "app"))
	if _, err := w.release(t.Context(), secretSync, &memory{}); err != nil {
		t.Error(err)
	}
}

func requestHere() reconcile.Request { return reconcile.Request{NamespacedName: here} }
