package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestAReconcileThatAsksNothingChangesNothingThatWasSaid: of versions, of rotations, and of a refresh that is asked for.
func TestAReconcileThatAsksNothingChangesNothingThatWasSaid(t *testing.T) {
	rotation := condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationTooOld, "old")
	for name, answered := range map[string]bool{"suspended": false, "a poll": true} {
		outcome := polled("v1", "v1")
		secretSync, input := outcome.SecretSync, outcome.Set.Inputs[0]
		secretSync.Spec.Suspend, outcome.Set.Answered = !answered, answered
		secretSync.Spec.Rotation = &v1alpha1.RotationExpectations{MaxAge: &metav1.Duration{Duration: time.Hour}}
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
		secretSync.Status.Conditions = []metav1.Condition{rotation}
		if answered {
			input.Resolution.Hint = "a hint"
			input.Resolution.Version.Rotation = &source.Rotation{Enabled: true, LastRotated: noon, Next: noon.Add(time.Hour)}
		} else {
			input.Resolution, input.Fetched = source.Resolution{}, source.Fetched{}
		}
		outcome.Rotations = []RotationFacts{{SecretID: "db", Version: input.Resolution.Version}}
		status := Describe(outcome, noon)
		health := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy)
		got := []string{status.Sources[0].VersionID, status.Sources[0].Hint, status.LastHandledRefresh, fmt.Sprint(health != nil && health.Reason == rotation.Reason)}
		want := []string{"v1", "", "", "true"}
		if answered {
			want = []string{"v1", "a hint", "now", "false"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: version, hint, refresh, former rotation (-want +got):\n%s", name, diff)
		}
	}
}

// TestConditionsFollowWhatHappens: each reconcile reports all of them, and leaves none behind of the one before.
func TestConditionsFollowWhatHappens(t *testing.T) {
	const synced, denied, away, fought = v1alpha1.ReasonSynced, v1alpha1.ReasonAccessDenied, v1alpha1.ReasonRegionUnavailable, v1alpha1.ReasonTargetConflict
	fight := &failure.Failure{Reason: fought, Message: "a fight", Class: failure.Contested}
	type spec = v1alpha1.SecretSyncSpec
	observing := spec{Mode: v1alpha1.SyncModeObserve}
	steps := []struct {
		name   string
		spec   spec
		failed *failure.Failure
		want   map[string]string
	}{
		{"in sync", spec{}, nil, map[string]string{"Ready": "True " + synced}},
		{"an outage", spec{}, outage(), map[string]string{"Ready": "True " + synced, "Reconciling": "True " + away}},
		{"a fight", spec{}, fight, map[string]string{"Ready": "False " + fought, "Reconciling": "True " + fought}},
		{"a refusal", spec{}, refused(), map[string]string{"Ready": "False " + denied, "Stalled": "True " + denied}},
		{"an outage after it", spec{}, outage(), map[string]string{"Ready": "False " + away, "Reconciling": "True " + away}},
		{"in sync again", spec{}, nil, map[string]string{"Ready": "True " + synced}},
		{"another refusal", spec{}, refused(), map[string]string{"Ready": "False " + denied, "Stalled": "True " + denied}},
		{"suspended with it", spec{Suspend: true}, nil, map[string]string{"Ready": "False " + v1alpha1.ReasonSuspended}},
		{"another outage", observing, outage(), map[string]string{"Ready": "False " + away, "Reconciling": "True " + away}},
		{"a preview", observing, nil, map[string]string{"Ready": "True " + v1alpha1.ReasonWouldChange}},
		{"a refusal of that", observing, refused(), map[string]string{"Ready": "False " + denied, "Stalled": "True " + denied}},
		{"another preview", observing, nil, map[string]string{"Ready": "True " + v1alpha1.ReasonWouldChange}},
		{"suspended", spec{Mode: v1alpha1.SyncModeObserve, Suspend: true}, nil, map[string]string{"Ready": "True " + v1alpha1.ReasonSuspended}},
	}
	outcome := polled("v1", "v1")
	outcome.Fresh, outcome.Preview = true, &Preview{Would: "write it"}
	for n, step := range steps {
		outcome.SecretSync.Spec, outcome.Failure = step.spec, step.failed
		outcome.SecretSync.Spec.Source.SecretID = "db"
		status := Describe(outcome, noon.Add(time.Duration(n)*time.Minute))
		got := map[string]string{}
		for _, condition := range status.Conditions {
			got[condition.Type] = string(condition.Status) + " " + condition.Reason
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		outcome = outcome.next(status)
	}
}

// TestConditionsSayOfWhatAndSinceWhen: the generation that they speak of, and the whole second, by the operator's clock,
// in which their status changed.
func TestConditionsSayOfWhatAndSinceWhen(t *testing.T) {
	status := &v1alpha1.SecretSyncStatus{}
	for n, step := range []struct {
		after, since time.Duration
		is           metav1.ConditionStatus
	}{
		{7300 * time.Millisecond, 7 * time.Second, metav1.ConditionTrue}, {time.Minute, 7 * time.Second, metav1.ConditionTrue},
		{time.Hour + 1, time.Hour, metav1.ConditionFalse}, {2 * time.Hour, 2 * time.Hour, metav1.ConditionTrue},
	} {
		generation := int64(n + 2)
		apply(is(step.is, "Reason", "message"), v1alpha1.ConditionReady, generation, status, noon.Add(step.after))
		got := status.Conditions[0]
		if got.ObservedGeneration != generation {
			t.Errorf("after %s: generation %d, want %d", step.after, got.ObservedGeneration, generation)
		}
		if !got.LastTransitionTime.Time.Equal(noon.Add(step.since)) {
			t.Errorf("after %s: since %s", step.after, got.LastTransitionTime)
		}
	}
}

// TestAReconcileOfARolloutAloneLeavesTheSync: the step of a rollout says nothing of AWS or of the Secret.
func TestAReconcileOfARolloutAloneLeavesTheSync(t *testing.T) {
	outcome := polled("v1", "v1")
	outcome.Trigger, outcome.Set = schedule.None, nil
	outcome.SecretSync.Generation = 2
	outcome.SecretSync.Status.Conditions = []metav1.Condition{
		condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, "before"),
		condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, "before"),
		condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonThrottled, "before"),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAccessDenied, "before"),
	}
	if diff := cmp.Diff(outcome.SecretSync.Status, Describe(outcome, noon)); diff != "" {
		t.Errorf("status (-before +after):\n%s", diff)
	}
}

// TestARefreshIsHandledOnce: when AWS has answered, or refuses what only an edit can change. What is tried again by itself
// goes on, and the token of a refresh that was handled stays when its annotation goes.
func TestARefreshIsHandledOnce(t *testing.T) {
	for name, test := range map[string]struct {
		token    string
		answered bool // by AWS
		outdated bool
		unasked  bool
		failed   *failure.Failure
		want     string
	}{
		"an answer":                         {token: "now", answered: true, want: "now"},
		"an answer, and the write failed":   {token: "now", answered: true, failed: outage(), want: "before"},
		"an outage":                         {token: "now", failed: outage(), want: "before"},
		"a refusal":                         {token: "now", failed: refused(), want: "now"},
		"a refusal that is outdated":        {token: "now", outdated: true, failed: refused(), want: "before"},
		"a refusal before AWS is asked":     {token: "now", unasked: true, failed: refused(), want: "now"},
		"an answer, and no refresh":         {answered: true, want: "before"},
		"an answer, and the refresh before": {token: "before", answered: true, want: "before"},
	} {
		outcome := polled("v1", "v1")
		outcome.Failure, outcome.Set.Answered, outcome.Set.Inputs[0].Outdated = test.failed, test.answered, test.outdated
		if test.unasked {
			outcome.Set = nil
		}
		outcome.SecretSync.Status.LastHandledRefresh = "before"
		if test.token != "" {
			outcome.SecretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: test.token}
		}
		if got := Describe(outcome, noon).LastHandledRefresh; got != test.want {
			t.Errorf("%s: %q is handled, want %q", name, got, test.want)
		}
	}
}

// TestAStatusIsOfItsGenerationAndFits: also before the first sync, where it has no Secret, and with restarts in it where
// the operator may restart workloads.
func TestAStatusIsOfItsGenerationAndFits(t *testing.T) {
	for _, former := range []string{"", "v1"} {
		outcome := polled(former, "v1")
		outcome.SecretSync.Generation = 3
		outcome.Failure = &failure.Failure{Reason: v1alpha1.ReasonAccessDenied, Message: strings.Repeat("x", 2*maxMessage), Class: failure.Terminal}
		outcome.Rollout.Enabled = true
		status := Describe(outcome, noon)
		if status.ObservedGeneration != 3 {
			t.Errorf("after %q: generation %d is observed", former, status.ObservedGeneration)
		}
		ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || len(ready.Message) > maxMessage {
			t.Errorf("after %q: Ready is not there, or its message does not fit", former)
		}
		if (status.Rollout != nil) != (former != "") {
			t.Errorf("after %q: status.rollout is %+v", former, status.Rollout)
		}
	}
}
