package secretsync

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// fakeWatcher makes watches: what each was asked for, and the events that it gives.
type fakeWatcher struct {
	refusal error
	asked   []client.ListOptions
	kinds   []string
	given   []*watch.RaceFreeFakeWatcher
}

func (w *fakeWatcher) Watch(_ context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	var asked client.ListOptions
	asked.ApplyOptions(options)
	w.asked, w.kinds = append(w.asked, asked), append(w.kinds, list.GetObjectKind().GroupVersionKind().Kind)
	if w.refusal != nil {
		return nil, w.refusal
	}
	w.given = append(w.given, watch.NewRaceFreeFake())
	return w.given[len(w.given)-1], nil
}

// shownAs is a Secret as an event has it.
func shownAs(name, resourceVersion string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: name, UID: "1", ResourceVersion: resourceVersion,
		Annotations: map[string]string{v1alpha1.AnnotationOwner: "former"}}}
}

// TestWhatASecretIsWatchedFor: that it is created or deleted, or gets another owner. The watch is of that Secret alone, and
// ends.
func TestWhatASecretIsWatchedFor(t *testing.T) {
	inTheWay := blocked{secret: target.State{Exists: true, UID: "1", ResourceVersion: "7", Owner: "former"}}
	event := func(kind watch.EventType, object runtime.Object) watch.Event {
		return watch.Event{Type: kind, Object: object}
	}
	comes := event(watch.Added, shownAs("app", "7"))
	for name, test := range map[string]struct {
		blocked blocked
		live    *oneState // the Secret at the API server
		events  []watch.Event
		refusal error
		want    bool
	}{
		"a missing one comes":                         {events: []watch.Event{comes}, want: true},
		"a missing one does not come":                 {},
		"another one comes":                           {events: []watch.Event{event(watch.Added, shownAs("other", "7"))}},
		"it comes after another one":                  {events: []watch.Event{event(watch.Added, shownAs("other", "7")), comes}, want: true},
		"it comes after what is no object":            {events: []watch.Event{event(watch.Modified, &metav1.Status{}), comes}, want: true},
		"it comes after an error":                     {events: []watch.Event{event(watch.Error, &metav1.Status{}), comes}},
		"the watch is refused":                        {events: []watch.Event{comes}, refusal: errAway},
		"one in the way stays":                        {blocked: inTheWay, live: &oneState{version: "7"}, events: []watch.Event{comes}},
		"one in the way was deleted before the watch": {blocked: inTheWay, want: true},
		"one in the way is deleted":                   {blocked: inTheWay, live: &oneState{version: "7"}, events: []watch.Event{event(watch.Deleted, shownAs("app", "8"))}, want: true},
		"one in the way can't be read":                {blocked: inTheWay, live: &oneState{refusal: errAway}, events: []watch.Event{comes}},
	} {
		synctest.Test(t, func(t *testing.T) {
			watcher := &fakeWatcher{refusal: test.refusal}
			live := test.live
			if live == nil {
				live = &oneState{}
			}
			c := New(Options{Watcher: watcher, Live: live, Client: live})
			ctx, end := context.WithCancel(t.Context())
			result := make(chan bool, 1)
			go func() {
				result <- c.awaitChange(ctx, types.NamespacedName{Namespace: here.Namespace, Name: "app"}, test.blocked)
			}()
			synctest.Wait()
			for _, given := range watcher.given {
				for _, event := range test.events {
					if !given.IsStopped() {
						given.Action(event.Type, event.Object)
					}
				}
			}
			synctest.Wait()
			end() // The watch is over with the SecretSync, or the process.
			if got := <-result; got != test.want {
				t.Errorf("%s: waited for with result %t", name, got)
			}
			asked := watcher.asked[0]
			if asked.Namespace != here.Namespace || asked.FieldSelector == nil || asked.FieldSelector.String() != "metadata.name=app" || watcher.kinds[0] != "SecretList" {
				t.Errorf("%s: watched are the objects %s of %+v", name, watcher.kinds[0], asked)
			}
			if len(watcher.given) > 0 && !watcher.given[0].IsStopped() {
				t.Errorf("%s: the watch goes on", name)
			}
		})
	}
}

// TestAWatchThatIsClosedEndsTheWait, and wakes nothing.
func TestAWatchThatIsClosedEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watcher := &fakeWatcher{}
		c, secretSync := awaiting(watcher)
		c.watchSecret(t.Context(), secretSync, missing)
		synctest.Wait()
		watcher.given[0].Stop()
		synctest.Wait()
		if woken, _ := c.wakes.take(here); woken || len(c.secretWatches.watches) != 0 {
			t.Errorf("it is woken: %t, %d watches are remembered", woken, len(c.secretWatches.watches))
		}
	})
}

// missing is a Secret that was not there at noon.
var missing = blocked{since: noon}

// awaiting is a SecretSync that waits for the Secret app to merge into.
func awaiting(watcher Watcher) (*Controller, *v1alpha1.SecretSync) {
	nothing := &oneState{}
	c := New(Options{Watcher: watcher, Live: nothing, Client: nothing})
	secretSync, _ := merging()
	return c, secretSync
}

// TestTheWaitForASecret outlives the reconcile, and ends once nothing is in the way.
func TestTheWaitForASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watcher := &fakeWatcher{}
		c, secretSync := awaiting(watcher)
		ctx, end := context.WithCancel(t.Context())
		c.watchSecret(ctx, secretSync, missing)
		end()
		c.watchSecret(t.Context(), secretSync, missing)
		synctest.Wait()
		if len(watcher.asked) != 1 || watcher.asked[0].Namespace != here.Namespace || watcher.given[0].IsStopped() {
			t.Fatalf("watches are %+v", watcher.asked)
		}
		secretSync.Spec.Target.Name = "app-2"
		c.watchSecret(t.Context(), secretSync, missing)
		synctest.Wait()
		if len(watcher.asked) != 2 || !watcher.given[0].IsStopped() || watcher.given[1].IsStopped() || len(c.secretWatches.watches) != 1 {
			t.Fatal("once it wants another Secret the first one is watched, or that one is not")
		}
		watcher.given[1].Add(shownAs("app-2", "7"))
		synctest.Wait()
		if woken, surely := c.wakes.take(here); !woken || !surely || len(c.secretWatches.watches) != 0 {
			t.Errorf("woken: %t, surely: %t, %d watches are remembered", woken, surely, len(c.secretWatches.watches))
		}
		c.watchSecret(t.Context(), secretSync, missing)
		synctest.Wait()
		c.watchSecret(t.Context(), secretSync, blocked{})
		synctest.Wait()
		if !watcher.given[2].IsStopped() || len(watcher.asked) != 3 || len(c.secretWatches.watches) != 0 {
			t.Error("a SecretSync that waits for nothing watches a Secret")
		}
	})
}

// TestWhatTheCacheHasIsNotWatched by a watch of its own, nor is anything where nothing can be watched.
func TestWhatTheCacheHasIsNotWatched(t *testing.T) {
	for name, change := range map[string]func(*Controller){
		"a Secret that is in the cache":     func(c *Controller) { c.secrets.Client = &oneState{version: "7"} },
		"a cache that can't be read":        func(c *Controller) { c.secrets.Client = &oneState{refusal: errors.New("no cache")} },
		"an operator that watches nothing":  func(c *Controller) { c.options.Watcher = nil },
		"an operator that is about to stop": func(c *Controller) { c.secretWatches.stop() },
	} {
		synctest.Test(t, func(t *testing.T) {
			watcher := &fakeWatcher{}
			c, secretSync := awaiting(watcher)
			change(c)
			c.watchSecret(t.Context(), secretSync, missing)
			synctest.Wait()
			if len(watcher.asked) != 0 || len(c.secretWatches.watches) != 0 {
				t.Errorf("%s: watched all the same", name)
			}
		})
	}
}

// TestAWatchThatIsReplacedEnds, and its end is not that of the one that has replaced it.
func TestAWatchThatIsReplacedEnds(t *testing.T) {
	var watches secretWatches
	ended := map[string]bool{}
	of := func(secret string) *secretWatch {
		return &secretWatch{secret: secret, end: func() { ended[secret] = true }}
	}
	first, second := of("first"), of("second")
	watches.begin(here, first)
	if watches.begin(here, second); !ended["first"] || ended["second"] {
		t.Errorf("ended are %v", ended)
	}
	if watches.done(here, first); watches.watches[here] != second || ended["second"] {
		t.Error("the end of the first watch is that of the second")
	}
	watches.end(types.NamespacedName{Name: "other"})
	if watches.done(here, second); len(watches.watches) != 0 || !ended["second"] {
		t.Error("a watch that has ended is remembered")
	}
	third := of("third")
	watches.begin(here, third)
	if watches.end(here); len(watches.watches) != 0 || !ended["third"] {
		t.Error("a watch that was ended is remembered")
	}
}

// TestASecretIsWatched that is not in the cache: the one to merge into. Its watch ends with what it waits for.
func TestASecretIsWatched(t *testing.T) {
	secretSync := fresh()
	secretSync.Spec.Target = v1alpha1.SecretTarget{Name: "app", CreationPolicy: v1alpha1.CreationPolicyMerge}
	e := newEnvironment(t, secretSync)
	began := make(chan struct{}, 1)
	e.options.Watcher = watching{e.server, began}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := e.inserter.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	e.settle(t)
	if reason := e.ready(t).Reason; reason != v1alpha1.ReasonTargetNotFound {
		t.Fatalf("the reason is %s", reason)
	}
	<-began
	app := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: "app", UID: "uid-of-app",
		Annotations: map[string]string{v1alpha1.AnnotationMergeFrom: "*"}}}
	if err := e.server.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if next, _ := queue.Get(); next.NamespacedName != here {
		t.Fatalf("%v is woken", next)
	}
	e.clock.SetTime(noon.Add(unblockWait))
	e.settle(t)
	if reason := e.ready(t).Reason; reason != v1alpha1.ReasonSynced {
		t.Errorf("the reason is %s", reason)
	}
	if value := string(e.secret(t, "app").Data["value"]); value != "of version-1" {
		t.Errorf("the Secret has the value %q", value)
	}
	if len(e.secretWatches.watches) != 0 {
		t.Error("the watch goes on")
	}
}

// watching says when a watch has begun.
type watching struct {
	client.WithWatch
	began chan struct{}
}

func (e watching) Watch(ctx context.Context, list client.ObjectList, _ ...client.ListOption) (watch.Interface, error) {
	watched, err := e.WithWatch.Watch(ctx, list, client.InNamespace(here.Namespace)) // The fake knows no field selectors.
	e.began <- struct{}{}
	return watched, err
}

// TestTooManySecretsAreNotWatched, nor any after a stop.
func TestTooManySecretsAreNotWatched(t *testing.T) {
	var watches secretWatches
	nothing := func() {}
	for n := range maxSecretWatches {
		if !watches.begin(types.NamespacedName{Name: string(rune('a' + n))}, &secretWatch{secret: "x", end: nothing}) {
			t.Fatalf("only %d Secrets are watched", n)
		}
	}
	ended := false
	first := types.NamespacedName{Name: "a"}
	switch {
	case watches.begin(types.NamespacedName{Name: "more"}, &secretWatch{end: nothing}):
		t.Error("any number of Secrets is watched")
	case watches.begin(first, &secretWatch{secret: "x", end: nothing}):
		t.Error("a Secret is watched twice")
	case !watches.begin(first, &secretWatch{secret: "y", end: func() { ended = true }}):
		t.Error("another Secret is not watched in the place of the first")
	}
	watches.stop()
	if !ended {
		t.Error("after a stop a Secret is still watched")
	}
	if watches.begin(types.NamespacedName{Name: "late"}, &secretWatch{end: nothing}) {
		t.Error("after a stop a watch begins")
	}
}

// TestWhatChangesForABlockedSecretSync: which events may let it have the Secret.
func TestWhatChangesForABlockedSecretSync(t *testing.T) {
	there := blocked{secret: target.State{Exists: true, UID: "1", ResourceVersion: "7", Owner: ""}}
	is := func(uid types.UID, version, owner string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: uid, ResourceVersion: version, Annotations: map[string]string{v1alpha1.AnnotationOwner: owner}}}
	}
	ofAKey := there
	ofAKey.key = true
	for name, test := range map[string]struct {
		kind    watch.EventType
		is      client.Object
		blocked blocked
		want    bool
	}{
		"a missing one comes":                 {watch.Added, is("1", "7", ""), blocked{}, true},
		"a missing one is deleted":            {watch.Deleted, is("1", "7", ""), blocked{}, false},
		"it is there as before":               {watch.Added, is("1", "7", ""), there, false},
		"it has another content":              {watch.Modified, is("1", "8", ""), there, false},
		"it has another content, for a key":   {watch.Modified, is("1", "8", ""), ofAKey, true},
		"it is handed over":                   {watch.Modified, is("1", "8", "db"), there, true},
		"it is another one":                   {watch.Added, is("2", "8", ""), there, true},
		"it is deleted":                       {watch.Deleted, is("1", "8", ""), there, true},
		"it is there as before, for a key":    {watch.Added, is("1", "7", ""), ofAKey, false},
		"another one has its resourceVersion": {watch.Added, is("2", "7", ""), there, true},
		"a bookmark":                          {watch.Bookmark, is("", "9", ""), there, false},
	} {
		if got := frees(test.kind, test.is, test.blocked); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
