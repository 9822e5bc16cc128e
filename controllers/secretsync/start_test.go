package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
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

// TestASuspensionLeavesNothingDue: no poll, no watch of a Secret, nothing that is in the way; its end is followed at once.
func TestASuspensionLeavesNothingDue(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	state, ended := e.state(), 0
	e.secretWatches.begin(here, &secretWatch{secret: "db", end: func() { ended++ }})
	state.blockage.set(blocked{since: noon})
	state.schedule.Changed(noon)
	state.schedule.Plan(schedule.Result{Began: noon, Failure: failure.DeadlineExceeded(0)}, noon)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	e.turn(t)
	if ended != 1 {
		t.Error("a Secret is watched for it still")
	}
	if next := state.schedule.Next(); !next.IsZero() {
		t.Errorf("it is due at %s", next)
	}
	if since := state.blockage.get().since; !since.IsZero() {
		t.Errorf("it is blocked since %s", since)
	}
	if state.schedule.ChangedAfter(time.Time{}) {
		t.Error("a change event is to be followed")
	}
	if failures, _ := state.schedule.Failures(); failures != 0 {
		t.Errorf("%d failures are counted", failures)
	}
	asked := e.aws.asked
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = false })
	e.turn(t)
	if e.aws.asked == asked {
		t.Error("the end of a suspension waits")
	}
}

// TestAStartIsNoStampede: what was in sync is polled at its own moment of the interval, all else at once.
func TestAStartIsNoStampede(t *testing.T) {
	now := metav1.NewTime(noon)
	for name, test := range map[string]struct {
		change        func(*v1alpha1.SecretSync)
		inSync, asked bool
	}{
		"in sync":                 {func(*v1alpha1.SecretSync) {}, true, false},
		"former values are to go": {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.PreviousUntil = &now }, true, true},
		"failed":                  {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Conditions[0].Status = metav1.ConditionFalse }, false, true},
		"edited":                  {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Secret.Generation-- }, false, true},
		"not written":             {func(secretSync *v1alpha1.SecretSync) { secretSync.Status.Secret = nil }, false, true},
	} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		asked, secretSync := e.aws.asked, e.now(t)
		if ready := secretSync.Status.Conditions[0]; ready.Type != v1alpha1.ConditionReady {
			t.Fatalf("the first condition is %s", ready.Type)
		}
		test.change(secretSync)
		if err := e.server.Status().Update(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
		e.Controller = New(e.options)
		e.turn(t)
		if (e.aws.asked > asked) != test.asked {
			t.Errorf("%s: AWS was asked %d times", name, e.aws.asked-asked)
		}
		if secretSync.InSync() != test.inSync {
			t.Errorf("%s: in sync before: %t", name, secretSync.InSync())
		}
	}
}

// TestASecretThatCannotBeLookedAtStopsThePass: neither AWS is asked nor the Secret touched for it.
func TestASecretThatCannotBeLookedAtStopsThePass(t *testing.T) {
	none := 0
	for name, spoil := range map[string]func(*environment){
		"in the cache": func(e *environment) { e.secrets.Client = blind(e.server, &none) },
		"in the cache, of one that is new": func(e *environment) {
			e.secrets.Client = blind(e.server, &none)
			e.pollAt(noon)
		},
		"at the API server": func(e *environment) {
			e.secrets.Live = blind(e.server, &none)
			e.lose(t)
		},
		"at the API server, after a race": func(e *environment) {
			e.secrets.Live = blind(e.server, &none)
			e.options.Live = e.server
			e.state().cache.raced(true)
			e.pollAt(noon)
		},
		"nor the SecretSync": func(e *environment) {
			e.lose(t)
			e.options.Live = e.mute()
		},
	} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		asked := e.aws.asked
		spoil(e)
		had := e.secret(t, "db")
		_, err := e.Reconcile(t.Context(), reconcile.Request{NamespacedName: here})
		failures, _ := e.state().schedule.Failures()
		if ready := e.ready(t); err == nil && ready.Reason == v1alpha1.ReasonSynced && failures == 0 {
			t.Errorf("%s: nothing is wrong: %+v", name, ready)
		}
		if e.aws.asked != asked {
			t.Errorf("%s: AWS was asked %d times", name, e.aws.asked-asked)
		}
		if has := e.secret(t, "db"); (has == nil) != (had == nil) {
			t.Errorf("%s: the Secret is there: %t", name, has != nil)
		}
	}
}

// TestAPassWithNothingToDoReadsNoSecret, and so none keeps it from having nothing to do.
func TestAPassWithNothingToDoReadsNoSecret(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "no such secret"}
	e.settle(t) // Nothing was written; the next try is due later.
	asked, reads, reason := e.aws.asked, 0, e.ready(t).Reason
	e.secrets.Client, e.secrets.Live = blind(e.server, &reads), blind(e.server, &reads)
	e.turn(t)
	if reads > 0 {
		t.Errorf("Secrets were read %d times", reads)
	}
	if e.aws.asked != asked {
		t.Errorf("AWS was asked %d times", e.aws.asked-asked)
	}
	if now := e.ready(t).Reason; now != reason {
		t.Errorf("the reason is %s", now)
	}
}

func TestWhatIsLost(t *testing.T) {
	owned, kept := fresh(), fresh()
	kept.Spec.Target.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	for name, test := range map[string]struct {
		secretSync *v1alpha1.SecretSync
		found      target.State
		lost       bool
	}{
		"gone":                                   {owned, target.State{}, true},
		"its own":                                {owned, target.State{Exists: true, Controller: "uid"}, false},
		"set free":                               {owned, target.State{Exists: true}, true},
		"another's":                              {owned, target.State{Exists: true, Controller: "another"}, true},
		"one that is kept, which has no owner":   {kept, target.State{Exists: true}, false},
		"one that is kept, which is not there":   {kept, target.State{}, true},
		"one that is kept, as it was not before": {kept, target.State{Exists: true, Controller: "uid"}, false},
	} {
		if got := lost(test.secretSync, test.found); got != test.lost {
			t.Errorf("%s: lost: %t", name, got)
		}
	}
}

// countLists has what the API server is asked for itself counted.
func (e *environment) countLists() *int {
	reads := new(int)
	e.options.Live = interceptor.NewClient(e.server, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			*reads++
			return c.List(ctx, list, options...)
		},
	})
	return reads
}

// TestAnEditIsUndoneWithoutMoreQuestions: that the SecretSync may be about to end matters where its Secret is lost alone.
func TestAnEditIsUndoneWithoutMoreQuestions(t *testing.T) {
	e := newEnvironment(t, fresh())
	reads := e.countLists()
	e.settle(t)
	secret := e.secret(t, "db")
	secret.Data["value"] = []byte("edited")
	if err := e.server.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	e.turn(t)
	if held := e.value(t); held != "of version-1" {
		t.Errorf("the Secret holds the value %s", held)
	}
	if *reads != 0 {
		t.Errorf("the API server was asked %d times", *reads)
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
		e := newEnvironment(t, fresh())
		e.liveThrough(interceptor.Funcs{
			List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
				if live := test.live(fresh()); live != nil {
					list.(*v1alpha1.SecretSyncList).Items = []v1alpha1.SecretSync{*live}
				}
				return nil
			},
		})
		if ends, err := e.ended(t.Context(), fresh()); err != nil || ends != test.ends {
			t.Errorf("%s: it ends: %t (%v)", name, ends, err)
		}
	}
}

// TestASpecThatIsTooLargeIsRefused stands in for what an older CRD has let pass.
func TestASpecThatIsTooLargeIsRefused(t *testing.T) {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Spec.Template = &v1alpha1.Template{Data: map[string]string{"a": strings.Repeat("x", v1alpha1.SpecMostBytes-1)}}
	if err := readable(secretSync); err != nil {
		t.Errorf("the largest spec is refused: %v", err)
	}
	secretSync.Spec.Source.SecretID = "b"
	err := readable(secretSync)
	if refused := failure.Explain(err); refused == nil || refused.Reason != v1alpha1.ReasonInvalidSpec || !strings.Contains(refused.Message, "262145 bytes together, and 262144 are the most") {
		t.Errorf("a larger one gives %v", err)
	}
}

// TestWhatIsPutOff: repairs alone.
func TestWhatIsPutOff(t *testing.T) {
	for name, test := range map[string]struct {
		trigger schedule.Trigger
		repairs int
		truce   bool
		off     bool
	}{
		"a poll within a truce":     {trigger: schedule.Poll, repairs: 5, truce: true},
		"a poll after many repairs": {trigger: schedule.Poll, repairs: 5},
		"a repair within a truce":   {trigger: schedule.Drift, repairs: 5, truce: true, off: true},
		"a repair after many":       {trigger: schedule.Drift, repairs: 5, off: true},
		"a repair after one less":   {trigger: schedule.Drift, repairs: 4},
	} {
		e := newEnvironment(t, fresh())
		a := e.attempt(fresh(), test.trigger)
		for range test.repairs {
			a.state.fight.Repaired(noon, nil)
		}
		if test.truce {
			if a.state.fight.PutOff("db", noon) == nil {
				t.Fatalf("%s: there is no truce", name)
			}
		}
		if err := e.putOffFight(a); (err != nil) != test.off {
			t.Errorf("%s: put off by %v", name, err)
		}
		// The repairs that a poll meets still count for the next repair.
		if failed := a.state.fight.PutOff("db", noon); (failed != nil) != (test.repairs == 5) {
			t.Errorf("%s: then a repair is put off by %v", name, failed)
		}
	}
}

// TestAFightIsOverWhenAPollFindsTheSecretAsItShouldBe: repairs that are part of it do not end it, nor does a reconcile
// that asks AWS nothing or fails.
func TestAFightIsOverWhenAPollFindsTheSecretAsItShouldBe(t *testing.T) {
	for name, test := range map[string]struct {
		trigger  schedule.Trigger
		answered bool
		failure  *failure.Failure
		ends     bool
	}{
		"a repair":          {schedule.Drift, true, nil, false},
		"a poll":            {schedule.Poll, true, nil, true},
		"a poll that fails": {schedule.Poll, true, failure.DeadlineExceeded(0), false},
		"nothing was asked": {schedule.Poll, false, nil, false},
	} {
		e := newEnvironment(t, fresh())
		r := e.polledReport("v1")
		r.trigger, r.outcome.Trigger, r.outcome.Set.Answered, r.outcome.Failure = test.trigger, test.trigger, test.answered, test.failure
		now := noon
		truce := func() time.Duration {
			for range 5 {
				r.state.fight.Repaired(now, nil)
			}
			return r.state.fight.PutOff("db", now).RetryAfter
		}
		for range 5 { // By now a truce takes five minutes at least.
			now = now.Add(truce())
		}
		e.plan(r)
		if short := truce() <= time.Minute; short != test.ends {
			t.Errorf("%s: the next truce is a first one: %t", name, short)
		}
	}
}
