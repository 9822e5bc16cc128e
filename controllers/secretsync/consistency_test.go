package secretsync

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// What package resolve puts off: mismatchTries requests in a row whose values are of other versions, missingTries whose
// versions have no value, by up to maxMismatchWait.
const mismatchTries, missingTries, maxMismatchWait = 8, 3, 16 * time.Second

func TestAValueOfAnotherVersionIsNotPublished(t *testing.T) {
	e, aws := withLaggingAWS(t, nil)
	aws.says = at("v2")
	e.clock.SetTime(noon.Add(10 * time.Minute))
	for try := range mismatchTries - 1 {
		result := e.turn(t)
		if wait := result.RequeueAfter; wait <= 0 || wait > 2*maxMismatchWait {
			t.Fatalf("try %d: again after %s", try, wait)
		}
		if e.value(t) != "of v1" {
			t.Fatalf("try %d: the value is published", try)
		}
		if queries, reads := len(aws.queries), len(aws.fetches); queries > 2*(try+1) || reads > try+1 {
			t.Fatalf("%d tries cost %d queries and %d reads", try+1, queries, reads)
		}
	}
	e.wantUnreported(t)
	e.turn(t)
	ready := e.ready(t)
	if reason := e.now(t).FailureReason(); reason != v1alpha1.ReasonSourceFailed || ready.Status != metav1.ConditionTrue {
		t.Errorf("once it lasts, it is %q, Ready %s", reason, ready.Status)
	}
	if !strings.Contains(ready.Message, "is at version v2, and gives the value of version v1") {
		t.Errorf("once it lasts, Ready says: %s", ready.Message)
	}
	e.sent()
	aws.gives = at("v2")
	e.next(t)
	e.settle(t)
	if sent := e.sent(); e.value(t) != "of v2" || !strings.Contains(strings.Join(sent, "\n"), "from version v1 to v2") {
		t.Errorf("once both are the same, the value is v2: %v, %q", e.value(t) == "of v2", sent)
	}
	if status := e.now(t).Status.Sources[0]; status.VersionID != "v2" {
		t.Errorf("status names version %s", status.VersionID)
	}
	e.wantConsistent(t)
}

// wantConsistent wants no request to be remembered whose versions and values did not agree.
func (e *environment) wantConsistent(t *testing.T) {
	t.Helper()
	busy, ok := errors.AsType[*source.Error](e.state().consistency.Wait())
	if !ok || busy.RetryAfter != time.Second {
		t.Errorf("the next request is put off as if earlier ones had not come to their end: %v", busy)
	}
}

// The value tells of a label that has moved since the version was resolved.
func TestAValueThatIsNewerThanTheVersionIsResolvedAgain(t *testing.T) {
	e, aws := withLaggingAWS(t, nil)
	aws.says, aws.gives = at("v2"), at("v3")
	aws.then(func(source.VersionQuery, *source.Resolution) { aws.says = aws.gives }) // It moves after the first query.
	e.clock.SetTime(noon.Add(10 * time.Minute))
	e.turn(t)
	if e.value(t) != "of v3" || len(aws.queries) != 2 || len(aws.fetches) != 1 {
		t.Errorf("%q after %d queries and %d reads", e.value(t), len(aws.queries), len(aws.fetches))
	}
}

// While both agree, nothing more is asked.
func TestAValueOfTheVersionCostsNoSecondQuery(t *testing.T) {
	e, aws := withLaggingAWS(t, nil)
	aws.says, aws.gives = at("v2"), at("v2")
	e.clock.SetTime(noon.Add(10 * time.Minute))
	e.turn(t)
	if e.value(t) != "of v2" || len(aws.queries) != 1 || len(aws.fetches) != 1 {
		t.Errorf("%q after %d queries and %d reads", e.value(t), len(aws.queries), len(aws.fetches))
	}
}

// keepPrevious has a SecretSync keep former values.
func keepPrevious(secretSync *v1alpha1.SecretSync) { secretSync.Spec.KeepPrevious = anHour() }

// wantHeld wants the Secret to hold the value of one version, and the former value of another; empty for none.
func (e *environment) wantHeld(t *testing.T, when, current, previous string) {
	t.Helper()
	want := map[string]string{"value": "of " + current}
	if previous != "" {
		want["value_previous"] = "of " + previous
	}
	if diff := cmp.Diff(want, textsOf(e.secret(t, "db").Data)); diff != "" {
		t.Errorf("%s: the Secret holds (-want +got):\n%s", when, diff)
	}
}

// textsOf are values as texts.
func textsOf(data map[string][]byte) map[string]string {
	texts := map[string]string{}
	for key, value := range data {
		texts[key] = string(value)
	}
	return texts
}

func TestAFormerValueOfAnotherVersionIsNotPublished(t *testing.T) {
	e, aws := withLaggingAWS(t, keepPrevious)
	aws.says, aws.gives = stages("v2", "v1"), stages("v2", "v0")
	e.clock.SetTime(noon.Add(10 * time.Minute))
	e.turn(t)
	e.wantHeld(t, "the former value is of another version", "v1", "")
	aws.gives["AWSPREVIOUS"] = "v1"
	e.turn(t)
	e.wantHeld(t, "both are of their versions", "v2", "v1")
}

// Two labels of one secret are on one version at no moment, and both found on it twice where they move back and forth
// between the queries.
func TestLabelsThatMoveBackAndForthAreTakenAsTheyAreAtOneMoment(t *testing.T) {
	e, aws := withLaggingAWS(t, keepPrevious)
	moves, still := 0, false // They change places after each query, unless still.
	aws.resolve = func(query source.VersionQuery) (source.Resolution, error) {
		labels := stages("v2", "v1")
		if moves%2 == 1 {
			labels = stages("v1", "v2")
		}
		version := source.Version{ARN: "arn", ID: labels[query.VersionStage], Region: "eu-west-1", Changed: aws.changed.Add(time.Duration(moves) * time.Second)}
		if !still {
			moves++
		}
		return source.Resolution{Version: version}, nil
	}
	aws.fetch = func(_ source.Ref, resolved source.Version) (source.Fetched, error) {
		return source.Fetched{Version: resolved, Value: source.TextValue("of " + resolved.ID)}, nil
	}
	e.clock.SetTime(noon.Add(10 * time.Minute))
	for range mismatchTries - 2 {
		e.turn(t)
		if e.wantHeld(t, "while labels move", "v1", ""); t.Failed() {
			t.FailNow()
		}
	}
	e.wantUnreported(t)
	still, moves = true, 100
	e.turn(t)
	e.wantHeld(t, "once they rest", "v2", "v1")
}

// AWS moves AWSPREVIOUS with AWSCURRENT: where only the values tell, a former one of before is not published beside the
// present one, unless AWS says so for a while, as after moves by hand.
func TestAFormerValueThatLagsIsNotPublished(t *testing.T) {
	e, aws := withLaggingAWS(t, keepPrevious)
	aws.changed = time.Time{} // As where DescribeSecret is denied.
	now := noon.Add(10 * time.Minute)
	says := func(current, previous string) {
		aws.says = stages(current, previous)
		aws.gives = aws.says
		now = now.Add(10 * time.Minute)
		e.clock.SetTime(now)
	}
	says("v2", "v1")
	e.turn(t)
	e.wantHeld(t, "rotated", "v2", "v1")
	e.settle(t)
	e.sent()
	for previous, when := range map[string]string{"v1": "AWSPREVIOUS lags", "v3": "a version is beside itself"} {
		says("v3", previous)
		for range mismatchTries/2 - 1 {
			e.turn(t)
			e.wantHeld(t, when, "v2", "v1")
		}
	}
	says("v2", "v2")
	e.turn(t)
	e.wantHeld(t, "AWSCURRENT lags", "v2", "v1")
	e.wantUnreported(t)
	says("v3", "v2")
	e.turn(t)
	e.wantHeld(t, "rotated again", "v3", "v2")
	e.settle(t)
	says("v4", "v2")
	for range mismatchTries + 1 {
		e.turn(t)
	}
	e.wantHeld(t, "it lasts", "v4", "v2")
}

func TestAValueThatIsNotThereYetIsReadAgain(t *testing.T) {
	e, aws := withLaggingAWS(t, nil)
	aws.says, aws.unread = at("v2"), &source.Error{Kind: source.VersionNotFound, Explanation: "no such version"}
	e.clock.SetTime(noon.Add(10 * time.Minute))
	for range missingTries - 1 {
		e.turn(t)
	}
	e.wantUnreported(t)
	e.turn(t)
	if e.now(t).FailureReason() != v1alpha1.ReasonVersionNotFound {
		t.Errorf("once it lasts, it is %q", e.now(t).FailureReason())
	}
	if e.value(t) != "of v1" {
		t.Error("the Secret does not keep its value")
	}
}

// AWS does not have the optional secret, or the found one, that is in the Secret: as long as that may be out of date no
// key is taken away.
func TestWhatMayBeOutOfDateTakesNoKeyAway(t *testing.T) {
	for name, test := range map[string]struct {
		outdated bool
		want     []string
	}{
		"an answer that may be out of date": {true, []string{"a", "b"}},
		"an answer that is not":             {false, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, aws := withLaggingAWS(t, func(secretSync *v1alpha1.SecretSync) {
				secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "a", Optional: true}, {Key: "b", Source: other("other", "")}}
			})
			all := aws.resolve
			aws.resolve = func(query source.VersionQuery) (source.Resolution, error) {
				resolution, err := all(query)
				if query.SecretID == "db" {
					err = &source.Error{Kind: source.VersionNotFound, Explanation: "no such label", Outdated: test.outdated}
				}
				return resolution, err
			}
			e.clock.SetTime(noon.Add(10 * time.Minute))
			before := e.now(t)
			e.turn(t)
			keys := slices.Sorted(maps.Keys(e.secret(t, "db").Data))
			e.turn(t) // Status comes after the Secret.
			if !slices.Equal(keys, test.want) || e.now(t).FailureReason() != "" {
				t.Errorf("the Secret has the keys %q, %s", keys, e.now(t).FailureReason())
			}
			if same := cmp.Equal(before.Status, e.now(t).Status); same != test.outdated {
				t.Errorf("status is the same: %v", same)
			}
		})
	}
}

// As long as it is not known which version of one secret is right, nothing new of another one is published beside it.
func TestNothingIsPublishedBesideAnUncertainVersion(t *testing.T) {
	e, aws := withLaggingAWS(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "a"}, {Key: "b", Source: other("other", "")}}
	})
	aws.says, aws.gives = at("v2"), at("v2")
	e.clock.SetTime(noon.Add(10 * time.Minute))
	resolve, fetch := aws.resolve, aws.fetch
	for name, certain := range map[string]int{"from the first query on": 0, "once the values are read": 1} {
		aws.resolve = func(query source.VersionQuery) (source.Resolution, error) {
			if query.SecretID != "other" {
				return resolve(query)
			}
			certain--
			return source.Resolution{Version: query.Synced, Outdated: certain < 0, Uncertain: certain < 0}, nil
		}
		aws.fetch = func(ref source.Ref, resolved source.Version) (source.Fetched, error) {
			if ref.SecretID != "other" {
				return fetch(ref, resolved)
			}
			return source.Fetched{Version: resolved, Value: source.TextValue("of " + resolved.ID)}, nil
		}
		e.turn(t)
		e.wantUnreported(t)
		if got := string(e.secret(t, "db").Data["a"]); got != "of v1" {
			t.Errorf("%s: the Secret has the value %q", name, got)
		}
		e.after(maxMismatchWait)
	}
	aws.resolve, aws.fetch = resolve, fetch
	e.turn(t)
	if got := string(e.secret(t, "db").Data["a"]); got != "of v2" {
		t.Errorf("once it is known, the Secret has the value %q", got)
	}
}

// TestStatusKnowsHowNewItIs: the date is noted with a version, handed on to the next process, and is no reason to
// write status.
func TestStatusKnowsHowNewItIs(t *testing.T) {
	e, aws := withLaggingAWS(t, nil)
	known := e.now(t).Status.Sources[0]
	if known.LastChangedTime == nil || !known.LastChangedTime.Time.Equal(aws.changed) {
		t.Fatalf("status is of %v, want %s", known.LastChangedTime, aws.changed)
	}
	writes, first := e.writes, aws.changed
	aws.changed = first.Add(time.Hour)
	aws.forget()
	e.clock.SetTime(noon.Add(10 * time.Minute))
	e.turn(t)
	if e.writes != writes {
		t.Error("a date that has moved is a reason to write status")
	}
	asked := aws.queries[0].Synced
	if !asked.Changed.Equal(first) || asked.Region != "eu-west-1" || asked.ID != "v1" || !asked.Created.Equal(noon) {
		t.Errorf("the query names as the version in the Secret %+v", asked)
	}
	e.edit(t, func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
	})
	e.turn(t)
	e.settle(t)
	if known := e.now(t).Status.Sources[0]; !known.LastChangedTime.Time.Equal(aws.changed) {
		t.Errorf("status that is written anyway is of %s, want %s", known.LastChangedTime, aws.changed)
	}
}
