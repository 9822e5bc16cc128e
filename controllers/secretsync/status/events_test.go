package status

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// sent are the events of an outcome, as client-go's fake recorder has them.
func sent(outcome *Outcome, after *v1alpha1.SecretSyncStatus) (all []string) {
	for _, event := range Events(outcome, after) {
		all = append(all, event.Type+" "+event.Reason+" "+event.Note)
	}
	return all
}

// TestEventsTellOfTroubleOnTransitions: when a failure begins, becomes another one, and ends; a reconcile that did not ask
// AWS ends none.
func TestEventsTellOfTroubleOnTransitions(t *testing.T) {
	outcome := polled("v1", "v1")
	for _, step := range []struct {
		name     string
		failed   *failure.Failure
		answered bool
		suspend  bool
		want     []string
	}{
		{"in sync", nil, true, false, nil},
		{"a refusal", refused(), false, false, []string{"Warning SyncFailed AccessDenied: no"}},
		{"the same", refused(), false, false, nil},
		{"the same, and AWS has answered", refused(), true, false, nil},
		{"an outage", outage(), false, false, []string{"Warning SyncFailed RegionUnavailable: away"}},
		{"it is over", nil, true, false, []string{"Normal SyncRecovered Recovered from RegionUnavailable: Secret db holds version v1 of db (AWSCURRENT)"}},
		{"in sync again", nil, true, false, nil},
		{"another refusal", refused(), false, false, []string{"Warning SyncFailed AccessDenied: no"}},
		{"suspended with it", nil, false, true, nil},
	} {
		outcome.SecretSync.Spec.Suspend, outcome.Failure, outcome.Set.Answered = step.suspend, step.failed, step.answered
		after := Describe(outcome, noon)
		if diff := cmp.Diff(step.want, sent(outcome, &after)); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", step.name, diff)
		}
		outcome = outcome.next(after)
	}
}

// TestAFailureIsNoPreview: what Ready says then is not what mode Sync would do.
func TestAFailureIsNoPreview(t *testing.T) {
	outcome := polled("v1", "v1")
	outcome.Preview, outcome.Failure = &Preview{Would: "write it"}, refused()
	stalled := condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, outcome.Failure.Reason, outcome.Failure.Message)
	outcome.SecretSync.Status.Conditions = []metav1.Condition{stalled}
	after := outcome.SecretSync.Status.DeepCopy()
	after.Conditions = append(after.Conditions, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, outcome.Failure.Reason, outcome.Failure.Message))
	if got := sent(outcome, after); len(got) > 0 {
		t.Errorf("it is announced as a preview: %q", got)
	}
}

// TestAReportTellsOfRotations: also where nothing is known of the rotation any more, of which there is nothing to say.
func TestAReportTellsOfRotations(t *testing.T) {
	outcome := polled("v1", "v1")
	after := outcome.SecretSync.Status.DeepCopy()
	after.Conditions = []metav1.Condition{condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, "because")}
	if diff := cmp.Diff([]string{"Warning RotationStuck because"}, sent(outcome, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	outcome.SecretSync.Status.Conditions, after.Conditions = after.Conditions, nil
	if got := sent(outcome, after); len(got) > 0 {
		t.Errorf("a rotation of which nothing is known any more is announced: %q", got)
	}
}

func TestEventsTellOfRotationsOnTransitions(t *testing.T) {
	outcome := polled("version-1", "version-1")
	for _, step := range []struct {
		status metav1.ConditionStatus
		reason string
		want   []string
	}{
		{metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule, nil},
		{metav1.ConditionTrue, v1alpha1.ReasonRotationInProgress, nil},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, []string{"Warning RotationStuck because"}},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, nil},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationFailed, []string{"Warning RotationFailed because"}},
		{metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule, []string{"Normal RotationRecovered Recovered from RotationFailed: because"}},
		{metav1.ConditionFalse, v1alpha1.ReasonRotationTooOld, []string{"Warning RotationTooOld because"}},
		{metav1.ConditionUnknown, v1alpha1.ReasonRotationDisabled, []string{"Normal RotationRecovered Recovered from RotationTooOld: because"}},
	} {
		after := outcome.SecretSync.Status.DeepCopy()
		apply(is(step.status, step.reason, "because"), v1alpha1.ConditionRotationHealthy, 1, after, noon)
		if diff := cmp.Diff(step.want, sent(outcome, after)); diff != "" {
			t.Errorf("at %s:\n%s", step.reason, diff)
		}
		outcome = outcome.next(*after)
	}
}

// TestAnEventFitsTheAPI: the API server refuses a longer note, and the event would be lost.
func TestAnEventFitsTheAPI(t *testing.T) {
	const most = 1024 // Event of events.k8s.io/v1.
	long := strings.Repeat("x", 2*maxNote)
	for _, event := range []Event{Warning("Reason", "Action", long), normal("Reason", "Action", long)} {
		if len(event.Note) > most || len(event.Note) < most/2 {
			t.Errorf("the note of an event of type %s has %d bytes", event.Type, len(event.Note))
		}
	}
}

// TestAWriteNamesTheVersionsThatMove: of each secret, where there are several, up to three.
func TestAWriteNamesTheVersionsThatMove(t *testing.T) {
	type move struct{ id, stage, from, to string }
	const current = v1alpha1.DefaultVersionStage
	db := move{"db", current, "v1", "v2"}
	for name, test := range map[string]struct {
		moves []move
		want  string
	}{
		"nothing":                {[]move{{"db", current, "v1", "v1"}}, ""},
		"only one":               {[]move{db}, " from version v1 to v2"},
		"one of several":         {[]move{db, {"api", current, "v1", "v1"}}, " from version v1 to v2 of db"},
		"a stage of its own":     {[]move{{"db", resolve.StagePrevious, "v0", "v1"}, db}, " from version v0 to v1 of db (AWSPREVIOUS), from version v1 to v2 of db"},
		"an optional one comes":  {[]move{db, {"extra", current, "", "v1"}}, " from version v1 to v2 of db"},
		"an optional one is not": {[]move{{"extra", current, "v1", ""}, db}, " from version v1 to v2 of db"},
		"three":                  {[]move{db, {"b", current, "1", "2"}, {"c", current, "1", "2"}}, " from version v1 to v2 of db, from version 1 to 2 of b, from version 1 to 2 of c"},
		"five": {[]move{db, {"b", current, "1", "2"}, {"c", current, "1", "2"}, {"d", current, "1", "2"}, {"e", current, "1", "2"}},
			" from version v1 to v2 of db, from version 1 to 2 of b, from version 1 to 2 of c and 2 more"},
	} {
		outcome := polled("v1", "v2")
		outcome.SecretSync.Status.Sources, outcome.Set.Inputs = nil, nil
		for _, move := range test.moves {
			outcome.SecretSync.Status.Sources = append(outcome.SecretSync.Status.Sources,
				v1alpha1.SourceStatus{SecretID: move.id, VersionStage: move.stage, ARN: "arn", VersionID: move.from})
			input := &resolve.Input{Ref: source.Ref{SecretID: move.id, VersionStage: move.stage}}
			input.Fetched.Version.ID = move.to
			outcome.Set.Inputs = append(outcome.Set.Inputs, input)
		}
		if got := moves(outcome); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestASecretOfAnotherNameIsNoRepair: the one in status was of the former name, or nothing is known of what is in it.
func TestASecretOfAnotherNameIsNoRepair(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*v1alpha1.SecretSyncStatus)
		outcome target.Outcome
		want    string
	}{
		"created under a new name":   {func(status *v1alpha1.SecretSyncStatus) { status.Secret.Name = "former" }, target.Created, "Created Secret db with version v1: keys a, b"},
		"that was there":             {func(status *v1alpha1.SecretSyncStatus) { status.Secret.Name = "former" }, target.Updated, "Wrote version v1 into Secret db, which was there before: keys a, b"},
		"of which nothing was known": {func(status *v1alpha1.SecretSyncStatus) { status.Sources = nil }, target.Updated, "Wrote version v1 into Secret db, which was there before: keys a, b"},
	} {
		outcome := polled("v1", "v1")
		test.change(&outcome.SecretSync.Status)
		outcome.Write = &Write{Result: &target.Result{Outcome: test.outcome}, Keys: []string{"a", "b"}}
		if _, note := describeChange(outcome); note != test.want {
			t.Errorf("%s: %q", name, note)
		}
	}
}

// TestEventsTellOfRestartsOnTransitions: what was restarted, that all have rolled out, and what is in the way; once.
func TestEventsTellOfRestartsOnTransitions(t *testing.T) {
	web := []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web"}}
	progress := func(state rollout.State, workloads []v1alpha1.WorkloadStatus) *rollout.Progress {
		return &rollout.Progress{State: state, Workloads: workloads}
	}
	for name, test := range map[string]struct {
		was, is   string
		rollout   *rollout.Progress
		restarted []string
		off       bool // No rollout is in status.
		want      []string
	}{
		"restarted":                           {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRollingOut, progress(rollout.RollingOut, web), []string{"Deployment web", "StatefulSet db"}, false, []string{"Normal WorkloadRestarted Restarted Deployment web, StatefulSet db for version v2 of Secret db"}},
		"restarted, and then switched off":    {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRollingOut, nil, []string{"Deployment web"}, true, nil},
		"begun":                               {v1alpha1.ReasonRolledOut, v1alpha1.ReasonRollingOut, progress(rollout.RollingOut, web), nil, false, nil},
		"rolled out":                          {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolledOut, progress(rollout.Done, web), nil, false, []string{"Normal WorkloadsRolledOut Version v2 of Secret db: so it is"}},
		"rolled out, as before":               {v1alpha1.ReasonRolledOut, v1alpha1.ReasonRolledOut, progress(rollout.Done, web), nil, false, nil},
		"nothing to roll out":                 {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolledOut, progress(rollout.Done, nil), nil, false, nil},
		"not wanted any more":                 {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRestartNever, nil, nil, true, nil},
		"failed":                              {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolloutFailed, progress(rollout.Failed, web), nil, false, []string{"Warning RolloutFailed RolloutFailed: so it is"}},
		"failed, as before":                   {v1alpha1.ReasonRolloutFailed, v1alpha1.ReasonRolloutFailed, progress(rollout.Failed, web), nil, false, nil},
		"forbidden":                           {"", v1alpha1.ReasonRolloutForbidden, nil, nil, true, []string{"Warning RolloutFailed RolloutForbidden: so it is"}},
		"nothing was said, and nothing is":    {"", "", nil, nil, true, nil},
		"going on after it was in the way":    {v1alpha1.ReasonRolloutPaused, v1alpha1.ReasonRollingOut, progress(rollout.RollingOut, web), nil, false, nil},
		"switched on, and nothing happened":   {"", v1alpha1.ReasonRolledOut, nil, nil, false, nil},
		"restarted, and in the way of others": {v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolloutFailed, progress(rollout.Failed, web), []string{"Deployment web"}, false, []string{"Normal WorkloadRestarted Restarted Deployment web for version v2 of Secret db", "Warning RolloutFailed RolloutFailed: so it is"}},
	} {
		outcome := polled("v2", "v2")
		after := outcome.SecretSync.Status.DeepCopy()
		if !test.off {
			after.Rollout = &v1alpha1.RolloutStatus{Revision: "v2"}
		}
		if test.was != "" {
			outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.was, "so it was")}
		}
		if test.is != "" {
			after.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.is, "so it is")}
		}
		outcome.Rollout = Rollout{Enabled: true, Progress: test.rollout, Restarted: test.restarted}
		if diff := cmp.Diff(test.want, sent(outcome, after)); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		next := outcome.next(*after)
		next.Rollout = Rollout{Enabled: true}
		if again := sent(next, after); len(again) > 0 {
			t.Errorf("%s: the next reconcile sends %q", name, again)
		}
	}
}

// TestEventsAreOfWhatTheOperatorDid, each with the line of the log that goes with it.
func TestEventsAreOfWhatTheOperatorDid(t *testing.T) {
	written := &Write{Result: &target.Result{Outcome: target.Updated}, Keys: []string{"a"}}
	long := &failure.Failure{Reason: v1alpha1.ReasonAccessDenied, Message: strings.Repeat("x", 2*maxMessage), Class: failure.Terminal, RequestID: "4b7a"}
	stalled := []metav1.Condition{condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAccessDenied, "no")}
	stuck := condition(v1alpha1.ConditionRotationHealthy, metav1.ConditionFalse, v1alpha1.ReasonRotationStuck, "because")
	shortened := strings.Repeat("x", maxMessage-len("…")) + "…"
	for name, test := range map[string]struct {
		change func(*Outcome)
		after  []metav1.Condition
		want   Event // without its note
	}{
		"a write": {func(o *Outcome) { o.Write = written }, nil, Event{Type: "Normal", Reason: EventUpdated, Action: "Apply", Log: "applied Secret",
			LogPairs: []any{"event", EventUpdated, "secret", "db", "version", "v2", "trigger", schedule.Poll}}},
		"a failure": {func(o *Outcome) { o.Failure = long }, nil, Event{Type: "Warning", Reason: EventFailed, Action: "Sync", Log: "sync failed",
			LogPairs: []any{"reason", v1alpha1.ReasonAccessDenied, "message", shortened, "awsRequestID", "4b7a"}}},
		"a recovery": {func(o *Outcome) { o.SecretSync.Status.Conditions = stalled }, nil, Event{Type: "Normal", Reason: EventRecovered, Action: "Sync", Log: "sync recovered",
			LogPairs: []any{"from", v1alpha1.ReasonAccessDenied}}},
		"a preview": {func(o *Outcome) { o.Preview = &Preview{Would: "write it"} }, nil, Event{Type: "Normal", Reason: EventWouldChange, Action: "Observe"}},
		"a rotation": {func(*Outcome) {}, []metav1.Condition{stuck}, Event{Type: "Warning", Reason: v1alpha1.ReasonRotationStuck, Action: "Observe",
			Log: "rotation is unhealthy", LogPairs: []any{"reason", v1alpha1.ReasonRotationStuck, "message", "because"}, Failed: true}},
		"a restart": {func(o *Outcome) { o.Rollout.Restarted = []string{"Deployment web"} }, nil, Event{Type: "Normal", Reason: EventRestarted, Action: "Restart", Log: "restarted workloads",
			LogPairs: []any{"workloads", []string{"Deployment web"}, "revision", "v2"}}},
	} {
		outcome := polled("v1", "v2")
		test.change(outcome)
		after := outcome.SecretSync.Status.DeepCopy()
		after.Rollout = &v1alpha1.RolloutStatus{Revision: "v2"}
		after.Conditions = append(slices.Clone(test.after), condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, "so it is"))
		events := Events(outcome, after)
		for n := range events {
			events[n].Note = ""
		}
		if diff := cmp.Diff([]Event{test.want}, events); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhenARolloutHasEnded: once, when all of its workloads have rolled out.
func TestWhenARolloutHasEnded(t *testing.T) {
	const rolling, out = v1alpha1.ReasonRollingOut, v1alpha1.ReasonRolledOut
	web := []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web"}}
	for name, test := range map[string]struct {
		was, is string
		state   rollout.State // empty for no step
		none    bool          // no workload uses the Secret
		want    bool
	}{
		"rolled out":                {rolling, out, rollout.Done, false, true},
		"the first that is said":    {"", out, rollout.Done, false, true},
		"rolled out before":         {out, out, rollout.Done, false, false},
		"no workload uses it":       {rolling, out, rollout.Done, true, false},
		"without a step":            {rolling, out, "", false, false},
		"failed":                    {rolling, v1alpha1.ReasonRolloutFailed, rollout.Done, false, false},
		"forbidden":                 {rolling, v1alpha1.ReasonRolloutForbidden, rollout.Done, false, false},
		"going on":                  {v1alpha1.ReasonRolloutPaused, rolling, rollout.RollingOut, false, false},
		"nothing is said of it":     {rolling, "", rollout.Done, false, false},
		"another one, of a new key": {out, rolling, rollout.RollingOut, false, false},
	} {
		outcome := polled("v2", "v2")
		after := outcome.SecretSync.Status.DeepCopy()
		if test.was != "" {
			outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.was, "so it was")}
		}
		if test.is != "" {
			after.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.is, "so it is")}
		}
		if test.state != "" {
			outcome.Rollout.Progress = &rollout.Progress{State: test.state, Workloads: web}
			if test.none {
				outcome.Rollout.Progress.Workloads = nil
			}
		}
		after.Rollout = &v1alpha1.RolloutStatus{Revision: "v2"}
		if got := rolloutEvent(outcome, after).Reason == EventRolledOut; got != test.want {
			t.Errorf("%s: it has ended: %t", name, got)
		}
	}
}
