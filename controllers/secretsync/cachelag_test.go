package secretsync

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
)

// shown is a client whose cache shows a SecretSync as it was, and a Secret as it was; nil shows what there is.
type shown struct {
	client.Client
	secretSync *v1alpha1.SecretSync
	secret     *metav1.PartialObjectMetadata
}

func (s *shown) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	switch into := object.(type) {
	case *v1alpha1.SecretSync:
		if s.secretSync != nil {
			s.secretSync.DeepCopyInto(into)
			return nil
		}
	case *metav1.PartialObjectMetadata:
		if s.secret != nil {
			s.secret.DeepCopyInto(into)
			return nil
		}
	}
	return s.Client.Get(ctx, key, object, options...)
}

// server is an API server that lists one SecretSync by its name, as it is or as it is set.
type server struct {
	client.Reader
	secretSync *v1alpha1.SecretSync
	reads      int
}

func (s *server) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	s.reads++
	found := &v1alpha1.SecretSync{}
	if s.secretSync != nil {
		found = s.secretSync
	} else if err := s.Get(ctx, here, found); err != nil {
		return client.IgnoreNotFound(err)
	}
	list.(*v1alpha1.SecretSyncList).Items = []v1alpha1.SecretSync{*found.DeepCopy()}
	return nil
}

// behindTheWatch is an environment in sync whose watch can lag.
func behindTheWatch(t *testing.T) (*environment, *shown, *server) {
	t.Helper()
	e := newEnvironment(t, fresh())
	cache, live := &shown{Client: e.options.Client}, &server{Reader: e.options.Live}
	e.options.Client, e.options.Live, e.secrets.Client = cache, live, cache
	e.aws.version = "version-0"
	e.settle(t)
	e.aws.version = "version-1" // Secret and SecretSync are at later resourceVersions than their first.
	e.after(2 * e.options.PollInterval)
	e.settle(t)
	if held := string(e.secret(t, "db").Data["value"]); held != "of version-1" {
		t.Fatalf("the Secret holds the value %s", held)
	}
	return e, cache, live
}

// atVersion is the SecretSync with another resourceVersion.
func atVersion(secretSync *v1alpha1.SecretSync, resourceVersion string) *v1alpha1.SecretSync {
	other := secretSync.DeepCopy()
	other.ResourceVersion = resourceVersion
	return other
}

func TestAWatchThatLagsIsNotWaitedForWithoutEnd(t *testing.T) {
	e, cache, live := behindTheWatch(t)
	cache.secretSync = atVersion(e.now(t), "1")
	last := e.lastReconcile.get()
	for began := e.clock.Now(); e.clock.Now().Sub(began) < ownwrites.MaxWatchLag; {
		turn := e.turn(t)
		if turn.RequeueAfter == 0 || turn.RequeueAfter < nextLagWait && !e.clock.Now().Equal(began) {
			t.Fatalf("the next reconcile of an object that the watch has not shown yet comes after %s", turn.RequeueAfter)
		}
		if live.reads > 0 {
			t.Fatalf("the API server is asked after %s", e.clock.Now().Sub(began))
		}
		e.after(turn.RequeueAfter)
	}
	if !e.lastReconcile.get().Equal(last) {
		t.Error("to wait for the watch counts as a reconcile")
	}

	if turn := e.turn(t); live.reads != 1 || turn.RequeueAfter > ownwrites.MaxWatchLag {
		t.Errorf("the API server was asked %d times, and the next reconcile comes after %s", live.reads, turn.RequeueAfter)
	}
	if e.lastReconcile.get().Equal(last) {
		t.Error("a reconcile of what the API server has counts as none")
	}
	if stale, _ := e.states.stale(e.clock.Now()); stale != 1 {
		t.Errorf("%d SecretSyncs are stale", stale)
	}
	if err := e.CheckWatch(nil); err != nil {
		t.Errorf("after seconds: %v", err)
	}
	e.after(stuckAfter)
	if err := e.CheckWatch(nil); err == nil {
		t.Error("the operator is ready while its watch is stuck")
	}

	cache.secretSync = nil
	e.turn(t)
	if stale, _ := e.states.stale(e.clock.Now()); stale != 0 || e.CheckWatch(nil) != nil {
		t.Errorf("%d SecretSyncs are stale once the watch has caught up: %v", stale, e.CheckWatch(nil))
	}
}

func TestAWatchThatIsStuckDoesNotKeepARotationOut(t *testing.T) {
	e, cache, _ := behindTheWatch(t)
	cache.secretSync = atVersion(e.now(t), "1")
	e.turn(t)
	e.after(2 * e.options.PollInterval)
	e.aws.version = "version-2"
	e.turn(t)
	if held := string(e.secret(t, "db").Data["value"]); held != "of version-2" {
		t.Errorf("the Secret holds the value %s", held)
	}
}

func TestItsOwnWriteMayBeOnItsWay(t *testing.T) {
	e, cache, _ := behindTheWatch(t)
	is := e.secret(t, "db")
	cache.secret = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: is.Namespace, Name: is.Name, UID: is.UID, ResourceVersion: "1"}}
	e.state().writes.Begin() // The write was just now.
	e.state().writes.End(is.ResourceVersion, e.clock.Now())
	fetched := e.aws.fetched
	turn := e.turn(t)
	if e.aws.fetched != fetched {
		t.Error("a watch that lags is taken for an edit")
	}
	if turn.RequeueAfter > ownwrites.MaxWatchLag {
		t.Errorf("whether it was one is found out after %s", turn.RequeueAfter)
	}
	e.after(ownwrites.MaxWatchLag)
	e.turn(t)
	if e.aws.fetched != fetched {
		t.Error("a Secret that is as it was written is taken for one that was edited")
	}
}

func TestConflictsWithoutEndAreFewAndAskTheAPIServer(t *testing.T) {
	secretSync, app := merging()
	e := newEnvironment(t, secretSync, app)
	cache, live := &shown{Client: e.options.Client}, &server{Reader: e.options.Live}
	e.options.Client, e.options.Live = cache, live
	e.conflicts = 1000
	cache.secretSync = e.now(t)
	var waited time.Duration
	for range 20 {
		turn := e.turn(t)
		waited += turn.RequeueAfter
		e.after(turn.RequeueAfter)
	}
	if waited < 15*time.Second {
		t.Errorf("20 tries take %s", waited)
	}
	if live.reads == 0 {
		t.Error("the API server is not asked what there is")
	}
	e.conflicts = 0
	e.turn(t)
	if ready := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Status != metav1.ConditionTrue {
		t.Errorf("once writes pass, Ready is %v", ready)
	}
}

func TestConflictsAreWaitedForLongerAndLonger(t *testing.T) {
	lag := &cacheLag{}
	for n := range 100 {
		want := []time.Duration{firstLagWait, 2 * firstLagWait, 4 * firstLagWait, time.Second}[min(n, 3)]
		if got := lag.conflicted("7"); got != want {
			t.Fatalf("after %d conflicts it waits for %s", n+1, got)
		}
		for version, want := range map[string]bool{"7": n+1 >= maxConflicts, "8": false} {
			if got, _ := lag.judge(atVersion(fresh(), version), noon); (got == doubtful) != want {
				t.Fatalf("after %d conflicts at version 7 version %s is doubtful: %t", n+1, version, got == doubtful)
			}
		}
	}
	if got := lag.conflicted("8"); got != firstLagWait {
		t.Errorf("after the first conflict at another version it waits for %s", got)
	}
}
