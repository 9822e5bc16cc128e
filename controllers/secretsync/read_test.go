package secretsync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

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
		"the cache has the own write":               {cached: "9", written: "9", behind: -1},
		"behind since now":                          {cached: "8", written: "9", behind: -1, wait: firstLagWait},
		"behind since now, and refused":             {cached: "8", written: "9", behind: -1, refused: "8", wait: firstLagWait},
		"behind for a while":                        {cached: "8", written: "9", behind: ownwrites.MaxWatchLag - 1, wait: nextLagWait},
		"behind for a while, and refused":           {cached: "8", written: "9", behind: 1, refused: "8", asked: true},
		"behind for a while, refused for a former":  {cached: "8", written: "9", behind: 1, refused: "7", wait: nextLagWait},
		"behind for long":                           {cached: "8", written: "9", behind: ownwrites.MaxWatchLag, asked: true},
		"refused, and not behind":                   {cached: "9", written: "9", behind: -1, refused: "9", asked: true},
		"refused at a former state, and not behind": {cached: "9", written: "9", behind: -1, refused: "8"},
		"another writes the Secret at once":         {cached: "9", written: "9", behind: -1, races: 1, asked: true},
	} {
		e, _, live := behindTheWatch(t)
		live.secretSync = atVersion(e.now(t), "9")
		cached, lag := atVersion(live.secretSync, test.cached), &e.state().cache
		lag.written, lag.races = test.written, test.races
		for range maxConflicts {
			if test.refused != "" {
				lag.conflicted(test.refused)
			}
		}
		if test.behind >= 0 {
			lag.behind = e.clock.Now().Add(-test.behind)
		}
		secretSync, turn := e.upToDate(t.Context(), cached)
		switch {
		case (live.reads > 0) != test.asked:
			t.Errorf("%s: the API server was asked %d times", name, live.reads)
		case test.wait == 0 && (secretSync == nil || turn.RequeueAfter != 0):
			t.Errorf("%s: nothing is done for %s", name, turn.RequeueAfter)
		case test.wait > 0 && (secretSync != nil || turn.RequeueAfter != test.wait || *turn.Priority != schedule.PriorityPoll):
			t.Errorf("%s: it waits for %s, and should for %s", name, turn.RequeueAfter, test.wait)
		}
	}
}

// TestAnAPIServerThatDoesNotAnswerIsAskedAgain, and nothing is done or forgotten meanwhile.
func TestAnAPIServerThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	e, cache, _ := behindTheWatch(t)
	cache.secretSync = atVersion(e.now(t), "1")
	e.options.Live = e.mute()
	e.turn(t)
	e.after(ownwrites.MaxWatchLag)
	before, asked := e.state(), e.aws.asked
	turn := e.turn(t)
	if turn.RequeueAfter != nextLagWait || *turn.Priority != schedule.PriorityPoll {
		t.Errorf("it is asked again after %s", turn.RequeueAfter)
	}
	if e.state() != before {
		t.Error("a SecretSync that could not be read is forgotten")
	}
	if e.aws.asked != asked {
		t.Error("AWS is asked for a SecretSync that could not be read")
	}
	if _, err := e.live(t.Context(), here); !errors.Is(err, errAway) || !strings.Contains(err.Error(), "SecretSync") {
		t.Errorf("the error is %v", err)
	}
}

// TestTheAPIServerIsAskedForOneObject: neighbours in the namespace, and one of its name in another, are not taken for it.
func TestTheAPIServerIsAskedForOneObject(t *testing.T) {
	e := newEnvironment(t, fresh())
	for _, name := range []types.NamespacedName{{Namespace: here.Namespace, Name: "a"}, {Namespace: here.Namespace, Name: "z"}, {Namespace: "a", Name: here.Name}, {Namespace: "z", Name: here.Name}} {
		other := fresh()
		other.Namespace, other.Name, other.UID = name.Namespace, name.Name, types.UID(name.String())
		if err := e.server.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	if live, err := e.live(t.Context(), here); err != nil || live == nil || live.UID != "uid" {
		t.Errorf("it is taken for %v (%v)", live, err)
	}
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	if live, err := e.live(t.Context(), here); err != nil || live != nil {
		t.Errorf("once it is gone it is taken for %v (%v)", live, err)
	}
}

func TestWhatIsGoneIsForgotten(t *testing.T) {
	e, cache, _ := behindTheWatch(t)
	cache.secretSync = atVersion(e.now(t), "1")
	e.turn(t)
	e.after(ownwrites.MaxWatchLag)
	e.changes.record(here, e.clock.Now(), RotationFailure{})
	e.wakes.wake(here, true)
	e.deferred.put(e.reportOf(e.now(t), "version-1"))
	if err := e.server.Delete(t.Context(), e.now(t)); err != nil {
		t.Fatal(err)
	}
	if turn := e.turn(t); turn.RequeueAfter != 0 {
		t.Errorf("a SecretSync that is gone is reconciled again after %s", turn.RequeueAfter)
	}
	if e.state() != nil {
		t.Error("a SecretSync that is gone is remembered")
	}
	if _, changed := e.changes.take(here); changed {
		t.Error("a change event of a SecretSync that is gone is remembered")
	}
	if woken, _ := e.wakes.take(here); woken {
		t.Error("a SecretSync that is gone is woken")
	}
	if len(e.deferred.byName) != 0 {
		t.Error("a report of a SecretSync that is gone is deferred")
	}
}

// The garbage collector deletes a Secret with its SecretSync, or sets it free where it is to be orphaned: neither is
// undone because the watch has not shown the deletion yet.
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
	takes := map[string]func(*environment, *corev1.Secret) error{
		"was set free": func(e *environment, secret *corev1.Secret) error {
			secret.OwnerReferences = nil
			return e.server.Update(t.Context(), secret)
		},
		"was collected": func(e *environment, secret *corev1.Secret) error { return e.server.Delete(t.Context(), secret) },
	}
	for whose, end := range ends {
		for what, take := range takes {
			t.Run("of one that "+whose+" it "+what, func(t *testing.T) {
				e, _, live := behindTheWatch(t)
				live.secretSync = e.now(t)
				end.change(live.secretSync)
				if err := take(e, e.secret(t, "db")); err != nil {
					t.Fatal(err)
				}
				e.turn(t)
				if secret := e.secret(t, "db"); (secret != nil && metav1.IsControlledBy(secret, e.now(t))) != end.repairs {
					t.Errorf("it is repaired: %v", !end.repairs)
				}
				if live.reads != 1 {
					t.Errorf("the API server was asked %d times", live.reads)
				}
			})
		}
	}
}

// abridging is a client whose cache keeps a part of each SecretSync, as it does of large ones.
type abridging struct{ client.Client }

func (a abridging) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := a.Client.Get(ctx, key, object, options...)
	if secretSync, ok := object.(*v1alpha1.SecretSync); ok {
		secretSync.Abridged = &v1alpha1.Abridged{}
		secretSync.Spec = v1alpha1.SecretSyncSpec{Suspend: secretSync.Spec.Suspend, Target: secretSync.Spec.Target}
		secretSync.Status.Sources = nil
	}
	return err
}

// TestALargeSecretSyncIsReadFromTheAPIServer, and one that is suspended is not read at all.
func TestALargeSecretSyncIsReadFromTheAPIServer(t *testing.T) {
	object := fresh()
	object.Spec.Data = []v1alpha1.DataKey{{Key: "renamed"}}
	e := newEnvironment(t, object)
	live := &server{Reader: e.options.Live}
	e.options.Client, e.options.Live = abridging{e.options.Client}, live
	if result := e.turn(t); result.RequeueAfter == 0 || live.reads > 0 {
		t.Errorf("a large SecretSync does not wait for its turn: it is reconciled again after %s, and was read %d times", result.RequeueAfter, live.reads)
	}
	if result := e.turn(t); result.RequeueAfter == 0 {
		t.Error("a large SecretSync is not reconciled again")
	}
	if e.now(t).Status.Secret == nil {
		t.Error("the report of a large SecretSync waits, and keeps it in memory")
	}
	if !e.shares.IsLarge(here) {
		t.Error("a SecretSync that is itself large has no turn among the large ones once its Secret is small")
	}
	e.settle(t)
	if data := e.secret(t, "db").Data; len(data) != 1 || data["renamed"] == nil {
		t.Fatalf("%d keys by a part of the spec", len(data))
	}
	writes, reads := e.writes, live.reads
	e.after(2 * e.options.PollInterval)
	e.turn(t)
	if live.reads != reads+1 || e.writes != writes {
		t.Errorf("a poll reads it %d times and writes %d times", live.reads-reads, e.writes-writes)
	}
	// Once it is suspended, and says so, it costs nothing.
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	e.turn(t)
	if got := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionReady).Reason; got != v1alpha1.ReasonSuspended {
		t.Fatalf("suspended, Ready has the reason %q", got)
	}
	reads = live.reads
	for range 5 {
		e.after(time.Hour)
		e.turn(t)
	}
	e.Controller = New(e.options) // A restart.
	e.turn(t)
	if live.reads != reads {
		t.Errorf("while it is suspended it is read %d times", live.reads-reads)
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend, secretSync.Spec.Data = false, nil })
	e.settle(t)
	if data := e.secret(t, "db").Data; data["value"] == nil {
		t.Error("it is not resumed")
	}
}

func TestAnOrdinaryPollReadsNothing(t *testing.T) {
	e := newEnvironment(t, fresh())
	live := &server{Reader: e.options.Live}
	e.options.Live = live
	e.settle(t)
	for range 5 {
		e.after(2 * e.options.PollInterval)
		e.turn(t)
	}
	if live.reads > 0 {
		t.Errorf("the SecretSync was read %d times from the API server", live.reads)
	}
}

// The cache shows later than the API server what is gone, and what was created under its name since.
func TestALargeSecretSyncThatIsGone(t *testing.T) {
	e := newEnvironment(t, fresh())
	kept := fresh()
	kept.Abridged = &v1alpha1.Abridged{}
	other := fresh()
	other.UID = "another"
	for name, live := range map[string]*server{"gone": {Reader: newEnvironment(t, gone()).options.Live}, "another": {secretSync: other}} {
		e.options.Live = live
		e.shares.Mark(here, true)
		if got, turn, err := e.whole(t.Context(), kept); got != nil || err != nil || turn.RequeueAfter > 0 {
			t.Errorf("%s: a reconcile of %v after %s, %v", name, got, turn.RequeueAfter, err)
		}
	}
}

// gone is a SecretSync of another name.
func gone() *v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Name = "other"
	return secretSync
}

// A SecretSync of which a part cannot be read is tried again, and what may be large in its metadata is not kept.
func TestALargeSecretSyncIsReadInFullOrNotAtAll(t *testing.T) {
	e := newEnvironment(t, fresh())
	kept := fresh()
	kept.Abridged = &v1alpha1.Abridged{}
	e.shares.Mark(here, true)
	away := errors.New("the API server is away")
	e.options.Live = &failing{away}
	if got, _, err := e.whole(t.Context(), kept); got != nil || !errors.Is(err, away) {
		t.Errorf("a reconcile of %v, %v", got, err)
	}
	live := fresh()
	live.Labels = map[string]string{"a": "b"}
	live.OwnerReferences = []metav1.OwnerReference{{Name: "owner"}}
	live.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	e.options.Live = &server{secretSync: live}
	got, _, err := e.whole(t.Context(), kept)
	if err != nil || got == nil || got.Labels != nil || got.OwnerReferences != nil || got.ManagedFields != nil {
		t.Errorf("a reconcile of %+v, %v", got, err)
	}
}

// failing is an API server that lists nothing.
type failing struct{ err error }

func (f *failing) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return f.err
}

func (f *failing) List(context.Context, client.ObjectList, ...client.ListOption) error { return f.err }

// Only where nothing is left to do or to report a suspended SecretSync is not read.
func TestASuspensionThatStatusDoesNotHaveIsRead(t *testing.T) {
	wrong, now := "spec.data: no list", metav1.Now()
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSync)
		want   bool
	}{
		"status has it":       {func(*v1alpha1.SecretSync) {}, true},
		"it is resumed":       {func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false }, false},
		"it is deleted":       {func(secretSync *v1alpha1.SecretSync) { secretSync.DeletionTimestamp = &now }, false},
		"it cannot be read":   {func(secretSync *v1alpha1.SecretSync) { secretSync.Unreadable = &wrong }, false},
		"it was edited":       {func(secretSync *v1alpha1.SecretSync) { secretSync.Generation++ }, false},
		"status has no Ready": {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Conditions = nil }, false},
		"another reason":      {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Conditions[0].Reason = v1alpha1.ReasonSynced }, false},
	} {
		secretSync := fresh()
		secretSync.Spec.Suspend, secretSync.Status.ObservedGeneration = true, secretSync.Generation
		secretSync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSuspended}}
		test.change(secretSync)
		if got := suspendedBefore(secretSync); got != test.want {
			t.Errorf("%s: it is not read: %v", name, got)
		}
	}
}
