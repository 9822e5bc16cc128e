package secretsync

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// restored says whether the next reconcile checks version and Secret because of a restore.
func (e *environment) restored(t *testing.T) bool {
	t.Helper()
	inSync := e.now(t)
	inSync.Status.ObservedGeneration = inSync.Generation
	return e.state().schedule.Trigger(inSync, false, e.state().schedule.Next()) == schedule.Restore
}

func TestNothingIsRememberedFromBeforeARestore(t *testing.T) {
	e, cache, live := behindTheWatch(t)
	before := e.now(t)
	before.Spec.PollInterval = &metav1.Duration{Duration: time.Hour}
	cache.secretSync = atVersion(before, "1")
	live.secretSync = cache.secretSync
	e.pollAt(e.clock.Now().Add(time.Hour))
	for range 7 {
		e.state().schedule.Plan(schedule.Result{Failure: failure.DeadlineExceeded(time.Minute)}, e.clock.Now())
	}
	e.pollAt(e.clock.Now().Add(time.Hour))
	e.turn(t)
	e.after(ownwrites.MaxWatchLag)
	turn := e.turn(t)
	state := e.state()
	if failures, _ := state.schedule.Failures(); state.cache.written != "" || failures != 0 || state.writes.Own(e.secret(t, "db").ResourceVersion) {
		t.Errorf("from before a restore of etcd is remembered: resourceVersion %q, %d failures, a write %t",
			state.cache.written, failures, state.writes.Own(e.secret(t, "db").ResourceVersion))
	}
	if turn.RequeueAfter > schedule.RestoredWithin {
		t.Errorf("AWS and the Secret are checked %s after a restore", turn.RequeueAfter)
	}
	e.after(turn.RequeueAfter)
	fetched := e.aws.fetched
	e.turn(t)
	e.turn(t) // Reports it.
	if e.aws.fetched != fetched+1 {
		t.Error("the content of the Secret was not checked after a restore")
	}
	if e.restored(t) || e.clock.Now().Add(schedule.RestoredWithin).After(state.schedule.Next()) {
		t.Error("the check after a restore never ends")
	}
}

func TestTheWatchTakesObjectsBack(t *testing.T) {
	e, _, _ := behindTheWatch(t)
	now := e.now(t)
	predicate := e.restores()
	known := e.state()
	for name, update := range map[string]event.UpdateEvent{
		"newer": {ObjectOld: atVersion(now, "5"), ObjectNew: atVersion(now, "6")}, "resync": {ObjectOld: atVersion(now, "5"), ObjectNew: atVersion(now, "5")},
	} {
		if predicate.Update(update) || e.state() != known {
			t.Errorf("%s: taken for a restore", name)
		}
	}
	if !predicate.Update(event.UpdateEvent{ObjectOld: atVersion(now, "5"), ObjectNew: atVersion(now, "4")}) {
		t.Error("a restore sets off no reconcile")
	}
	if e.state() == known {
		t.Error("what was known before a restore is still remembered")
	}
	if next := e.state().schedule.Next().Sub(e.clock.Now()); !e.restored(t) || next > schedule.RestoredWithin {
		t.Errorf("after a restore all is checked: %t, after %s", e.restored(t), next)
	}
}

// TestWhatARestoreBringsBackIsCheckedSoon: its status may be old.
func TestWhatARestoreBringsBackIsCheckedSoon(t *testing.T) {
	unsynced := fresh()
	for name, c := range map[string]struct {
		initial, synced, soon bool
	}{
		"brought back":             {synced: true, soon: true},
		"at a start":               {initial: true, synced: true},
		"created just now":         {},
		"created before the start": {initial: true},
	} {
		e, _, _ := behindTheWatch(t)
		secretSync := unsynced
		if c.synced {
			secretSync = e.now(t)
		}
		e.states.forget(here)
		if e.restores().Create(event.CreateEvent{Object: secretSync, IsInInitialList: c.initial}) {
			t.Errorf("%s: let through, which other predicates decide", name)
		}
		known := e.state()
		if since := known != nil && !known.since.get().IsZero(); since != (c.synced && !c.initial) {
			t.Errorf("%s: known since then: %t", name, since)
		}
		if soon := known != nil && !known.schedule.Next().IsZero() && !known.schedule.Next().After(e.clock.Now().Add(schedule.RestoredWithin)); soon != c.soon {
			t.Errorf("%s: checked soon: %t", name, soon)
		}
	}
}

// A Secret is restored without its SecretSync where Secrets are kept in an etcd of their own, or where a report of a
// write from before the restore came late.
func TestASecretThatWentBackIsRepaired(t *testing.T) {
	e, _, _ := behindTheWatch(t)
	secret := e.secret(t, "db")
	secret.Data["value"] = []byte("from the backup")
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	secretSync := e.now(t)
	secretSync.Status.Secret.ResourceVersion = "5000"
	if err := e.server.Status().Update(t.Context(), secretSync); err != nil {
		t.Fatal(err)
	}
	e.after(ownwrites.MaxWatchLag)
	e.settle(t)
	if held := string(e.secret(t, "db").Data["value"]); held != "of version-1" {
		t.Errorf("the Secret holds the value %s", held)
	}
	if known, is := e.now(t).Status.Secret.ResourceVersion, e.secret(t, "db").ResourceVersion; known != is {
		t.Errorf("status has the resourceVersion %s, and the Secret %s", known, is)
	}
}

// TestAResourceVersionThatComesAgainIsOfAnotherWriter: after a restore they are counted from an older one on.
func TestAResourceVersionThatComesAgainIsOfAnotherWriter(t *testing.T) {
	e, _, _ := behindTheWatch(t)
	is := e.secret(t, "db")
	at := func(resourceVersion string) client.Object {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: is.Namespace, Name: is.Name, ResourceVersion: resourceVersion, Annotations: is.Annotations}}
	}
	others := e.changedByOthers()
	if others.Update(event.UpdateEvent{ObjectOld: at("1"), ObjectNew: at(is.ResourceVersion)}) {
		t.Error("its own write counts as one of others")
	}
	if !others.Update(event.UpdateEvent{ObjectOld: at(is.ResourceVersion), ObjectNew: at("1")}) {
		t.Error("a Secret that goes back in time does not count as written by others")
	}
	if !others.Update(event.UpdateEvent{ObjectOld: at("1"), ObjectNew: at(is.ResourceVersion)}) {
		t.Error("an edit after a restore is taken for the operator's own write, whose resourceVersion it has")
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
		e, _, live := behindTheWatch(t)
		live.secretSync = atVersion(e.now(t), test.live)
		cached := atVersion(live.secretSync, "9")
		if test.uid != "" {
			live.secretSync.UID = types.UID(test.uid)
		}
		before := e.state()
		before.cache.written, before.cache.races = "", 1 // This process has written nothing, and does not go by the cache.
		if secretSync, _ := e.upToDate(t.Context(), cached); secretSync.ResourceVersion != test.live {
			t.Errorf("%s: the reconcile is of version %s", name, secretSync.ResourceVersion)
		}
		is := e.states.of(here, live.secretSync.UID)
		if checked := e.restored(t); checked != test.back || (is != before) != test.back {
			t.Errorf("%s: remembered: %t, checked: %t", name, is == before, checked)
		}
		if is.since.get().IsZero() && test.back {
			t.Errorf("%s: it counts as known since the start", name)
		}
	}
}

// TestRestartsOfAnotherPastAreForgotten: the quiet period of a change begins again.
func TestRestartsOfAnotherPastAreForgotten(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.options.Rollouts = rollout.New(rollout.Options{Client: e.server, Clock: e.clock})
	change := rollout.Change{Namespace: here.Namespace, Name: here.Name, Secret: "db", Revision: "1"}
	for _, restored := range []bool{false, true} {
		if restored {
			e.restore(e.now(t))
		}
		progress, err := e.options.Rollouts.Step(t.Context(), change)
		if err != nil || progress.RequeueAfter != rollout.QuietPeriod {
			t.Errorf("restored %t: the step is due after %s (%v)", restored, progress.RequeueAfter, err)
		}
		e.after(rollout.QuietPeriod - time.Second)
	}
}

// TestAReportOfAnotherPastIsForgotten: it is of a Secret that may not be there any more.
func TestAReportOfAnotherPastIsForgotten(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.turn(t) // Writes the Secret, and defers the report.
	if len(e.deferred.byName) != 1 {
		t.Fatalf("%d reports are deferred", len(e.deferred.byName))
	}
	e.restore(e.now(t))
	if len(e.deferred.byName) != 0 {
		t.Errorf("%d reports are left", len(e.deferred.byName))
	}
}

func TestTheLogSaysOnceAMinuteThatObjectsWentBack(t *testing.T) {
	e := newEnvironment(t, fresh())
	first := e.clock.Now()
	for _, step := range []struct{ after, logged time.Duration }{{0, 0}, {restoreLogged - 1, 0}, {restoreLogged, restoreLogged}, {restoreLogged + 1, restoreLogged}} {
		e.clock.SetTime(first.Add(step.after))
		e.restore(e.now(t))
		if last := e.lastRestore.get().Sub(first); last != step.logged {
			t.Errorf("after %s it was logged last after %s", step.after, last)
		}
	}
}

func TestWhatARestoreIsNot(t *testing.T) {
	e := newEnvironment(t, fresh())
	restores := e.restores()
	if restores.Delete(event.DeleteEvent{Object: fresh()}) || restores.Generic(event.GenericEvent{Object: fresh()}) {
		t.Error("a deletion counts as a restore")
	}
	for _, initial := range []bool{false, true} {
		if restores.Create(event.CreateEvent{Object: &corev1.Secret{}, IsInInitialList: initial}) || len(e.states.byName) != 0 {
			t.Error("a Secret is taken for a SecretSync")
		}
	}
	restores.Create(event.CreateEvent{Object: fresh(), IsInInitialList: true})
	if known := e.state(); known == nil || !known.since.get().IsZero() {
		t.Error("what was there at the start counts as created since")
	}
}

// TestARestoreIsNoStampede: what comes back at the same moment is checked at different ones.
func TestARestoreIsNoStampede(t *testing.T) {
	e, _, _ := behindTheWatch(t)
	moments := map[time.Time]bool{}
	const many = 20
	for n := range many {
		secretSync := e.now(t)
		secretSync.Name = fmt.Sprint("db-", n)
		e.restores().Create(event.CreateEvent{Object: secretSync})
		check := e.states.of(client.ObjectKeyFromObject(secretSync), secretSync.UID).schedule.Next()
		if wait := check.Sub(e.clock.Now()); wait < 0 || wait > schedule.RestoredWithin {
			t.Errorf("%s is checked after %s", secretSync.Name, wait)
		}
		moments[check] = true
	}
	if len(moments) < many/2 {
		t.Errorf("%d are checked at %d moments", many, len(moments))
	}
}
