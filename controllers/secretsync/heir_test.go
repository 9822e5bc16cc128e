package secretsync

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// claimant is a SecretSync that wants the Secret db, and was made that many minutes after noon.
func claimant(name string, made int, change func(*v1alpha1.SecretSync)) v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Name, secretSync.UID, secretSync.Spec.Target.Name = name, types.UID("uid-of-"+name), "db"
	secretSync.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(made) * time.Minute))
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
	goes := claimant("goes", 1, func(secretSync *v1alpha1.SecretSync) { secretSync.DeletionTimestamp = &now })
	merges := claimant("merges", 2, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
	})
	rests := claimant("rests", 3, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	observer := claimant("observes", 4, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = v1alpha1.SyncModeObserve })
	second, first := claimant("second", 6, nil), claimant("first", 5, nil)
	for name, test := range map[string]struct {
		claimants []v1alpha1.SecretSync
		heir      string
	}{
		"no one":                      {nil, ""},
		"its owner":                   {[]v1alpha1.SecretSync{owner}, ""},
		"one that goes":               {[]v1alpha1.SecretSync{goes}, ""},
		"one that merges":             {[]v1alpha1.SecretSync{merges}, ""},
		"one that is suspended":       {[]v1alpha1.SecretSync{rests}, ""},
		"one that observes":           {[]v1alpha1.SecretSync{observer}, ""},
		"one":                         {[]v1alpha1.SecretSync{first}, "first"},
		"the oldest that would write": {[]v1alpha1.SecretSync{owner, goes, merges, rests, observer, second, first}, "first"},
	} {
		w := newWorld(t, fresh())
		cached := slices.Clone(test.claimants)
		w.Client = listing(w.server, cached, nil)
		heir, err := w.heir(t.Context(), &owner, "db")
		if err != nil || (heir == nil) != (test.heir == "") || heir != nil && heir.Name != test.heir {
			t.Errorf("%s: the heir is %v (%v)", name, heir, err)
		}
		if got := namesOf(cached); !slices.Equal(got, namesOf(test.claimants)) {
			t.Errorf("%s: the cache has now %q", name, got)
		}
	}
}

// TestASecretIsHandedOver to the one that waits for it, once its owner wants another.
func TestASecretIsHandedOver(t *testing.T) {
	for name, trouble := range map[string]error{"the heir is known": nil, "the heir is not known": errAway} {
		w := newWorld(t, fresh())
		w.settle(t)
		heir := claimant("heir", 0, nil)
		if err := w.server.Create(t.Context(), &heir); err != nil {
			t.Fatal(err)
		}
		before := w.secret(t, "db")
		w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
		if trouble != nil {
			w.Client = listing(w.Client.(client.WithWatch), nil, trouble)
			p := w.begin(w.now(t), w.memories.of(here, "uid"))
			if err := w.leave(t.Context(), p); !errors.Is(err, trouble) {
				t.Errorf("%s: the error is %v", name, err)
			}
		} else {
			w.settle(t)
		}
		after := w.secret(t, "db")
		if after == nil || after.UID != before.UID || string(after.Data["value"]) != "of version-1" {
			t.Fatalf("%s: the Secret is not the same", name)
		}
		if owner, want := after.Annotations[v1alpha1.AnnotationOwner], map[bool]string{true: heir.Name, false: here.Name}[trouble == nil]; owner != want {
			t.Errorf("%s: the Secret is %s's", name, owner)
		}
	}
}
