package secretsync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// certain is a source whose secrets are all at one version.
func certain(version string) *fakeSource {
	return &fakeSource{resolve: func(query source.VersionQuery) (source.Resolution, error) {
		return source.Resolution{Version: source.Version{ARN: "arn:" + query.SecretID, ID: version}}, nil
	}}
}

// TestNothingIsReadWhileAVersionIsUncertain: the reconcile is put off, for some seconds at most.
func TestNothingIsReadWhileAVersionIsUncertain(t *testing.T) {
	aws := &fakeSource{resolve: func(query source.VersionQuery) (source.Resolution, error) {
		return source.Resolution{Version: query.Synced, Uncertain: true}, nil
	}}
	r := newRendering(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	for range 10 {
		_ = r.attempt.state.consistency.Wait()
	}
	for range 2 {
		done := r.sync(t.Context(), r.attempt, nil)
		busy, ok := errors.AsType[*source.Error](done.err)
		if !ok || busy.Kind != source.Busy || busy.RetryAfter != 4*time.Second {
			t.Errorf("the error is %v", done.err)
		}
		if len(aws.fetches) > 0 || done.outcome.Write != nil {
			t.Errorf("%d values are read, the Secret is written: %v", len(aws.fetches), done.outcome.Write != nil)
		}
	}
}

// TestAPollThatFindsNothingNewEndsThere, and that versions and values did not agree before is over.
func TestAPollThatFindsNothingNewEndsThere(t *testing.T) {
	aws := certain("v1")
	r := newRendering(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	r.attempt.secretSync.Status.Secret, r.attempt.trigger = &v1alpha1.SecretStatus{Generation: 1}, schedule.Poll
	for range 5 {
		_ = r.attempt.state.consistency.Wait()
	}
	done := r.sync(t.Context(), r.attempt, nil)
	if done.err != nil || done.outcome.Write != nil {
		t.Errorf("the Secret is written: %v, %v", done.outcome.Write != nil, done.err)
	}
	if len(aws.queries) != 1 || len(aws.fetches) > 0 {
		t.Errorf("%d queries, %d reads", len(aws.queries), len(aws.fetches))
	}
	r.wantConsistent(t)
}

// TestValuesThatCannotBePublishedLeaveTheSecretAsItIs, and nothing is said of what would be written.
func TestValuesThatCannotBePublishedLeaveTheSecretAsItIs(t *testing.T) {
	for name, test := range map[string]struct {
		mode v1alpha1.SyncMode
		key  v1alpha1.DataKey
		want string
	}{
		"a property that is missing":   {"", v1alpha1.DataKey{Key: "value", Property: "a"}, v1alpha1.ReasonPropertyNotFound},
		"a value that a guard refuses": {"", v1alpha1.DataKey{Key: "value"}, v1alpha1.ReasonValueRejected},
		"in mode Observe":              {v1alpha1.SyncModeObserve, v1alpha1.DataKey{Key: "value", Property: "a"}, v1alpha1.ReasonPropertyNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync, values := fresh(), map[string]string{"v1": `{"a":"1"}`, "v2": `{"b":"2"}`}
			secretSync.Spec.Data = []v1alpha1.DataKey{test.key}
			secretSync.Spec.Guards = &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "value", Pattern: ".*1.*"}}}
			e, secrets := newEnvironment(t, secretSync), account{"db": at("v1")}
			aws := secrets.source()
			aws.fetch = func(_ source.Ref, resolved source.Version) (source.Fetched, error) {
				return source.Fetched{Version: resolved, Value: source.TextValue(values[resolved.ID])}, nil
			}
			e.use(aws)
			e.settle(t)
			e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Mode = test.mode })
			e.settle(t)
			e.sent()
			before := e.secret(t, "db").ResourceVersion
			secrets["db"] = at("v2")
			e.pollAt(e.clock.Now())
			e.settle(t)
			if after := e.secret(t, "db").ResourceVersion; after != before {
				t.Errorf("the Secret was written: resourceVersion %s, was %s", after, before)
			}
			if ready := e.ready(t); ready.Status != metav1.ConditionFalse || ready.Reason != test.want {
				t.Errorf("Ready is %s for %s", ready.Status, ready.Reason)
			}
			if sent := e.sent(); len(sent) != 1 || !strings.Contains(sent[0], status.EventFailed) {
				t.Errorf("events: %q", sent)
			}
		})
	}
}

// TestAPreviewIsNotMadeTwice: in mode Observe values are read again where there is something new to say.
func TestAPreviewIsNotMadeTwice(t *testing.T) {
	for name, lost := range map[string]bool{"of the Secret as it was": false, "while the Secret can't be read": true} {
		t.Run(name, func(t *testing.T) {
			secretSync := fresh()
			secretSync.Spec.Mode = v1alpha1.SyncModeObserve
			e := newEnvironment(t, secretSync)
			e.settle(t)
			if lost {
				e.liveThrough(interceptor.Funcs{
					Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
						return errAway
					},
				})
			}
			e.pollAt(e.clock.Now())
			e.turn(t)
			if e.aws.fetched != 1 {
				t.Errorf("the value is read %d times", e.aws.fetched)
			}
			if reason := e.now(t).FailureReason(); (reason != "") != lost {
				t.Errorf("status reports %q", reason)
			}
		})
	}
}

// TestTheSourceKnowsSinceWhenTheSecretSyncIsThere: a ServiceAccount of before may have been another tenant's.
func TestTheSourceKnowsSinceWhenTheSecretSyncIsThere(t *testing.T) {
	for name, test := range map[string]struct {
		initial bool // in the first list of the watch
		since   time.Time
	}{
		"since the operator runs":     {false, noon.Add(time.Minute)},
		"since before it was started": {true, time.Time{}},
	} {
		e, aws := newEnvironment(t, fresh()), account{"db": at("v1")}.source()
		e.use(aws)
		e.restores().Create(event.CreateEvent{Object: e.now(t), IsInInitialList: test.initial})
		e.after(time.Minute)
		e.settle(t)
		want := source.Reader{Namespace: here.Namespace, Name: here.Name, Since: test.since}
		if len(aws.queries) == 0 || len(aws.fetches) == 0 {
			t.Fatalf("%s: %d queries, %d reads", name, len(aws.queries), len(aws.fetches))
		}
		if diff := cmp.Diff(want, aws.queries[0].Reader); diff != "" {
			t.Errorf("%s: the query is for another reader (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want, aws.fetches[0].Reader); diff != "" {
			t.Errorf("%s: the value is read for another reader (-want +got):\n%s", name, diff)
		}
	}
}

// TestOnlyThePollOfWhatIsInSyncIsRoutine: the others are waited for.
func TestOnlyThePollOfWhatIsInSyncIsRoutine(t *testing.T) {
	for name, test := range map[string]struct {
		trigger schedule.Trigger
		written int64
		want    bool
	}{
		"a poll":                          {schedule.Poll, 1, true},
		"a poll of what an edit wants":    {schedule.Poll, 0, false},
		"a repair":                        {schedule.Drift, 1, false},
		"what a change event has set off": {schedule.Event, 1, false},
	} {
		r := newRendering(t, nil, twoSecrets())
		r.attempt.trigger, r.attempt.secretSync.Status.Secret = test.trigger, &v1alpha1.SecretStatus{Generation: test.written}
		if got := r.request(r.attempt).Routine; got != test.want {
			t.Errorf("%s is routine: %v", name, got)
		}
	}
}

func TestWhenTheSecretHasWhatAWSHas(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*attempt, *resolve.Set)
		want   bool
	}{
		"all is as it was":            {func(*attempt, *resolve.Set) {}, true},
		"another version":             {func(_ *attempt, set *resolve.Set) { set.Inputs[1].Resolution.Version.ID = "v3" }, false},
		"another secret of the name":  {func(_ *attempt, set *resolve.Set) { set.Inputs[1].Resolution.Version.ARN = "arn:b-2" }, false},
		"one more than there are now": {func(_ *attempt, set *resolve.Set) { set.Inputs = set.Inputs[:1] }, false},
		"former values that are to be taken out": {func(a *attempt, _ *resolve.Set) {
			a.secretSync.Status.PreviousUntil = &metav1.Time{Time: noon}
		}, false},
		"former values that are to come": {func(_ *attempt, set *resolve.Set) { set.PreviousUntil = noon }, false},
		"an edit of the spec":            {func(a *attempt, _ *resolve.Set) { a.secretSync.Generation = 2 }, false},
		"an edit of the Secret":          {func(a *attempt, _ *resolve.Set) { a.trigger = schedule.Drift }, false},
		"a restore of etcd":              {func(a *attempt, _ *resolve.Set) { a.trigger = schedule.Restore }, false},
	} {
		r := newRendering(t, certain("v1"), twoSecrets(), syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v1"))
		r.attempt.secretSync.Status.Secret, r.attempt.trigger = &v1alpha1.SecretStatus{Generation: 1}, schedule.Poll
		set, err := r.resolver.Versions(t.Context(), r.request(r.attempt))
		if err != nil {
			t.Fatal(err)
		}
		test.change(r.attempt, set)
		if got, err := r.current(t.Context(), r.attempt, set); err != nil || got != test.want {
			t.Errorf("%s: in sync %v, %v", name, got, err)
		}
	}
}

func TestFindFollowsWhatComesAndGoes(t *testing.T) {
	secretSync := fresh()
	secretSync.Spec = v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "x"}, Prefix: "K_"}}}
	e, secrets := newEnvironment(t, secretSync), account{"a": at("1"), "b": at("2"), "new": {}}
	aws := secrets.source()
	e.use(aws)
	names := []string{"a", "b", "new"}
	aws.find = func(source.FindQuery) (found []source.Found, err error) {
		for _, name := range names {
			found = append(found, source.Found{ARN: "arn:" + name, Name: name})
		}
		return found, nil
	}
	poll := func(when string, want map[string]string) {
		t.Helper()
		if e.state() != nil {
			e.pollAt(e.clock.Now())
		}
		aws.forget()
		e.settle(t)
		if diff := cmp.Diff(want, textsOf(e.secret(t, "db").Data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	poll("at first", map[string]string{"K_a": "1", "K_b": "2"})
	poll("unchanged", map[string]string{"K_a": "1", "K_b": "2"})
	if len(aws.fetches) > 0 || len(aws.searches) == 0 {
		t.Fatalf("unchanged, %d values are read, and %d searches are done", len(aws.fetches), len(aws.searches))
	}
	if asked := aws.searches[0]; len(asked.Known) != 2 || !asked.Routine {
		t.Errorf("known before: %v; routine: %v", asked.Known, asked.Routine)
	}
	names = []string{"b"}
	poll("a secret is no longer found", map[string]string{"K_b": "2"})
	lost := func(when string) {
		t.Helper()
		poll(when, map[string]string{"K_b": "2"})
		if reason := e.now(t).FailureReason(); reason != v1alpha1.ReasonSecretNotFound {
			t.Errorf("%s: the reason is %q", when, reason)
		}
		if ready := e.ready(t); !strings.Contains(ready.Message, "spec.dataFrom[0].find matches no secret: correct it") {
			t.Errorf("%s: %s", when, ready.Message)
		}
	}
	names = nil
	lost("nothing is found")
	names = []string{"b"}
	poll("a secret is found again", map[string]string{"K_b": "2"})
	if reason := e.now(t).FailureReason(); reason != "" {
		t.Errorf("a secret is found again: %s", reason)
	}
	delete(secrets, "b")
	lost("the last secret that is found is gone") // The list of AWS lags.
}

// The user who asks for a refresh has ended the fight: it is not put off.
func TestARefreshEndsATruce(t *testing.T) {
	r := newRendering(t, nil, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}})
	r.attempt.trigger = schedule.Drift
	for range 5 {
		r.attempt.state.fight.Repaired(noon, nil)
	}
	for _, when := range []string{"begun", "kept"} {
		if r.putOffFight(r.attempt) == nil {
			t.Fatalf("the truce is not %s", when)
		}
	}
	r.attempt.secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	if err := r.putOffFight(r.attempt); err != nil {
		t.Errorf("a refresh is put off: %v", err)
	}
	r.attempt.secretSync.Status.LastHandledRefresh = "now"
	if err := r.putOffFight(r.attempt); err != nil {
		t.Errorf("the try after the refresh is put off again: %v", err)
	}
}

// The watch may still show the Secret that replacePolicy: Recreate has deleted.
func TestARecreatedSecretIsNoDrift(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	former := interceptor.NewClient(e.server, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			err := c.Get(ctx, key, object, options...)
			object.SetUID("of the one before")
			return err
		},
	})
	for name, test := range map[string]struct {
		live client.Reader
		want bool
	}{
		"the watch alone shows another Secret":   {e.server, false},
		"the API server has another Secret, too": {former, true},
	} {
		writer := &target.Writer{Client: former, Live: test.live}
		found, err := ownwrites.Detect(t.Context(), writer, e.now(t), &ownwrites.Writes{}, &ownwrites.Seen{}, e.clock.Now())
		if err != nil || found.Drifted != test.want {
			t.Errorf("%s: drifted %v, %v", name, found.Drifted, err)
		}
	}
}

func TestAFightIsNoticedAndEnds(t *testing.T) {
	const fightRepairs, firstTruce = 5, time.Minute // Package ownwrites.
	e := newEnvironment(t, inStatus("version-1"))
	a := e.attempt(e.stored(t), schedule.Drift)
	for range fightRepairs {
		if err := e.putOffFight(a); err != nil {
			t.Fatalf("a repair was put off: %v", err)
		}
		a.state.fight.Repaired(e.clock.Now(), []string{"other-controller"})
	}
	err := e.putOffFight(a)
	if failed := failure.Explain(err); failed == nil || failed.Reason != v1alpha1.ReasonTargetConflict || !strings.Contains(failed.Message, "other-controller") {
		t.Fatalf("five repairs within a minute: %v", err)
	}
	e.after(firstTruce / 4)
	if e.putOffFight(a) == nil {
		t.Error("the truce is not kept")
	}
	e.after(firstTruce)
	if err := e.putOffFight(a); err != nil {
		t.Errorf("after the truce: %v", err)
	}
	a.trigger = schedule.Poll
	if err := e.putOffFight(a); err != nil {
		t.Errorf("a poll is put off: %v", err)
	}
}
