package secretsync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/controllers/rollout"
)

var errAway = errors.New("etcd is away")

// mute is an API server that lists no SecretSyncs.
func (w *world) mute() client.Reader {
	return interceptor.NewClient(w.server, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return errAway },
	})
}

// TestWhenTheAPIServerIsAsked for a SecretSync: where the cache can't be right, and not while the watch may still bring it.
func TestWhenTheAPIServerIsAsked(t *testing.T) {
	for name, test := range map[string]struct {
		cached  string // resourceVersion
		written string // by this process
		refused string
		races   int
		behind  time.Duration // for how long the cache has been so; negative: not yet
		asked   bool
		wait    time.Duration
	}{
		"the cache has our own write":               {cached: "9", written: "9", behind: -1},
		"behind since now":                          {cached: "8", written: "9", behind: -1, wait: cacheLag},
		"behind since now, and refused":             {cached: "8", written: "9", behind: -1, refused: "8", wait: cacheLag},
		"behind for a while":                        {cached: "8", written: "9", behind: cacheLagMost - 1, wait: cacheLagNext},
		"behind for a while, and refused":           {cached: "8", written: "9", behind: 1, refused: "8", asked: true},
		"behind for a while, refused for a former":  {cached: "8", written: "9", behind: 1, refused: "7", wait: cacheLagNext},
		"behind for long":                           {cached: "8", written: "9", behind: cacheLagMost, asked: true},
		"refused, and not behind":                   {cached: "9", written: "9", behind: -1, refused: "9", asked: true},
		"refused at a former state, and not behind": {cached: "9", written: "9", behind: -1, refused: "8"},
		"another writes the Secret at once":         {cached: "9", written: "9", behind: -1, races: 1, asked: true},
	} {
		w, _, live := behindTheWatch(t)
		live.sync = atVersion(w.now(t), "9")
		cached, memory := atVersion(live.sync, test.cached), w.memories.byName[here]
		memory.statusWritten, memory.races = test.written, test.races
		for range conflictsMost {
			if test.refused != "" {
				memory.conflicted(test.refused)
			}
		}
		if test.behind >= 0 {
			memory.behind.set(w.clock.Now().Add(-test.behind))
		}
		secretSync, turn := w.upToDate(t.Context(), cached)
		switch {
		case (live.reads > 0) != test.asked:
			t.Errorf("%s: the API server was asked %d times", name, live.reads)
		case test.wait == 0 && (secretSync == nil || turn.RequeueAfter != 0):
			t.Errorf("%s: nothing is done for %s", name, turn.RequeueAfter)
		case test.wait > 0 && (secretSync != nil || turn.RequeueAfter != test.wait || *turn.Priority != priorityPoll):
			t.Errorf("%s: it waits for %s, and should for %s", name, turn.RequeueAfter, test.wait)
		}
	}
}

func TestConflictsAreWaitedForLongerAndLonger(t *testing.T) {
	m := &memory{}
	for n := range 100 {
		want := []time.Duration{cacheLag, 2 * cacheLag, 4 * cacheLag, time.Second}[min(n, 3)]
		if got := m.conflicted("7"); got != want {
			t.Fatalf("after %d conflicts it waits for %s", n+1, got)
		}
		for version, doubted := range map[string]bool{"7": n+1 >= conflictsMost, "8": false} {
			if got := m.doubted(atVersion(fresh(), version)); got != doubted {
				t.Fatalf("after %d conflicts at version 7 version %s is doubted: %t", n+1, version, got)
			}
		}
	}
	if got := m.conflicted("8"); got != cacheLag {
		t.Errorf("after the first conflict at another version it waits for %s", got)
	}
}

// TestAnAPIServerThatDoesNotAnswerIsAskedAgain, and nothing is done or forgotten meanwhile.
func TestAnAPIServerThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	w, cache, _ := behindTheWatch(t)
	cache.sync = atVersion(w.now(t), "1")
	w.Live = w.mute()
	w.turn(t)
	w.after(cacheLagMost)
	memory, asked := w.memories.byName[here], w.aws.asked
	turn := w.turn(t)
	if turn.RequeueAfter != cacheLagNext || *turn.Priority != priorityPoll {
		t.Errorf("it is asked again after %s", turn.RequeueAfter)
	}
	if w.memories.byName[here] != memory || w.aws.asked != asked {
		t.Error("a SecretSync that could not be read is forgotten, or worked on")
	}
	if _, err := w.live(t.Context(), here); !errors.Is(err, errAway) || !strings.Contains(err.Error(), "SecretSync") {
		t.Errorf("the error is %v", err)
	}
}

// TestWhatIsOlderThanItWasIsOfAnotherPast: nothing is remembered of it, and all is checked.
func TestWhatIsOlderThanItWasIsOfAnotherPast(t *testing.T) {
	for name, test := range map[string]struct {
		live, uid string
		back      bool
	}{
		"as it was":          {live: "9"},
		"newer":              {live: "10"},
		"older":              {live: "8", back: true},
		"another one, newer": {live: "10", uid: "another", back: true},
	} {
		w, _, live := behindTheWatch(t)
		live.sync = atVersion(w.now(t), test.live)
		cached := atVersion(live.sync, "9")
		if test.uid != "" {
			live.sync.UID = types.UID(test.uid)
		}
		memory := w.memories.byName[here]
		memory.statusWritten, memory.races = "", 1 // This process has written nothing, and doubts the cache.
		if secretSync, _ := w.upToDate(t.Context(), cached); secretSync.ResourceVersion != test.live {
			t.Errorf("%s: it works on version %s", name, secretSync.ResourceVersion)
		}
		is := w.memories.of(here, live.sync.UID)
		if is.restored.IsZero() == test.back || (is != memory) != test.back {
			t.Errorf("%s: remembered: %t, checked: %t", name, is == memory, !is.restored.IsZero())
		}
		if is.since.get().IsZero() && test.back {
			t.Errorf("%s: it counts as known since the start", name)
		}
	}
}

// TestTheAPIServerIsAskedForOneObject: neighbours in the namespace, and one of its name in another, are not taken for it.
func TestTheAPIServerIsAskedForOneObject(t *testing.T) {
	w := newWorld(t, fresh())
	for _, name := range []types.NamespacedName{{Namespace: here.Namespace, Name: "a"}, {Namespace: here.Namespace, Name: "z"}, {Namespace: "a", Name: here.Name}, {Namespace: "z", Name: here.Name}} {
		other := fresh()
		other.Namespace, other.Name, other.UID = name.Namespace, name.Name, types.UID(name.String())
		if err := w.server.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	if live, err := w.live(t.Context(), here); err != nil || live == nil || live.UID != "uid" {
		t.Errorf("it is taken for %v (%v)", live, err)
	}
	if err := w.server.Delete(t.Context(), w.now(t)); err != nil {
		t.Fatal(err)
	}
	if live, err := w.live(t.Context(), here); err != nil || live != nil {
		t.Errorf("once it is gone it is taken for %v (%v)", live, err)
	}
}

// TestRestartsOfAnotherPastAreForgotten: a change that was waited for begins again.
func TestRestartsOfAnotherPastAreForgotten(t *testing.T) {
	w := newWorld(t, fresh())
	w.Rollouts = rollout.New(rollout.Options{Client: w.server, Clock: w.clock})
	change := rollout.Change{Namespace: here.Namespace, Name: here.Name, Secret: "db", Revision: "1"}
	for _, back := range []bool{false, true} {
		if back {
			w.goneBack(w.now(t))
		}
		progress, err := w.Rollouts.Step(t.Context(), change)
		if err != nil || progress.RequeueAfter != rollout.QuietPeriod {
			t.Errorf("gone back %t: the step is due after %s (%v)", back, progress.RequeueAfter, err)
		}
		w.after(rollout.QuietPeriod - time.Second)
	}
}

func TestTheLogSaysOnceAMinuteThatObjectsWentBack(t *testing.T) {
	w := newWorld(t, fresh())
	first := w.clock.Now()
	for _, step := range []struct{ after, logged time.Duration }{{0, 0}, {restoreLogged - 1, 0}, {restoreLogged, restoreLogged}, {restoreLogged + 1, restoreLogged}} {
		w.clock.SetTime(first.Add(step.after))
		w.goneBack(w.now(t))
		if last := w.lastRestore.get().Sub(first); last != step.logged {
			t.Errorf("after %s it was said last after %s", step.after, last)
		}
	}
}

func TestWhatARestoreIsNot(t *testing.T) {
	w := newWorld(t, fresh())
	restores := w.restores()
	if restores.Delete(event.DeleteEvent{Object: fresh()}) || restores.Generic(event.GenericEvent{Object: fresh()}) {
		t.Error("a deletion counts as a restore")
	}
	for _, initial := range []bool{false, true} {
		if restores.Create(event.CreateEvent{Object: &corev1.Secret{}, IsInInitialList: initial}) || len(w.memories.byName) != 0 {
			t.Error("a Secret is taken for a SecretSync")
		}
	}
	restores.Create(event.CreateEvent{Object: fresh(), IsInInitialList: true})
	if known := w.memories.byName[here]; known == nil || !known.since.get().IsZero() {
		t.Error("what was there at the start counts as made since")
	}
}

// TestARestoreIsNoStampede: what comes back with the same moment is looked at one after the other.
func TestARestoreIsNoStampede(t *testing.T) {
	w, _, _ := behindTheWatch(t)
	moments := map[time.Time]bool{}
	const many = 20
	for n := range many {
		secretSync := w.now(t)
		secretSync.Name = fmt.Sprint("db-", n)
		w.restores().Create(event.CreateEvent{Object: secretSync})
		look := w.memories.of(client.ObjectKeyFromObject(secretSync), secretSync.UID).nextLook.get()
		if wait := look.Sub(w.clock.Now()); wait < 0 || wait > restoredWithin {
			t.Errorf("one is looked at after %s", wait)
		}
		moments[look] = true
	}
	if len(moments) < many/2 {
		t.Errorf("%d are looked at at %d moments", many, len(moments))
	}
}
