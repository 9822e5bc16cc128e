package secretsync

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// meanwhile is a source that lets something happen, once, after a value was read and before the pass has it.
type meanwhile struct {
	source.Source
	happens func()
}

func (m *meanwhile) Fetch(ctx context.Context, ref source.Ref, version source.Version) (source.Fetched, error) {
	fetched, err := m.Source.Fetch(ctx, ref, version)
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
	}
	return fetched, err
}

// stalled is a world in sync with version-1 that notices version-2, and stalls once it has read that.
func stalled(t *testing.T, secretSync *v1alpha1.SecretSync, happens func(w *world), secrets ...client.Object) *world {
	t.Helper()
	w := newWorld(t, secretSync, secrets...)
	w.settle(t)
	w.Source = &meanwhile{Source: w.aws, happens: func() { happens(w) }}
	w.aws.version = "version-2"
	w.clock.SetTime(noon.Add(10 * time.Minute))
	return w
}

// TestWhatASuccessorHasWrittenStays: a replica that was stopped between the read of a version and its write finds that the
// Secret was written since, and reads again.
func TestWhatASuccessorHasWrittenStays(t *testing.T) {
	written := func(w *world) {
		secret := w.secret(t, w.now(t).TargetName())
		secret.Data["value"] = []byte("of version-3")
		if err := w.server.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		w.aws.version = "version-3"
	}
	merge, app := merging()
	for name, w := range map[string]*world{"its own Secret": stalled(t, fresh(), written), "one it merges into": stalled(t, merge, written, app)} {
		for range 4 {
			w.turn(t)
			if value := string(w.secret(t, w.now(t).TargetName()).Data["value"]); value != "of version-3" {
				t.Fatalf("%s: it was written over by the value %s", name, value)
			}
		}
		if w.settle(t); w.now(t).Status.Sources[0].VersionID != "version-3" {
			t.Errorf("%s: status tells of %s", name, w.now(t).Status.Sources[0].VersionID)
		}
	}
}

// TestAnotherProcessesStatusIsNotWrittenOver, while edits of spec and metadata keep no report back.
func TestAnotherProcessesStatusIsNotWrittenOver(t *testing.T) {
	secretSync, app := merging()
	w := stalled(t, secretSync, func(w *world) {
		successor := w.now(t)
		successor.Status.LastHandledRefresh = "by the successor"
		if err := w.server.Status().Update(t.Context(), successor); err != nil {
			t.Fatal(err)
		}
	}, app)
	w.sent()
	if result := w.turn(t); result.RequeueAfter == 0 || result.RequeueAfter > cacheLagNext {
		t.Errorf("the next pass comes after %s", result.RequeueAfter)
	}
	if status := w.now(t).Status; status.LastHandledRefresh != "by the successor" || status.Sources[0].VersionID != "version-1" || len(w.sent()) != 0 {
		t.Errorf("status was written over: it tells of %s, refresh %q", status.Sources[0].VersionID, status.LastHandledRefresh)
	}
	w.settle(t)
	if status := w.now(t).Status; status.LastHandledRefresh != "by the successor" || status.Sources[0].VersionID != "version-2" {
		t.Errorf("the next pass leaves status with %s, refresh %q", status.Sources[0].VersionID, status.LastHandledRefresh)
	}

	secretSync, app = merging()
	w = stalled(t, secretSync, func(w *world) {
		edited := w.now(t)
		edited.Labels = map[string]string{"team": "payments"}
		if err := w.server.Update(t.Context(), edited); err != nil {
			t.Fatal(err)
		}
	}, app)
	if w.turn(t); w.now(t).Status.Sources[0].VersionID != "version-2" {
		t.Error("a label has kept the report back")
	}
}

// TestARemovalFollowsFromTheLatestSpec: the name of the Secret is changed back while the Secret of the former name is
// about to be deleted.
func TestARemovalFollowsFromTheLatestSpec(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "new" })
	w.memories.byName[here].prints = nil
	w.Source = &meanwhile{Source: w.aws, happens: func() {
		w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Target.Name = "" })
	}}
	w.turn(t)
	if w.secret(t, "db") == nil {
		t.Error("the Secret was deleted that is the right one again")
	}
	w.settle(t)
	if w.secret(t, "db") == nil {
		t.Error("the Secret is gone")
	}
}

// caching has the cache answer with what shows makes of the metadata of a Secret.
func caching(shows func(of *metav1.PartialObjectMetadata) error) interceptor.Funcs {
	return interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
		err := c.Get(ctx, key, object, options...)
		if metadata, ok := object.(*metav1.PartialObjectMetadata); ok && err == nil {
			return shows(metadata)
		}
		return err
	}}
}

// labelled shows what the cache of the operator has: Secrets with its label.
func labelled(of *metav1.PartialObjectMetadata) error {
	if of.Labels[v1alpha1.LabelManaged] == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, of.Name)
	}
	return nil
}

// TestASecretIsFoundWhereItCanBeKnown: the cache has no Secret without the label, which the API server is asked for
// where it can be one to merge into or was the SecretSync's, and for no other.
func TestASecretIsFoundWhereItCanBeKnown(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	w.through(caching(labelled))
	if w.turn(t); string(w.secret(t, "app").Data["value"]) != "of version-1" {
		t.Error("no key is merged into a Secret that has no label yet")
	}

	w, asked := newWorld(t, fresh()), 0
	w.through(caching(labelled))
	w.liveThrough(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
		asked++
		return c.Get(ctx, key, object, options...)
	}})
	if w.settle(t); w.value(t) != "of version-1" || asked > 0 {
		t.Errorf("the API server is asked %d times for a Secret of its own", asked)
	}
	stripped := w.secret(t, "db")
	stripped.Labels, stripped.Data = nil, nil
	if err := w.server.Update(t.Context(), stripped); err != nil {
		t.Fatal(err)
	}
	if w.turn(t); w.value(t) != "of version-1" || w.secret(t, "db").Labels[v1alpha1.LabelManaged] == "" {
		t.Error("a Secret that has lost its label is not restored by the first pass")
	}
}

// TestAPassEndsWhereItsSecretCannotBeFound, before AWS is asked.
func TestAPassEndsWhereItsSecretCannotBeFound(t *testing.T) {
	failing := caching(func(*metav1.PartialObjectMetadata) error { return errSilent })
	for name, fails := range map[string]func(w *world){
		"the cache": func(w *world) { w.through(failing) },
		"the API server, after a race": func(w *world) {
			w.memories.byName[here].races = 1
			w.liveThrough(failing)
		},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			w := newWorld(t, secretSync, app)
			w.memories.of(here, secretSync.UID)
			fails(w)
			if w.turn(t); w.aws.asked > 0 || troubleOf(w.now(t)) != v1alpha1.ReasonTargetFailed {
				t.Errorf("AWS is asked %d times, status tells of %q", w.aws.asked, troubleOf(w.now(t)))
			}
		})
	}
}

// TestAfterARaceTheSecretIsReadAtTheAPIServer: the cache has met the race with the state that lost it.
func TestAfterARaceTheSecretIsReadAtTheAPIServer(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	w.through(caching(func(of *metav1.PartialObjectMetadata) error {
		of.ResourceVersion = "1"
		return nil
	}))
	w.turn(t)
	if w.memories.byName[here].races != 1 {
		t.Fatal("a write over a state that is out of date is no race")
	}
	if w.turn(t); string(w.secret(t, "app").Data["value"]) != "of version-1" {
		t.Error("the pass after a race goes by the cache again")
	}
}

func TestARemovalNeedsTheSecretSyncAsItWasRead(t *testing.T) {
	none := func(err error) bool { return err == nil }
	unknown := func(err error) bool { return errors.Is(err, errSilent) }
	for name, test := range map[string]struct {
		change func(w *world)
		want   func(error) bool
	}{
		"as it was": {func(*world) {}, none},
		"with another label": {func(w *world) {
			labelled := w.now(t)
			labelled.Labels = map[string]string{"team": "payments"}
			_ = w.server.Update(t.Context(), labelled)
		}, none},
		"gone":       {func(w *world) { _ = w.server.Delete(t.Context(), w.now(t)) }, apierrors.IsNotFound},
		"made again": {func(w *world) { w.replace(t, "another") }, apierrors.IsNotFound},
		"edited":     {func(w *world) { w.edit(t, func(*v1alpha1.SecretSync) {}) }, apierrors.IsConflict},
		"about to go": {func(w *world) {
			held := w.now(t)
			held.Finalizers = []string{"example.com/hold"}
			_ = w.server.Update(t.Context(), held)
			_ = w.server.Delete(t.Context(), held)
		}, apierrors.IsConflict},
		"not known": {func(w *world) { w.liveThrough(silent()) }, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh())
			read := w.now(t)
			test.change(w)
			if err := w.still(read)(t.Context()); !test.want(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// replace deletes the SecretSync and makes another one under its name.
func (w *world) replace(t *testing.T, uid types.UID) {
	t.Helper()
	former := w.now(t)
	if err := w.server.Delete(t.Context(), former); err != nil {
		t.Fatal(err)
	}
	made := former.DeepCopy()
	made.UID, made.ResourceVersion = uid, ""
	if err := w.server.Create(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	made.Status = former.Status
	if err := w.server.Status().Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}
