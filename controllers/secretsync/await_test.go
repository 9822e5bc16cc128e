package secretsync

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// eyes are watches of an API server: what each was asked for, and the events that it gives.
type eyes struct {
	refusal error
	asked   []client.ListOptions
	kinds   []string
	given   []*watch.RaceFreeFakeWatcher
}

func (e *eyes) Watch(_ context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	var asked client.ListOptions
	asked.ApplyOptions(options)
	e.asked, e.kinds = append(e.asked, asked), append(e.kinds, list.GetObjectKind().GroupVersionKind().Kind)
	if e.refusal != nil {
		return nil, e.refusal
	}
	e.given = append(e.given, watch.NewRaceFreeFake())
	return e.given[len(e.given)-1], nil
}

// shownAs is a Secret as an event has it.
func shownAs(name, resourceVersion string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: here.Namespace, Name: name, UID: "1", ResourceVersion: resourceVersion,
		Annotations: map[string]string{v1alpha1.AnnotationOwner: "former"}}}
}

// TestWhatASecretIsAwaitedFor: that it comes, or goes, or is another's. The watch is of that one Secret, and ends.
func TestWhatASecretIsAwaitedFor(t *testing.T) {
	inTheWay := blockage{secret: target.State{Exists: true, UID: "1", ResourceVersion: "7", Owner: "former"}}
	event := func(kind watch.EventType, object runtime.Object) watch.Event {
		return watch.Event{Type: kind, Object: object}
	}
	comes := event(watch.Added, shownAs("app", "7"))
	for name, test := range map[string]struct {
		blocked blockage
		live    *oneState // the Secret at the API server
		events  []watch.Event
		refusal error
		want    bool
	}{
		"a missing one comes":                  {events: []watch.Event{comes}, want: true},
		"a missing one does not come":          {},
		"another one comes":                    {events: []watch.Event{event(watch.Added, shownAs("other", "7"))}},
		"it comes after another one":           {events: []watch.Event{event(watch.Added, shownAs("other", "7")), comes}, want: true},
		"it comes after what is no object":     {events: []watch.Event{event(watch.Modified, &metav1.Status{}), comes}, want: true},
		"it comes after an error":              {events: []watch.Event{event(watch.Error, &metav1.Status{}), comes}},
		"the watch is refused":                 {events: []watch.Event{comes}, refusal: errAway},
		"one in the way stays":                 {blocked: inTheWay, live: &oneState{version: "7"}, events: []watch.Event{comes}},
		"one in the way went before the watch": {blocked: inTheWay, want: true},
		"one in the way goes":                  {blocked: inTheWay, live: &oneState{version: "7"}, events: []watch.Event{event(watch.Deleted, shownAs("app", "8"))}, want: true},
		"one in the way can't be read":         {blocked: inTheWay, live: &oneState{refusal: errAway}, events: []watch.Event{comes}},
	} {
		synctest.Test(t, func(t *testing.T) {
			watcher := &eyes{refusal: test.refusal}
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
				for _, one := range test.events {
					if !given.IsStopped() {
						given.Action(one.Type, one.Object)
					}
				}
			}
			synctest.Wait()
			end() // The rest is over with the pass' SecretSync, or the process.
			if got := <-result; got != test.want {
				t.Errorf("%s: waited for with result %t", name, got)
			}
			if asked := watcher.asked[0]; asked.Namespace != here.Namespace || asked.FieldSelector == nil || asked.FieldSelector.String() != "metadata.name=app" || watcher.kinds[0] != "SecretList" {
				t.Errorf("%s: watched are the objects %s of %+v", name, watcher.kinds[0], asked)
			}
			if len(watcher.given) > 0 && !watcher.given[0].IsStopped() {
				t.Errorf("%s: the watch goes on", name)
			}
		})
	}
}

func TestAWatchThatIsClosedEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watcher := &eyes{}
		w, p := awaiting(watcher)
		w.awaitSecret(t.Context(), p)
		synctest.Wait()
		watcher.given[0].Stop()
		synctest.Wait()
		if woken, _ := w.memories.takeWoken(here); woken || len(w.awaits.watches) != 0 {
			t.Errorf("it is woken: %t, %d watches are remembered", woken, len(w.awaits.watches))
		}
	})
}

// awaiting is a pass of a SecretSync that waits for the Secret app to merge into.
func awaiting(watcher Watcher) (*Controller, *pass) {
	nothing := &oneState{}
	c := New(Options{Watcher: watcher, Live: nothing, Client: nothing})
	secretSync, _ := merging()
	p := c.begin(secretSync, c.memories.of(here, secretSync.UID))
	p.memory.blocked.since = noon
	return c, p
}

// TestTheWaitForASecret outlives the pass, and ends with the blockage.
func TestTheWaitForASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watcher := &eyes{}
		w, p := awaiting(watcher)
		ctx, end := context.WithCancel(t.Context())
		w.awaitSecret(ctx, p)
		end()
		w.awaitSecret(t.Context(), p)
		synctest.Wait()
		if len(watcher.asked) != 1 || watcher.asked[0].Namespace != here.Namespace || watcher.given[0].IsStopped() {
			t.Fatalf("watches are %+v", watcher.asked)
		}
		p.sync.Spec.Target.Name = "app-2"
		w.awaitSecret(t.Context(), p)
		synctest.Wait()
		if len(watcher.asked) != 2 || !watcher.given[0].IsStopped() || watcher.given[1].IsStopped() || len(w.awaits.watches) != 1 {
			t.Fatal("once it wants another Secret the first one is watched, or that one is not")
		}
		watcher.given[1].Add(shownAs("app-2", "7"))
		synctest.Wait()
		if woken, surely := w.memories.takeWoken(here); !woken || !surely || len(w.awaits.watches) != 0 {
			t.Errorf("woken: %t, surely: %t, %d watches are remembered", woken, surely, len(w.awaits.watches))
		}
		w.awaitSecret(t.Context(), p)
		synctest.Wait()
		p.memory.blocked = blockage{}
		w.awaitSecret(t.Context(), p)
		synctest.Wait()
		if !watcher.given[2].IsStopped() || len(watcher.asked) != 3 || len(w.awaits.watches) != 0 {
			t.Error("a SecretSync that waits for nothing watches a Secret")
		}
	})
}

// TestWhatTheCacheHasIsNotAwaited, nor is anything where nothing can be watched.
func TestWhatTheCacheHasIsNotAwaited(t *testing.T) {
	for name, spoil := range map[string]func(*Controller){
		"a Secret that is in the cache":     func(c *Controller) { c.secrets.Client = &oneState{version: "7"} },
		"a cache that can't be read":        func(c *Controller) { c.secrets.Client = &oneState{refusal: errors.New("no cache")} },
		"an operator that watches nothing":  func(c *Controller) { c.Watcher = nil },
		"an operator that is about to stop": func(c *Controller) { c.awaits.stop() },
	} {
		synctest.Test(t, func(t *testing.T) {
			watcher := &eyes{}
			w, p := awaiting(watcher)
			spoil(w)
			w.awaitSecret(t.Context(), p)
			synctest.Wait()
			if len(watcher.asked) != 0 || len(w.awaits.watches) != 0 {
				t.Errorf("%s: watched all the same", name)
			}
		})
	}
}

func TestAWatchThatIsReplacedEnds(t *testing.T) {
	var a awaits
	ended := map[string]bool{}
	one := func(secret string) *await { return &await{secret: secret, end: func() { ended[secret] = true }} }
	first, second := one("first"), one("second")
	a.begin(here, first)
	if a.begin(here, second); !ended["first"] || ended["second"] {
		t.Errorf("ended are %v", ended)
	}
	if a.done(here, first); a.watches[here] != second || ended["second"] {
		t.Error("the end of the first watch is that of the second")
	}
	a.end(types.NamespacedName{Name: "other"})
	if a.done(here, second); len(a.watches) != 0 || !ended["second"] {
		t.Error("a watch that has ended is remembered")
	}
	third := one("third")
	a.begin(here, third)
	if a.end(here); len(a.watches) != 0 || !ended["third"] {
		t.Error("a watch that was ended is remembered")
	}
}
