package secretsync

import (
	"cmp"
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// blind is a reader that gives no metadata of Secrets, and counts how often it was asked for it.
func blind(server client.WithWatch, asked *int) client.WithWatch {
	return interceptor.NewClient(server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if _, ok := object.(*metav1.PartialObjectMetadata); ok {
				*asked++
				return errAway
			}
			return c.Get(ctx, key, object, options...)
		},
	})
}

// TestASuspensionLeavesNothingDue: no poll, no watch of a Secret, nothing that is in the way; the end of it is looked at at
// once.
func TestASuspensionLeavesNothingDue(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	memory, ended := w.memories.byName[here], 0
	w.awaits.begin(here, &await{secret: "db", end: func() { ended++ }})
	memory.blocked.since, memory.pursuit.next, memory.told = noon, noon, noon
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	w.turn(t)
	if ended != 1 {
		t.Error("a Secret is watched for it still")
	}
	if next := memory.nextLook.get(); !next.IsZero() || !memory.blocked.since.IsZero() || !memory.pursuit.next.IsZero() || !memory.told.IsZero() {
		t.Errorf("it is due at %s, or for what else there was", next)
	}
	asked := w.aws.asked
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false })
	w.turn(t)
	if w.aws.asked == asked {
		t.Error("the end of a suspension waits")
	}
}

// TestAStartIsNoStampede: what was in sync is asked for at its own moment of the interval, all else at once.
func TestAStartIsNoStampede(t *testing.T) {
	now := metav1.NewTime(noon)
	for name, test := range map[string]struct {
		change        func(*v1alpha1.SecretSync)
		inSync, asked bool
	}{
		"in sync":                 {func(*v1alpha1.SecretSync) {}, true, false},
		"former values are to go": {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.PreviousUntil = &now }, true, true},
		"in trouble":              {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Conditions[0].Status = metav1.ConditionFalse }, false, true},
		"edited":                  {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Secret.Generation-- }, false, true},
		"not written":             {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Secret = nil }, false, true},
	} {
		w := newWorld(t, fresh())
		w.settle(t)
		asked, secretSync := w.aws.asked, w.now(t)
		if ready := secretSync.Status.Conditions[0]; ready.Type != v1alpha1.ConditionReady {
			t.Fatalf("the first condition is %s", ready.Type)
		}
		test.change(secretSync)
		if err := w.server.Status().Update(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
		w.Controller = New(w.Options)
		w.turn(t)
		if (w.aws.asked > asked) != test.asked || inSyncBefore(secretSync) != test.inSync {
			t.Errorf("%s: AWS was asked %d times, in sync before: %t", name, w.aws.asked-asked, inSyncBefore(secretSync))
		}
	}
}

func TestWhenAnEventIsDue(t *testing.T) {
	const before, after = -time.Minute, time.Minute
	for name, test := range map[string]struct {
		failures            int
		next, told, pursuit time.Duration
		due                 bool
	}{
		"nothing":                                {next: after},
		"an event":                               {next: after, told: -2 * time.Minute, due: true},
		"an event during the failed try":         {failures: 1, next: after, told: before, due: true},
		"an event before the failed try":         {failures: 1, next: after, told: before - 1},
		"an event, and the next try is due":      {failures: 1, next: before, told: before - 1, due: true},
		"a look that is due":                     {next: after, pursuit: before, due: true},
		"a look that is not due":                 {next: after, pursuit: after},
		"a look that is due, after a failure":    {failures: 1, next: after, pursuit: before},
		"a look and the next try that are due":   {failures: 1, next: before, pursuit: before, due: true},
		"a look that is due, after many failing": {failures: 9, next: after, pursuit: before},
	} {
		m := &memory{failures: test.failures, triedAt: noon.Add(before)}
		m.nextLook.set(noon.Add(test.next))
		if test.told != 0 {
			m.told = noon.Add(test.told)
		}
		if test.pursuit != 0 {
			m.pursuit.next = noon.Add(test.pursuit)
		}
		if got := m.eventDue(noon); got != test.due {
			t.Errorf("%s: due: %t", name, got)
		}
	}
}

// TestASecretThatCannotBeLookedAtStopsThePass: neither AWS nor the Secret is touched for it.
func TestASecretThatCannotBeLookedAtStopsThePass(t *testing.T) {
	none := 0
	for name, spoil := range map[string]func(*world){
		"in the cache": func(w *world) { w.secrets.Client = blind(w.server, &none) },
		"in the cache, of one that is new": func(w *world) {
			w.secrets.Client = blind(w.server, &none)
			w.memories.byName[here].nextLook.set(noon)
		},
		"at the API server": func(w *world) {
			w.secrets.Live = blind(w.server, &none)
			w.lose(t)
		},
		"at the API server, after a race": func(w *world) {
			w.secrets.Live = blind(w.server, &none)
			w.Live = w.server
			w.memories.byName[here].races = 1
			w.memories.byName[here].nextLook.set(noon)
		},
		"nor the SecretSync": func(w *world) {
			w.lose(t)
			w.Live = w.mute()
		},
	} {
		w := newWorld(t, fresh())
		w.settle(t)
		asked := w.aws.asked
		spoil(w)
		had := w.secret(t, "db")
		_, err := w.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
		if ready := w.ready(t); err == nil && ready.Reason == v1alpha1.ReasonSynced && w.memories.byName[here].failures == 0 {
			t.Errorf("%s: nothing is wrong: %+v", name, ready)
		}
		if has := w.secret(t, "db"); w.aws.asked != asked || (has == nil) != (had == nil) {
			t.Errorf("%s: AWS was asked %d times, the Secret is there: %t", name, w.aws.asked-asked, has != nil)
		}
	}
}

// lose deletes the Secret.
func (w *world) lose(t *testing.T) {
	t.Helper()
	if err := w.server.Delete(t.Context(), w.secret(t, "db")); err != nil {
		t.Fatal(err)
	}
}

// TestAPassWithNothingToDoReadsNoSecret, and so none keeps it from having nothing to do.
func TestAPassWithNothingToDoReadsNoSecret(t *testing.T) {
	w := newWorld(t, fresh())
	w.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "no such secret"}
	w.settle(t) // Nothing was written; the next try is due later.
	asked, reads, reason := w.aws.asked, 0, w.ready(t).Reason
	w.secrets.Client, w.secrets.Live = blind(w.server, &reads), blind(w.server, &reads)
	w.turn(t)
	if reads > 0 || w.aws.asked != asked || w.ready(t).Reason != reason {
		t.Errorf("Secrets were read %d times, AWS was asked %d times, the reason is %s", reads, w.aws.asked-asked, w.ready(t).Reason)
	}
}

// TestWhatTellsThatASecretWasTouched: the cache where it can be right, and the API server where it can't.
func TestWhatTellsThatASecretWasTouched(t *testing.T) {
	const written = "20"
	for name, test := range map[string]struct {
		cached, live   string // resourceVersions; empty for a Secret that is not there
		another        bool   // what the cache has is of the name alone
		ours           string // that of the last write of this process
		ago            time.Duration
		drifted, lags  bool
		asked, forgets bool
	}{
		"as it was written":                         {cached: "20", live: "20", ours: "20"},
		"an edit that the cache has":                {cached: "21", live: "21", ours: "20", drifted: true},
		"our own write is on its way":               {cached: "19", live: "20", ours: "20", lags: true},
		"our own write is on its way for a while":   {cached: "19", live: "20", ours: "20", ago: cacheLagMost - 1, lags: true},
		"our own write should be there":             {cached: "19", live: "20", ours: "20", ago: cacheLagMost, asked: true},
		"another process wrote it":                  {cached: "19", live: "20", ours: "18", asked: true},
		"another process wrote it, and one more":    {cached: "19", live: "21", ours: "18", asked: true, drifted: true},
		"an edit that the cache has not":            {cached: "19", live: "21", ours: "20", ago: cacheLagMost, asked: true, drifted: true},
		"not in the cache yet":                      {live: "20", ours: "20", asked: true},
		"it was made again, on its way":             {cached: "19", live: "20", ours: "20", another: true, asked: true},
		"gone":                                      {ours: "20", asked: true, drifted: true},
		"it went back in time":                      {cached: "19", live: "19", ours: "20", ago: cacheLagMost, asked: true, drifted: true, forgets: true},
		"it went back in time, of another process'": {cached: "19", live: "19", ours: "18", asked: true, drifted: true, forgets: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			cache, live := &oneState{version: test.cached}, &oneState{version: test.live}
			if test.another {
				cache.uid = "former"
			}
			d.secrets = &target.Writer{Client: cache, Live: live}
			secretSync := fresh()
			secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", ResourceVersion: written}
			p := d.begin(secretSync, d.memories.of(here, "uid"))
			p.memory.secret.written, p.memory.wrote = test.ours, noon.Add(-test.ago)
			p.memory.seen.Store(&target.Result{UID: "secret", ResourceVersion: written})
			_, drifted, err := d.drifted(t.Context(), p)
			if err != nil || drifted != test.drifted || p.lags != test.lags {
				t.Errorf("drifted %t, lags %t (%v)", drifted, p.lags, err)
			}
			if (live.asked > 0) != test.asked || (p.memory.seen.Load() == nil) != test.forgets {
				t.Errorf("the API server was asked %d times, what was seen is remembered: %t", live.asked, p.memory.seen.Load() != nil)
			}
		})
	}
}

// oneState is a reader of one Secret at a version; empty for none.
type oneState struct {
	client.Client
	version string
	uid     types.UID // empty for that of the Secret in status
	refusal error
	asked   int
}

func (s *oneState) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	s.asked++
	if s.refusal != nil {
		return s.refusal
	}
	if s.version == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	object.SetUID(cmp.Or(s.uid, "secret"))
	object.SetResourceVersion(s.version)
	return nil
}

func TestWhatIsLost(t *testing.T) {
	owned, kept := fresh(), fresh()
	kept.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	for name, test := range map[string]struct {
		sync *v1alpha1.SecretSync
		seen target.State
		lost bool
	}{
		"gone":                                   {owned, target.State{}, true},
		"its own":                                {owned, target.State{Exists: true, Controller: "uid"}, false},
		"set free":                               {owned, target.State{Exists: true}, true},
		"another's":                              {owned, target.State{Exists: true, Controller: "another"}, true},
		"one that is kept, which has no owner":   {kept, target.State{Exists: true}, false},
		"one that is kept, which is not there":   {kept, target.State{}, true},
		"one that is kept, as it was not before": {kept, target.State{Exists: true, Controller: "uid"}, false},
	} {
		if got := lost(test.sync, test.seen); got != test.lost {
			t.Errorf("%s: lost: %t", name, got)
		}
	}
}

// TestAnEditIsUndoneWithoutMoreQuestions: that the SecretSync may be about to end matters where its Secret is lost alone.
func TestAnEditIsUndoneWithoutMoreQuestions(t *testing.T) {
	w, _, live := behindTheWatch(t)
	secret := w.secret(t, "db")
	secret.Data["value"] = []byte("edited")
	if err := w.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.turn(t)
	if held := string(w.secret(t, "db").Data["value"]); held != "of version-1" || live.reads != 0 {
		t.Errorf("the Secret holds the value %s, the API server was asked %d times", held, live.reads)
	}
}

func TestWhetherASecretSyncEnds(t *testing.T) {
	now := metav1.Now()
	for name, test := range map[string]struct {
		live func(*v1alpha1.SecretSync) *v1alpha1.SecretSync
		ends bool
	}{
		"it is there": {func(is *v1alpha1.SecretSync) *v1alpha1.SecretSync { return is }, false},
		"it is gone":  {func(*v1alpha1.SecretSync) *v1alpha1.SecretSync { return nil }, true},
		"it is another": {func(is *v1alpha1.SecretSync) *v1alpha1.SecretSync {
			is.UID = "another"
			return is
		}, true},
		"it is being deleted": {func(is *v1alpha1.SecretSync) *v1alpha1.SecretSync {
			is.DeletionTimestamp = &now
			return is
		}, true},
	} {
		d := newDesk(t)
		d.Live = &server{Reader: d.Client, sync: test.live(fresh())}
		if ends, err := d.ends(t.Context(), fresh()); err != nil || ends != test.ends {
			t.Errorf("%s: it ends: %t (%v)", name, ends, err)
		}
	}
}
