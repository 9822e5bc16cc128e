package secretsync

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// shown is a client whose cache shows a SecretSync as it was, and a Secret as it was; nil shows what there is.
type shown struct {
	client.Client
	sync   *v1alpha1.SecretSync
	secret *metav1.PartialObjectMetadata
}

func (s *shown) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	switch into := object.(type) {
	case *v1alpha1.SecretSync:
		if s.sync != nil {
			s.sync.DeepCopyInto(into)
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
	sync  *v1alpha1.SecretSync
	reads int
}

func (l *server) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	l.reads++
	found := &v1alpha1.SecretSync{}
	if l.sync != nil {
		found = l.sync
	} else if err := l.Get(ctx, here, found); err != nil {
		return client.IgnoreNotFound(err)
	}
	list.(*v1alpha1.SecretSyncList).Items = []v1alpha1.SecretSync{*found.DeepCopy()}
	return nil
}

// behindTheWatch is a world in sync whose watch can lag.
func behindTheWatch(t *testing.T) (*world, *shown, *server) {
	t.Helper()
	w := newWorld(t, fresh())
	cache, live := &shown{Client: w.Client}, &server{Reader: w.Live}
	w.Client, w.Live, w.secrets.Client = cache, live, cache
	w.aws.version = "version-0"
	w.settle(t)
	w.aws.version = "version-1" // Secret and SecretSync are at later resourceVersions than their first.
	w.after(2 * w.PollInterval)
	w.settle(t)
	if held := string(w.secret(t, "db").Data["value"]); held != "of version-1" {
		t.Fatalf("the Secret holds the value %s", held)
	}
	return w, cache, live
}

// atVersion is the SecretSync with another resourceVersion.
func atVersion(secretSync *v1alpha1.SecretSync, resourceVersion string) *v1alpha1.SecretSync {
	other := secretSync.DeepCopy()
	other.ResourceVersion = resourceVersion
	return other
}

func (w *world) after(wait time.Duration) { w.clock.SetTime(w.clock.Now().Add(wait)) }

func TestAWatchThatLagsIsNotWaitedForWithoutEnd(t *testing.T) {
	w, cache, live := behindTheWatch(t)
	cache.sync = atVersion(w.now(t), "1")
	passed := w.lastPass.get()
	for began := w.clock.Now(); w.clock.Now().Sub(began) < cacheLagMost; {
		turn := w.turn(t)
		if turn.RequeueAfter == 0 || turn.RequeueAfter < cacheLagNext && !w.clock.Now().Equal(began) {
			t.Fatalf("the next look at an object that the watch has not brought comes after %s", turn.RequeueAfter)
		}
		if live.reads > 0 {
			t.Fatalf("the API server is asked after %s", w.clock.Now().Sub(began))
		}
		w.after(turn.RequeueAfter)
	}
	if !w.lastPass.get().Equal(passed) {
		t.Error("a turn that waits for the watch counts as a pass")
	}

	if turn := w.turn(t); live.reads != 1 || turn.RequeueAfter > cacheLagMost {
		t.Errorf("the API server was asked %d times, and the next look comes after %s", live.reads, turn.RequeueAfter)
	}
	if w.lastPass.get().Equal(passed) {
		t.Error("a pass over what the API server says is none")
	}
	if stale := w.memories.stale(w.clock.Now()); stale != 1 {
		t.Errorf("%d SecretSyncs are stale", stale)
	}
	if err := w.CheckWatch(nil); err != nil {
		t.Errorf("after seconds: %v", err)
	}
	w.after(stuckAfter)
	if err := w.CheckWatch(nil); err == nil {
		t.Error("the operator is ready while its watch is stuck")
	}

	cache.sync = nil
	w.turn(t)
	if stale := w.memories.stale(w.clock.Now()); stale != 0 || w.CheckWatch(nil) != nil {
		t.Errorf("%d SecretSyncs are stale once the watch has caught up: %v", stale, w.CheckWatch(nil))
	}
}

func TestAWatchThatIsStuckDoesNotKeepARotationOut(t *testing.T) {
	w, cache, _ := behindTheWatch(t)
	cache.sync = atVersion(w.now(t), "1")
	w.turn(t)
	w.after(2 * w.PollInterval)
	w.aws.version = "version-2"
	w.turn(t)
	if held := string(w.secret(t, "db").Data["value"]); held != "of version-2" {
		t.Errorf("the Secret holds the value %s", held)
	}
}

func TestNothingIsRememberedFromBeforeARestore(t *testing.T) {
	w, cache, live := behindTheWatch(t)
	before := w.now(t)
	before.Spec.PollInterval = &metav1.Duration{Duration: time.Hour}
	cache.sync = atVersion(before, "1")
	live.sync = cache.sync
	w.memories.byName[here].nextLook.set(w.clock.Now().Add(time.Hour))
	w.memories.byName[here].failures = 7
	w.turn(t)
	w.after(cacheLagMost)
	turn := w.turn(t)
	memory := w.memories.byName[here]
	if memory.statusWritten != "" || memory.failures != 0 || memory.secret.written != "" {
		t.Error("something is remembered from before a restore of etcd")
	}
	if turn.RequeueAfter > restoredWithin {
		t.Errorf("AWS and the Secret are checked %s after a restore", turn.RequeueAfter)
	}
	w.after(turn.RequeueAfter)
	fetched := w.aws.fetched
	w.turn(t)
	w.turn(t) // Reports it.
	if w.aws.fetched != fetched+1 {
		t.Error("the content of the Secret was not checked after a restore")
	}
	if !memory.restored.IsZero() || w.clock.Now().Add(restoredWithin).After(memory.nextLook.get()) {
		t.Error("the check after a restore never ends")
	}
}

func TestTheWatchTakesObjectsBack(t *testing.T) {
	w, _, _ := behindTheWatch(t)
	now := w.now(t)
	predicate := w.restores()
	known := w.memories.byName[here]
	for name, update := range map[string]event.UpdateEvent{
		"newer": {ObjectOld: atVersion(now, "5"), ObjectNew: atVersion(now, "6")}, "resync": {ObjectOld: atVersion(now, "5"), ObjectNew: atVersion(now, "5")},
	} {
		if predicate.Update(update) || w.memories.byName[here] != known {
			t.Errorf("%s: taken for a restore", name)
		}
	}
	if !predicate.Update(event.UpdateEvent{ObjectOld: atVersion(now, "5"), ObjectNew: atVersion(now, "4")}) {
		t.Error("a restore sets off no pass")
	}
	memory := w.memories.byName[here]
	if memory == known || memory.restored.IsZero() || memory.nextLook.get().Sub(w.clock.Now()) > restoredWithin {
		t.Errorf("after a restore there is %+v", memory)
	}
}

func TestWhatARestoreBringsBackIsLookedAtSoon(t *testing.T) {
	unsynced := fresh()
	for name, c := range map[string]struct {
		initial, synced, soon bool
	}{
		"brought back":      {synced: true, soon: true},
		"at a start":        {initial: true, synced: true},
		"made just now":     {},
		"made before start": {initial: true},
	} {
		w, _, _ := behindTheWatch(t)
		secretSync := unsynced
		if c.synced {
			secretSync = w.now(t)
		}
		w.memories.forget(here)
		if w.restores().Create(event.CreateEvent{Object: secretSync, IsInInitialList: c.initial}) {
			t.Errorf("%s: let through, which others decide", name)
		}
		known := w.memories.byName[here]
		if since := known != nil && !known.since.get().IsZero(); since != (c.synced && !c.initial) {
			t.Errorf("%s: known since then: %t", name, since)
		}
		if soon := known != nil && !known.nextLook.get().IsZero() && !known.nextLook.get().After(w.clock.Now().Add(restoredWithin)); soon != c.soon {
			t.Errorf("%s: looked at soon: %t", name, soon)
		}
	}
}

// A Secret is restored without its SecretSync where Secrets are kept in an etcd of their own, or where a report of a
// write from before the restore came late.
func TestASecretThatWentBackIsRepaired(t *testing.T) {
	w, _, _ := behindTheWatch(t)
	secret := w.secret(t, "db")
	secret.Data["value"] = []byte("from the backup")
	if err := w.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	secretSync := w.now(t)
	secretSync.Status.Secret.ResourceVersion = "5000"
	if err := w.server.Status().Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
	w.after(cacheLagMost)
	w.settle(t)
	if held := string(w.secret(t, "db").Data["value"]); held != "of version-1" {
		t.Errorf("the Secret holds the value %s", held)
	}
	if said, is := w.now(t).Status.Secret.ResourceVersion, w.secret(t, "db").ResourceVersion; said != is {
		t.Errorf("status says resourceVersion %s of %s", said, is)
	}
}

func TestOurOwnWriteMayBeOnItsWay(t *testing.T) {
	w, cache, _ := behindTheWatch(t)
	is := w.secret(t, "db")
	cache.secret = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: is.Namespace, Name: is.Name, UID: is.UID, ResourceVersion: "1"}}
	w.memories.byName[here].wrote = w.clock.Now()
	fetched := w.aws.fetched
	turn := w.turn(t)
	if w.aws.fetched != fetched {
		t.Error("a watch that lags is taken for an edit")
	}
	if turn.RequeueAfter > cacheLagMost {
		t.Errorf("whether it was one is seen after %s", turn.RequeueAfter)
	}
	w.after(cacheLagMost)
	w.turn(t)
	if w.aws.fetched != fetched {
		t.Error("a Secret that is as it was written is taken for one that was edited")
	}
}

func TestANumberThatComesAgainIsNews(t *testing.T) {
	w, _, _ := behindTheWatch(t)
	is := w.secret(t, "db")
	number := func(resourceVersion string) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: is.Namespace, Name: is.Name, ResourceVersion: resourceVersion, Annotations: is.Annotations}}
	}
	echoes := w.echoes()
	if echoes.Update(event.UpdateEvent{ObjectOld: number("1"), ObjectNew: number(is.ResourceVersion)}) {
		t.Error("our own write is news")
	}
	if !echoes.Update(event.UpdateEvent{ObjectOld: number(is.ResourceVersion), ObjectNew: number("1")}) {
		t.Error("a Secret that goes back is no news")
	}
	if !echoes.Update(event.UpdateEvent{ObjectOld: number("1"), ObjectNew: number(is.ResourceVersion)}) {
		t.Error("an edit after a restore is taken for our own write, whose number it has")
	}
}

func TestConflictsWithoutEndAreFewAndAskTheAPIServer(t *testing.T) {
	secretSync, app := merging()
	w := newWorld(t, secretSync, app)
	cache, live := &shown{Client: w.Client}, &server{Reader: w.Live}
	w.Client, w.Live = cache, live
	w.conflicts = 1000
	cache.sync = w.now(t)
	var waited time.Duration
	for range 20 {
		turn := w.turn(t)
		waited += turn.RequeueAfter
		w.after(turn.RequeueAfter)
	}
	if waited < 15*time.Second {
		t.Errorf("20 tries take %s", waited)
	}
	if live.reads == 0 {
		t.Error("the API server is not asked what there is")
	}
	w.conflicts = 0
	w.turn(t)
	if ready := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Status != metav1.ConditionTrue {
		t.Errorf("once writes pass, Ready is %v", ready)
	}
}

func TestWhatIsGoneIsForgotten(t *testing.T) {
	w, cache, _ := behindTheWatch(t)
	cache.sync = atVersion(w.now(t), "1")
	w.turn(t)
	w.after(cacheLagMost)
	if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
		t.Fatal(err)
	}
	if turn := w.turn(t); turn.RequeueAfter != 0 || w.memories.byName[here] != nil {
		t.Errorf("a SecretSync that is gone is looked at again after %s", turn.RequeueAfter)
	}
}

// The garbage collector takes a Secret away with its SecretSync, or sets it free where it is to be orphaned: neither is
// undone because the watch has not brought the deletion yet.
func TestASecretIsNotRepairedForASecretSyncThatEnds(t *testing.T) {
	now := metav1.Now()
	ends := map[string]struct {
		change  func(*v1alpha1.SecretSync)
		repairs bool
	}{
		"lives on":                {func(*v1alpha1.SecretSync) {}, true},
		"is being deleted":        {func(secretSync *v1alpha1.SecretSync) { secretSync.DeletionTimestamp = &now }, false},
		"is another of that name": {func(secretSync *v1alpha1.SecretSync) { secretSync.UID = "another" }, false},
	}
	takes := map[string]func(*world, *corev1.Secret) error{
		"was set free": func(w *world, secret *corev1.Secret) error {
			secret.OwnerReferences = nil
			return w.server.Update(t.Context(), secret)
		},
		"was collected": func(w *world, secret *corev1.Secret) error { return w.server.Delete(t.Context(), secret) },
	}
	for whose, end := range ends {
		for what, take := range takes {
			t.Run("of one that "+whose+" it "+what, func(t *testing.T) {
				w, _, live := behindTheWatch(t)
				live.sync = w.now(t)
				end.change(live.sync)
				if err := take(w, w.secret(t, "db")); err != nil {
					t.Fatal(err)
				}
				w.turn(t)
				if secret := w.secret(t, "db"); (secret != nil && metav1.IsControlledBy(secret, w.now(t))) != end.repairs {
					t.Errorf("it is repaired: %v", !end.repairs)
				}
				if live.reads != 1 {
					t.Errorf("the API server was asked %d times", live.reads)
				}
			})
		}
	}
}
