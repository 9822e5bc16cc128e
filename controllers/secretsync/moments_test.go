package secretsync

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// Where the wall clock is set back by an hour, the next poll must not be an hour later. A time
// that has a reading of the monotonic clock is safe from it, and says so when it is printed (package time).
func TestWaitsSurviveAClockThatIsSetBack(t *testing.T) {
	now := time.Now()
	tick := New(Options{}).nextTick(polled(New(Options{}), "one", "db", time.Minute), now)
	var kept moment
	kept.set(tick)
	if got := kept.get(); !strings.Contains(got.String(), " m=") {
		t.Error("the next poll goes by the wall clock alone")
	}
	if wait := tick.Sub(now); wait <= 0 || wait > time.Minute {
		t.Errorf("the next poll is in %s", wait)
	}
	kept.set(time.Time{})
	if !kept.get().IsZero() || !(&moment{}).get().IsZero() {
		t.Error("no time is not zero")
	}
}

// An outage after a suspension is not as old as the outage before it.
func TestASuspensionForgetsFailures(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	w.aws.refusal = &source.Error{Kind: source.RegionUnavailable, Explanation: "away"}
	w.clock.SetTime(noon.Add(10 * time.Minute))
	w.turn(t)
	w.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	w.turn(t)
	if failures := w.memories.byName[here].failures; failures != 0 {
		t.Errorf("%d failures in a row", failures)
	}
	if result := w.turn(t); result.RequeueAfter != 0 {
		t.Errorf("a suspended SecretSync is looked at again after %s", result.RequeueAfter)
	}
}

// While an outage lasts, Ready speaks of the Secret; of one that somebody deleted it says so.
func TestNobodySaysThatADeletedSecretKeepsItsVersion(t *testing.T) {
	for name, test := range map[string]struct {
		kind   source.Kind
		delete bool
		ready  metav1.ConditionStatus
		says   string
	}{
		"an outage":                        {source.RegionUnavailable, false, metav1.ConditionTrue, "retrying"},
		"an outage, the Secret is deleted": {source.RegionUnavailable, true, metav1.ConditionFalse, "edited or deleted"},
		"a denial":                         {source.AccessDenied, false, metav1.ConditionFalse, "keeps version version-1"},
		"a denial, the Secret is deleted":  {source.AccessDenied, true, metav1.ConditionFalse, "edited or deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fresh())
			w.settle(t)
			w.aws.refusal = &source.Error{Kind: test.kind, Explanation: "no"}
			if test.delete {
				if err := w.server.Delete(t.Context(), w.secret(t, "db")); err != nil {
					t.Fatal(err)
				}
			}
			w.clock.SetTime(noon.Add(10 * time.Minute))
			w.turn(t)
			ready := meta.FindStatusCondition(w.now(t).Status.Conditions, v1alpha1.ConditionReady)
			if ready.Status != test.ready || !strings.Contains(ready.Message, test.says) || test.delete && strings.Contains(ready.Message, "keeps") {
				t.Errorf("Ready is %s: %s", ready.Status, ready.Message)
			}
		})
	}
}

// Of the rotation of a secret that is no longer followed nothing is said.
func TestRotationHealthGoesWithItsSecret(t *testing.T) {
	p := written("version-1", "version-2")
	d := newDesk(t, p.before.DeepCopy())
	p.sync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRotationHealthy, Status: metav1.ConditionTrue}}
	d.describe(p, nil)
	if meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy) == nil {
		t.Error("it is lost where the same secret is followed, and this call did not tell")
	}
	p.inputs[0].observation.Version.ARN = "another"
	d.describe(p, nil)
	if meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy) != nil {
		t.Error("it is still there for another secret")
	}
}

func TestWhy(t *testing.T) {
	for name, test := range map[string]struct {
		generation int64
		token      string
		drifted    bool
		due        time.Duration
		want       trigger
	}{
		"nothing":                            {1, "", false, time.Second, triggerNone},
		"a poll is due":                      {1, "", false, 0, triggerPoll},
		"a poll is overdue":                  {1, "", false, -time.Hour, triggerPoll},
		"a refresh":                          {1, "new", false, time.Second, triggerRefresh},
		"a refresh that was handled":         {1, "old", false, time.Second, triggerNone},
		"an edit of the Secret":              {1, "", true, time.Second, triggerDrift},
		"an edit of the Secret, and refresh": {1, "new", true, time.Second, triggerDrift},
		"an edit of the spec":                {2, "", false, time.Second, triggerSpec},
		"everything":                         {2, "new", true, -time.Second, triggerSpec},
	} {
		secretSync := fresh()
		secretSync.Generation, secretSync.Status.ObservedGeneration, secretSync.Status.LastHandledRefresh = test.generation, 1, "old"
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: test.token}
		p := &pass{sync: secretSync, memory: &memory{}}
		p.memory.nextLook.set(noon.Add(test.due))
		if got := why(p, test.drifted, noon); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A poll may share an answer; a person wants to know how things are now.
func TestWhoMayShareAnAnswer(t *testing.T) {
	c := New(Options{PollInterval: 5 * time.Minute})
	for name, test := range map[string]struct {
		trigger trigger
		token   string
		shares  bool
	}{
		"a poll":                      {triggerPoll, "", true},
		"a repair":                    {triggerDrift, "", true},
		"a repair and a refresh":      {triggerDrift, "new", false},
		"a refresh":                   {triggerRefresh, "new", false},
		"an edit of the spec":         {triggerSpec, "", false},
		"a poll with a handled token": {triggerPoll, "old", true},
	} {
		secretSync := fresh()
		secretSync.Status.LastHandledRefresh = "old"
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: test.token}
		p := c.begin(secretSync, &memory{})
		p.trigger = test.trigger
		if got := c.question(p).MaxAge; (got > 0) != test.shares || got > time.Minute {
			t.Errorf("%s takes an answer that is %s old", name, got)
		}
	}
}

// A refresh is asked for by whoever has ended the fight: it is not put off.
func TestARefreshEndsATruce(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	p.trigger, p.memory.truce = triggerDrift, noon.Add(time.Minute)
	if d.hold(t.Context(), p) == nil {
		t.Fatal("the truce is not kept")
	}
	p.sync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	if err := d.hold(t.Context(), p); err != nil {
		t.Errorf("a refresh is put off: %v", err)
	}
	p.sync.Status.LastHandledRefresh = "now"
	if err := d.hold(t.Context(), p); err != nil {
		t.Errorf("the try after the refresh is put off again: %v", err)
	}
}

// In mode Observe nothing need have been written when trouble ends.
func TestARecoveryIsToldOfInModeObserveToo(t *testing.T) {
	secretSync := fresh()
	secretSync.Spec.Mode = v1alpha1.SyncModeObserve
	w := newWorld(t, secretSync)
	w.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "no such secret"}
	w.turn(t)
	w.sent()
	w.aws.refusal = nil
	w.clock.SetTime(noon.Add(20 * time.Minute))
	w.turn(t)
	sent := w.sent()
	if len(sent) == 0 || !strings.Contains(sent[0], "Recovered from SecretNotFound") || strings.Contains(sent[0], "holds") {
		t.Errorf("events: %q", sent)
	}
	if got := w.now(t); troubleOf(got) != "" {
		t.Errorf("still in trouble: %s", troubleOf(got))
	}
}

// The watch may still show the Secret that replacePolicy: Recreate has deleted.
func TestASecretMadeAnewIsNoDrift(t *testing.T) {
	w := newWorld(t, fresh())
	w.settle(t)
	behind := interceptor.NewClient(w.server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			err := c.Get(ctx, key, object, options...)
			object.SetUID("of the one before")
			return err
		},
	})
	w.secrets = &target.Writer{Client: behind, Live: w.server}
	if _, drifted, err := w.drifted(t.Context(), w.begin(w.now(t), &memory{})); err != nil || drifted {
		t.Errorf("drifted: %v, %v", drifted, err)
	}
	w.secrets.Live = behind // It is another one indeed.
	if _, drifted, err := w.drifted(t.Context(), w.begin(w.now(t), &memory{})); err != nil || !drifted {
		t.Errorf("drifted: %v, %v", drifted, err)
	}
}
