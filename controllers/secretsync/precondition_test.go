package secretsync

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

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
func stalled(t *testing.T, sync *v1alpha1.SecretSync, happens func(w *world), secrets ...client.Object) *world {
	t.Helper()
	w := newWorld(t, sync, secrets...)
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
	sync, app := merging()
	w := stalled(t, sync, func(w *world) {
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

	sync, app = merging()
	w = stalled(t, sync, func(w *world) {
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
	w.edit(t, func(sync *v1alpha1.SecretSync) { sync.Spec.Target.Name = "new" })
	w.memories.byName[here].prints = nil
	w.Source = &meanwhile{Source: w.aws, happens: func() {
		w.edit(t, func(sync *v1alpha1.SecretSync) { sync.Spec.Target.Name = "" })
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
