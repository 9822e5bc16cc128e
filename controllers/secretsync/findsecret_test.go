package secretsync

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// meanwhile is a source that lets something happen, once, after a value was read and before the reconcile has it.
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

// stalled is an environment in sync with version-1 whose next reconcile finds version-2, and stalls once it has read that.
func stalled(t *testing.T, secretSync *v1alpha1.SecretSync, happens func(e *environment), secrets ...client.Object) *environment {
	t.Helper()
	e := newEnvironment(t, secretSync, secrets...)
	e.settle(t)
	e.use(&meanwhile{Source: e.aws, happens: func() { happens(e) }})
	e.aws.version = "version-2"
	e.clock.SetTime(noon.Add(10 * time.Minute))
	return e
}

// TestWhatASuccessorHasWrittenStays: a replica that was stopped between the read of a version and its write finds that the
// Secret was written since, and reads again.
func TestWhatASuccessorHasWrittenStays(t *testing.T) {
	written := func(e *environment) {
		secret := e.secret(t, e.now(t).TargetName())
		secret.Data["value"] = []byte("of version-3")
		if err := e.server.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		e.aws.version = "version-3"
	}
	merge, app := merging()
	for name, e := range map[string]*environment{"its own Secret": stalled(t, fresh(), written), "one it merges into": stalled(t, merge, written, app)} {
		for range 4 {
			e.turn(t)
			if value := string(e.secret(t, e.now(t).TargetName()).Data["value"]); value != "of version-3" {
				t.Fatalf("%s: it was written over by the value %s", name, value)
			}
		}
		if e.settle(t); e.now(t).Status.Sources[0].VersionID != "version-3" {
			t.Errorf("%s: status has %s", name, e.now(t).Status.Sources[0].VersionID)
		}
	}
}

// TestAnotherProcessesStatusIsNotWrittenOver, while edits of spec and metadata keep no report back.
func TestAnotherProcessesStatusIsNotWrittenOver(t *testing.T) {
	secretSync, app := merging()
	e := stalled(t, secretSync, func(e *environment) {
		successor := e.now(t)
		successor.Status.LastHandledRefresh = "by the successor"
		if err := e.server.Status().Update(t.Context(), successor); err != nil {
			t.Fatal(err)
		}
	}, app)
	e.sent()
	if result := e.turn(t); result.RequeueAfter == 0 || result.RequeueAfter > nextLagWait {
		t.Errorf("the next reconcile comes after %s", result.RequeueAfter)
	}
	if status := e.now(t).Status; status.LastHandledRefresh != "by the successor" || status.Sources[0].VersionID != "version-1" {
		t.Errorf("status was written over: it has %s, refresh %q", status.Sources[0].VersionID, status.LastHandledRefresh)
	}
	if sent := e.sent(); len(sent) != 0 {
		t.Errorf("events: %q", sent)
	}
	e.settle(t)
	if status := e.now(t).Status; status.LastHandledRefresh != "by the successor" || status.Sources[0].VersionID != "version-2" {
		t.Errorf("the next reconcile leaves status with %s, refresh %q", status.Sources[0].VersionID, status.LastHandledRefresh)
	}

	secretSync, app = merging()
	e = stalled(t, secretSync, func(e *environment) {
		edited := e.now(t)
		edited.Labels = map[string]string{"team": "payments"}
		if err := e.server.Update(t.Context(), edited); err != nil {
			t.Fatal(err)
		}
	}, app)
	if e.turn(t); e.now(t).Status.Sources[0].VersionID != "version-2" {
		t.Error("a label has kept the report back")
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
	e := newEnvironment(t, secretSync, app)
	e.through(caching(labelled))
	if e.turn(t); string(e.secret(t, "app").Data["value"]) != "of version-1" {
		t.Error("no key is merged into a Secret that has no label yet")
	}

	e, asked := newEnvironment(t, fresh()), 0
	e.through(caching(labelled))
	e.liveThrough(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
		asked++
		return c.Get(ctx, key, object, options...)
	}})
	if e.settle(t); e.value(t) != "of version-1" {
		t.Errorf("the Secret has the value %q", e.value(t))
	}
	if asked > 0 {
		t.Errorf("the API server is asked %d times for a Secret of its own", asked)
	}
	stripped := e.secret(t, "db")
	stripped.Labels, stripped.Data = nil, nil
	if err := e.server.Update(t.Context(), stripped); err != nil {
		t.Fatal(err)
	}
	if e.turn(t); e.value(t) != "of version-1" || e.secret(t, "db").Labels[v1alpha1.LabelManaged] == "" {
		t.Error("a Secret that has lost its label is not restored by the first reconcile")
	}
}

// TestAReconcileEndsWhereItsSecretCannotBeFound, before AWS is asked.
func TestAReconcileEndsWhereItsSecretCannotBeFound(t *testing.T) {
	failing := caching(func(*metav1.PartialObjectMetadata) error { return errSilent })
	for name, fails := range map[string]func(e *environment){
		"the cache": func(e *environment) { e.through(failing) },
		"the API server, after a race": func(e *environment) {
			e.state().cache.races = 1
			e.liveThrough(failing)
		},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, app := merging()
			e := newEnvironment(t, secretSync, app)
			e.states.of(here, secretSync.UID)
			fails(e)
			if e.turn(t); e.aws.asked > 0 || e.now(t).FailureReason() != v1alpha1.ReasonTargetFailed {
				t.Errorf("AWS is asked %d times, status has the reason %q", e.aws.asked, e.now(t).FailureReason())
			}
		})
	}
}

// TestAfterARaceTheSecretIsReadAtTheAPIServer: the cache has met the race with the state that lost it.
func TestAfterARaceTheSecretIsReadAtTheAPIServer(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	e.through(caching(func(of *metav1.PartialObjectMetadata) error {
		of.ResourceVersion = "1"
		return nil
	}))
	e.turn(t)
	if e.state().cache.races != 1 {
		t.Fatal("a write over a state that is out of date is no race")
	}
	if e.turn(t); string(e.secret(t, "app").Data["value"]) != "of version-1" {
		t.Error("the reconcile after a race goes by the cache again")
	}
}
