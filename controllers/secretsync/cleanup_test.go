package secretsync

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// claimant is a SecretSync that wants the Secret db, and was created that many minutes after noon.
func claimant(name string, created int, change func(*v1alpha1.SecretSync)) v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Name, secretSync.UID, secretSync.Spec.Target.Name = name, types.UID("uid-of-"+name), "db"
	secretSync.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(created) * time.Minute))
	if change != nil {
		change(secretSync)
	}
	return *secretSync
}

// listing is a client whose cache lists these SecretSyncs, and gives its own objects.
func listing(next client.WithWatch, syncs []v1alpha1.SecretSync, err error) client.WithWatch {
	return interceptor.NewClient(next, interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
			list.(*v1alpha1.SecretSyncList).Items = syncs
			return err
		},
	})
}

func namesOf(syncs []v1alpha1.SecretSync) (names []string) {
	for i := range syncs {
		names = append(names, syncs[i].Name)
	}
	return names
}

// TestWhoInheritsASecret: the oldest of those that would write it. The cache's own list stays as it is.
func TestWhoInheritsASecret(t *testing.T) {
	now := metav1.NewTime(noon)
	owner := claimant("owner", 0, nil)
	deleted := claimant("deleted", 1, func(secretSync *v1alpha1.SecretSync) { secretSync.DeletionTimestamp = &now })
	merges := claimant("merges", 2, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
	})
	suspended := claimant("suspended", 3, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	observer := claimant("observes", 4, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeObserve })
	second, first := claimant("second", 6, nil), claimant("first", 5, nil)
	for name, test := range map[string]struct {
		claimants []v1alpha1.SecretSync
		heir      string
	}{
		"none":                        {nil, ""},
		"its owner":                   {[]v1alpha1.SecretSync{owner}, ""},
		"one that is being deleted":   {[]v1alpha1.SecretSync{deleted}, ""},
		"one that merges":             {[]v1alpha1.SecretSync{merges}, ""},
		"one that is suspended":       {[]v1alpha1.SecretSync{suspended}, ""},
		"one that observes":           {[]v1alpha1.SecretSync{observer}, ""},
		"one":                         {[]v1alpha1.SecretSync{first}, "first"},
		"the oldest that would write": {[]v1alpha1.SecretSync{owner, deleted, merges, suspended, observer, second, first}, "first"},
	} {
		e := newEnvironment(t, fresh())
		cached := slices.Clone(test.claimants)
		e.options.Client = listing(e.server, cached, nil)
		heir, err := e.heir(t.Context(), &owner, "db")
		if err != nil || (heir == nil) != (test.heir == "") || heir != nil && heir.Name != test.heir {
			t.Errorf("%s: the heir is %v (%v), want %q", name, heir, err, test.heir)
		}
		if got := namesOf(cached); !slices.Equal(got, namesOf(test.claimants)) {
			t.Errorf("%s: the cache has now %q", name, got)
		}
	}
}

// TestASecretIsHandedOver to the one that waits for it, once its owner wants another.
func TestASecretIsHandedOver(t *testing.T) {
	for name, failure := range map[string]error{"the heir is known": nil, "the heir is not known": errAway} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		heir := claimant("heir", 0, nil)
		if err := e.server.Create(t.Context(), &heir); err != nil {
			t.Fatal(err)
		}
		before := e.secret(t, "db")
		e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
		if failure != nil {
			e.options.Client = listing(e.options.Client.(client.WithWatch), nil, failure)
			if err := e.leaveFormer(t.Context(), e.now(t)); !errors.Is(err, failure) {
				t.Errorf("%s: the error is %v", name, err)
			}
		} else {
			e.settle(t)
		}
		after := e.secret(t, "db")
		if after == nil || after.UID != before.UID || string(after.Data["value"]) != "of version-1" {
			t.Fatalf("%s: the Secret is not the same", name)
		}
		if owner, want := after.Annotations[v1alpha1.AnnotationOwner], map[bool]string{true: heir.Name, false: here.Name}[failure == nil]; owner != want {
			t.Errorf("%s: the Secret belongs to %s, want %s", name, owner, want)
		}
	}
}

// The Secret of a former name is not forgotten before it is deleted.
func TestWhatCouldNotBeCleanedUpIsTriedAgain(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
	e.refusal["db"] = forbidden("db")
	e.settle(t)
	status := e.now(t).Status
	if status.Secret.Name != "db" {
		t.Errorf("after a refused delete status has %+v", status.Secret)
	}
	if reason := e.ready(t).Reason; reason != v1alpha1.ReasonTargetForbidden {
		t.Errorf("after a refused delete the reason is %s", reason)
	}
	if e.secret(t, "new") == nil {
		t.Error("the Secret of the new name is not there")
	}
	delete(e.refusal, "db")
	e.clock.SetTime(noon.Add(firstRetry))
	e.settle(t)
	if e.secret(t, "db") != nil {
		t.Error("the Secret of the former name stays for ever")
	}
	if written := e.now(t).Status.Secret; written.Name != "new" {
		t.Errorf("status has %+v", written)
	}
}

// A user who asks for Retain while nothing can be written must not lose the Secret with the SecretSync.
func TestRetainIsKeptWithoutAWrite(t *testing.T) {
	for name, stop := range map[string]func(e *environment, spec *v1alpha1.SecretSyncSpec){
		"AWS refuses": func(e *environment, _ *v1alpha1.SecretSyncSpec) {
			e.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "gone"}
		},
		"suspended": func(_ *environment, spec *v1alpha1.SecretSyncSpec) { spec.Suspend = true },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			e.settle(t)
			if owners := e.secret(t, "db").OwnerReferences; len(owners) != 1 || owners[0].UID != types.UID("uid") {
				t.Fatalf("owners: %v", owners)
			}
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
				stop(e, &secretSync.Spec)
			})
			e.settle(t)
			secret := e.secret(t, "db")
			if len(secret.OwnerReferences) != 0 {
				t.Errorf("owners: %v", secret.OwnerReferences)
			}
			if value := e.value(t); value != "of version-1" {
				t.Errorf("the Secret has the value %q", value)
			}
			if known := e.now(t).Status.Secret.ResourceVersion; known != secret.ResourceVersion {
				t.Errorf("status has the resourceVersion %s, and the Secret %s: the operator's own write will count as an edit", known, secret.ResourceVersion)
			}
		})
	}
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
			e := newEnvironment(t, secretSync, app)
			e.settle(t)
			former := e.now(t).Status.Secret.Name
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "new"}
				if test.retain {
					secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
				}
			})
			e.settle(t)
			var got left
			if secret := e.secret(t, former); secret != nil {
				got = left{true, secret.Data["value"] != nil, len(secret.OwnerReferences) > 0}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("of the former Secret is left (-want +got):\n%s", diff)
			}
			if written := e.now(t).Status.Secret; written.Name != "new" {
				t.Errorf("status has %+v", written)
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
			e := newEnvironment(t, secretSync, objects...)
			e.settle(t)
			former := e.now(t).Status.Secret.Name
			e.edit(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "new"}
				if test.retain {
					secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
				}
			})
			e.through(test.fails)
			_, _ = e.Reconcile(t.Context(), requestHere())
			_, _ = e.Reconcile(t.Context(), requestHere())
			if known := e.now(t).Status.Secret; known.Name != former {
				t.Errorf("status has Secret %s", known.Name)
			}
			switch secret := e.secret(t, former); {
			case secret == nil:
				t.Error("the former Secret is gone")
			case secret.Data["value"] == nil:
				t.Error("the former Secret has lost its key")
			case !test.merge && len(secret.OwnerReferences) == 0:
				t.Error("the former Secret has lost its owner")
			}
			if e.secret(t, "new") == nil {
				t.Error("the new Secret is not there")
			}
		})
	}
}

// TestAFormerSecretIsHandedOverWhereItCanBe, and deleted where the one that waits for it could not write it.
func TestAFormerSecretIsHandedOverWhereItCanBe(t *testing.T) {
	for name, kind := range map[string]string{"of the type that is wanted": "", "of another type": string(corev1.SecretTypeBasicAuth)} {
		t.Run(name, func(t *testing.T) {
			heir := rival("heir", "db")
			heir.Spec.Target.Type = kind
			e := newEnvironment(t, fresh(), heir)
			e.settle(t)
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
			e.settle(t)
			secret := e.secret(t, "db")
			if handed := secret != nil && secret.Annotations[v1alpha1.AnnotationOwner] == "heir"; handed != (kind == "") {
				t.Errorf("it is there: %v, handed over: %v", secret != nil, handed)
			}
			if kind != "" && secret != nil {
				t.Error("a Secret stays that neither of them wants")
			}
		})
	}
}

// TestDisownFreesWhatNoReconcileCouldWrite, and leaves alone what a reconcile has written, what the SecretSync does not
// own, and what is not known well enough.
func TestDisownFreesWhatNoReconcileCouldWrite(t *testing.T) {
	fault := "a field"
	for name, test := range map[string]struct {
		change func(a *attempt)
		write  *status.Write
		want   bool
	}{
		"a reconcile that failed":            {func(*attempt) {}, nil, true},
		"one that found nothing to do":       {func(a *attempt) { a.trigger = schedule.None }, nil, false},
		"a suspended one":                    {func(a *attempt) { a.trigger, a.secretSync.Spec.Suspend = schedule.None, true }, nil, true},
		"one that has written":               {func(*attempt) {}, &status.Write{Result: &target.Result{}}, false},
		"one that never has":                 {func(a *attempt) { a.secretSync.Status.Secret = nil }, nil, false},
		"one that has merged":                {func(a *attempt) { a.secretSync.Status.Secret.CreationPolicy = v1alpha1.CreationPolicyMerge }, nil, false},
		"one with a spec that can't be read": {func(a *attempt) { a.secretSync.Unreadable = &fault }, nil, false},
		"the present spec has written":       {func(a *attempt) { a.secretSync.Status.Secret.Generation = a.secretSync.Generation }, nil, false},
		"it is not to be retained":           {func(a *attempt) { a.secretSync.Spec.Target.DeletionPolicy = "" }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			e, a := retainingSync(t)
			test.change(a)
			if _, err := e.disown(t.Context(), a, test.write); err != nil {
				t.Fatal(err)
			}
			if freed := len(e.secret(t, "db").OwnerReferences) == 0; freed != test.want {
				t.Errorf("it is freed: %v", freed)
			}
		})
	}
}

// retainingSync is an environment with a Secret, and an attempt by a spec that retains it, and that has not written it.
func retainingSync(t *testing.T) (*environment, *attempt) {
	t.Helper()
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	})
	return e, e.attempt(e.now(t), schedule.Spec)
}

// TestDisownTellsItsOwnWriteFromThoseOfOthers, which the watch may show at the same time.
func TestDisownTellsItsOwnWriteFromThoseOfOthers(t *testing.T) {
	for name, watched := range map[string]string{"no other write": "", "others write at the same time": "9999999"} {
		t.Run(name, func(t *testing.T) {
			e, a := retainingSync(t)
			e.onWrite = func(context.CancelFunc) {
				if watched != "" && !e.state().writes.Own(watched) {
					t.Error("what the watch shows during the write is taken for another writer's")
				}
			}
			touched, err := e.disown(t.Context(), a, nil)
			if err != nil {
				t.Fatal(err)
			}
			if touched != (watched != "") {
				t.Errorf("others have touched it: %v", touched)
			}
			if now := e.secret(t, "db").ResourceVersion; !e.state().writes.Own(now) {
				t.Errorf("resourceVersion %s is not known as its own", now)
			}
			if e.state().writes.Own("9999999") {
				t.Error("another writer's resourceVersion is taken for its own")
			}
		})
	}
}

// TestWhatOthersDoWhileASecretIsFreedIsReconciled at once; without that the next try has its wait.
func TestWhatOthersDoWhileASecretIsFreedIsReconciled(t *testing.T) {
	for name, watched := range map[string]string{"no other write": "", "another write": "9999999"} {
		t.Run(name, func(t *testing.T) {
			e, _ := retainingSync(t)
			e.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "gone"}
			e.onWrite = func(context.CancelFunc) {
				if watched != "" {
					e.state().writes.Own(watched)
				}
			}
			if result := e.turn(t); result.RequeueAfter <= firstLagWait != (watched != "") {
				t.Errorf("the next reconcile comes after %s", result.RequeueAfter)
			}
			if owners := e.secret(t, "db").OwnerReferences; len(owners) != 0 {
				t.Errorf("owners: %v", owners)
			}
		})
	}
}

// TestDisownHidesNoEdit: what others have changed before is repaired by the next reconcile that can.
func TestDisownHidesNoEdit(t *testing.T) {
	e, a := retainingSync(t)
	edited := e.secret(t, "db")
	edited.Data["value"] = []byte("edited")
	if err := e.server.Update(t.Context(), edited); err != nil {
		t.Fatal(err)
	}
	known := a.secretSync.Status.Secret.ResourceVersion
	e.refusal["db"] = forbidden("db")
	if _, err := e.disown(t.Context(), a, nil); err == nil {
		t.Error("a Secret that could not be freed counts as free")
	}
	delete(e.refusal, "db")
	if _, err := e.disown(t.Context(), a, nil); err != nil {
		t.Error(err)
	}
	if now := a.state.seen.Secret().Latest(a.secretSync.Status.Secret); now.ResourceVersion != known {
		t.Errorf("the Secret is known as desired at resourceVersion %s, and was at %s", now.ResourceVersion, known)
	}
}

// TestARemovalFollowsFromTheLatestSpec: the name of the Secret is changed back while the Secret of the former name is
// about to be deleted.
func TestARemovalFollowsFromTheLatestSpec(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
	e.state().content.Forget()
	e.use(&meanwhile{Source: e.aws, happens: func() {
		e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "" })
	}})
	e.turn(t)
	if e.secret(t, "db") == nil {
		t.Error("the Secret was deleted that is the right one again")
	}
	e.settle(t)
	if e.secret(t, "db") == nil {
		t.Error("the Secret is gone")
	}
}

func TestARemovalNeedsTheSecretSyncAsItWasRead(t *testing.T) {
	none := func(err error) bool { return err == nil }
	unknown := func(err error) bool { return errors.Is(err, errSilent) }
	for name, test := range map[string]struct {
		change func(e *environment)
		want   func(error) bool
	}{
		"as it was": {func(*environment) {}, none},
		"with another label": {func(e *environment) {
			labelled := e.now(t)
			labelled.Labels = map[string]string{"team": "payments"}
			_ = e.server.Update(t.Context(), labelled)
		}, none},
		"gone":      {func(e *environment) { _ = e.server.Delete(t.Context(), e.now(t)) }, apierrors.IsNotFound},
		"recreated": {func(e *environment) { e.replace(t) }, apierrors.IsNotFound},
		"edited":    {func(e *environment) { e.edit(t, func(*v1alpha1.SecretSync) {}) }, apierrors.IsConflict},
		"being deleted": {func(e *environment) {
			held := e.now(t)
			held.Finalizers = []string{"example.com/hold"}
			_ = e.server.Update(t.Context(), held)
			_ = e.server.Delete(t.Context(), held)
		}, apierrors.IsConflict},
		"not known": {func(e *environment) { e.liveThrough(silent()) }, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			read := e.now(t)
			test.change(e)
			if err := e.still(read)(t.Context()); !test.want(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}
