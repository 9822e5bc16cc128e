package status

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

// TestStatusFollowsTheSteps: what a step has found is in status and condition, and only the last one ends it.
func TestStatusFollowsTheSteps(t *testing.T) {
	changed := metav1.NewTime(noon)
	for state, want := range map[rollout.State]struct {
		reason string
		is     metav1.ConditionStatus
	}{
		rollout.RollingOut: {v1alpha1.ReasonRollingOut, metav1.ConditionFalse}, rollout.Paused: {v1alpha1.ReasonRolloutPaused, metav1.ConditionFalse},
		rollout.Failed: {v1alpha1.ReasonRolloutFailed, metav1.ConditionFalse}, rollout.Forbidden: {v1alpha1.ReasonRolloutForbidden, metav1.ConditionFalse},
		rollout.Done: {v1alpha1.ReasonRolledOut, metav1.ConditionTrue},
	} {
		outcome, status := rewrite{before: versionsOf("v2"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1", ChangedTime: &changed}}.outcome()
		outcome.Write = nil
		outcome.Rollout.Progress = &rollout.Progress{State: state, Message: "so it is", Workloads: []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web", State: "RollingOut"}}}
		restarts(outcome, status)
		checkCondition(t, string(state), restartedOf(status), want.is, want.reason, "so it is")
		if len(status.Rollout.Workloads) != 1 {
			t.Errorf("%s: status.rollout is %+v", state, status.Rollout)
		}
		if (status.Rollout.HandledRevision == "v2") != (state == rollout.Done) {
			t.Errorf("%s: status.rollout is %+v", state, status.Rollout)
		}
		// A later reconcile without a step says the same.
		later := &Outcome{SecretSync: outcome.SecretSync.DeepCopy(), Rollout: Rollout{Enabled: true}}
		later.SecretSync.Status = *status.DeepCopy()
		same := status.DeepCopy()
		restarts(later, same)
		if diff := cmp.Diff(status, same); diff != "" {
			t.Errorf("%s: a reconcile without a step changes status (-before +after):\n%s", state, diff)
		}
	}
}

// TestNothingIsRestartedAndWhy: restarts are turned off, or the operator has no permission. A spec without the field gets no
// condition.
func TestNothingIsRestartedAndWhy(t *testing.T) {
	const never, forbidden = v1alpha1.ReasonRestartNever, v1alpha1.ReasonRolloutForbidden
	for name, test := range map[string]struct {
		spec    *v1alpha1.Rollout
		reason  string
		is      metav1.ConditionStatus
		mention string
	}{
		"no word about it":         {nil, "", "", ""},
		"not wanted":               {&v1alpha1.Rollout{Restart: v1alpha1.RestartNever}, never, metav1.ConditionUnknown, "spec.rollout.restart is Never"},
		"the operator does not":    {&v1alpha1.Rollout{}, never, metav1.ConditionUnknown, "runs without --rollouts"},
		"the operator may not":     {&v1alpha1.Rollout{Restart: v1alpha1.RestartAuto}, forbidden, metav1.ConditionFalse, "spec.rollout.restart is Auto, and the operator may not"},
		"nor what the spec listed": {&v1alpha1.Rollout{Restart: v1alpha1.RestartListed}, forbidden, metav1.ConditionFalse, "spec.rollout.restart is Listed, and the operator may not"},
	} {
		outcome, status := rewrite{before: versionsOf("v1"), after: versionsOf("v2"), rollout: &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}, spec: v1alpha1.SecretSyncSpec{Rollout: test.spec}}.outcome()
		outcome.Rollout.Enabled = false
		status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionTrue, v1alpha1.ReasonRolledOut, "before")}
		restarts(outcome, status)
		if status.Rollout != nil {
			t.Errorf("%s: status.rollout is %+v", name, status.Rollout)
		}
		got := restartedOf(status)
		if got.Reason != test.reason || got.Status != test.is || !strings.Contains(got.Message, test.mention) {
			t.Errorf("%s: the condition is %+v", name, got)
		}
	}
}

// TestTheConditionIsThatOfTheRevisionInStatus: whatever it was called before.
func TestTheConditionIsThatOfTheRevisionInStatus(t *testing.T) {
	settled := &v1alpha1.RolloutStatus{Revision: "v1", HandledRevision: "v1"}
	pending := &v1alpha1.RolloutStatus{Revision: "v2", HandledRevision: "v1"}
	done := &rollout.Progress{State: rollout.Done, Message: "done"}
	for name, test := range map[string]struct {
		before, now *v1alpha1.RolloutStatus
		was         string
		progress    *rollout.Progress
		want        string
	}{
		"pending, and nothing is said of it":    {pending, pending, "", nil, "False RollingOut Secret db has changed: the workloads that use it are restarted next"},
		"pending as before":                     {pending, pending, v1alpha1.ReasonRolloutPaused, nil, "False RolloutPaused so it was"},
		"a step":                                {pending, pending, v1alpha1.ReasonRolloutPaused, done, "True RolledOut done"},
		"a change":                              {settled, pending, v1alpha1.ReasonRolledOut, done, "False RollingOut Secret db has changed: the workloads that use it are restarted next"},
		"rolled out before":                     {settled, settled, v1alpha1.ReasonRolledOut, nil, "False RolledOut so it was"},
		"switched on after it was not wanted":   {nil, settled, v1alpha1.ReasonRestartNever, nil, "True RolledOut Secret db has not changed in a way that calls for a restart"},
		"gone back, after a step for the other": {pending, settled, v1alpha1.ReasonRollingOut, done, "True RolledOut Secret db has not changed in a way that calls for a restart"},
	} {
		outcome, status := rewrite{before: versionsOf("v1"), after: versionsOf("v1"), rollout: test.before}.outcome()
		status.Rollout, outcome.Rollout.Progress = test.now, test.progress
		if test.was != "" {
			outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, test.was, "so it was")}
		}
		judged := workloadsRestarted(outcome, status, noon).set
		if got := string(judged.Status) + " " + judged.Reason + " " + judged.Message; got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
