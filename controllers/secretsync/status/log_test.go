package status

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

// TestAFailureIsLoggedAsAnErrorOnceAPersonHasToAct: while Ready stays True, it is a line at level info; when Ready
// becomes False, one at level error; retries log nothing.
func TestAFailureIsLoggedAsAnErrorOnceAPersonHasToAct(t *testing.T) {
	silent := &failure.Failure{Reason: v1alpha1.ReasonRegionUnavailable, Message: "no answer", Class: failure.Transient}
	conditions := func(ready metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{
			condition(v1alpha1.ConditionReady, ready, v1alpha1.ReasonRegionUnavailable, "so it is"),
			condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRegionUnavailable, "no answer"),
		}
	}
	for name, test := range map[string]struct {
		before, after []metav1.Condition
		logged        string
		failed        bool
	}{
		"it begins, and the value is fresh": {nil, conditions(metav1.ConditionTrue), "sync failed", false},
		"it is retried":                     {conditions(metav1.ConditionTrue), conditions(metav1.ConditionTrue), "", false},
		"the value is no longer fresh":      {conditions(metav1.ConditionTrue), conditions(metav1.ConditionFalse), "sync keeps failing, and the value may be outdated", true},
		"it is retried then":                {conditions(metav1.ConditionFalse), conditions(metav1.ConditionFalse), "", false},
		"it begins without a value":         {nil, conditions(metav1.ConditionFalse), "sync failed", true},
	} {
		outcome := polled("v1", "v1")
		outcome.Failure, outcome.SecretSync.Status.Conditions = silent, test.before
		after := outcome.SecretSync.Status.DeepCopy()
		after.Conditions = test.after
		var got Event
		for _, event := range Events(outcome, after) {
			got = event
		}
		if got.Log != test.logged || got.Failed != test.failed {
			t.Errorf("%s: logged %q, as an error %t", name, got.Log, got.Failed)
		}
	}
}

// TestAConflictIsLoggedOnce: another operator sets Ready to True again and again, and each time this operator finds the
// conflict that it has reported.
func TestAConflictIsLoggedOnce(t *testing.T) {
	outcome := polled("v1", "v1")
	outcome.Failure, outcome.Known = failure.OperatorConflict("a/a", "b/b", nil, 0), true
	outcome.SecretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, "by b/b")}
	after := outcome.SecretSync.Status.DeepCopy()
	after.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonOperatorConflict, "again")}
	for _, event := range Events(outcome, after) {
		t.Errorf("logged %q, event %q", event.Log, event.Note)
	}
}
