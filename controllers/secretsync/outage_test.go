package secretsync

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// An outage after a suspension is not as old as the outage before it.
func TestASuspensionForgetsFailures(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.settle(t)
	e.aws.refusal = &source.Error{Kind: source.RegionUnavailable, Explanation: "away"}
	e.clock.SetTime(noon.Add(10 * time.Minute))
	e.turn(t)
	e.edit(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.Suspend = true })
	e.turn(t)
	if failures, _ := e.state().schedule.Failures(); failures != 0 {
		t.Errorf("%d failures in a row", failures)
	}
	if result := e.turn(t); result.RequeueAfter != 0 {
		t.Errorf("a suspended SecretSync is reconciled again after %s", result.RequeueAfter)
	}
}

// While an outage lasts, Ready speaks of the Secret; of one that a user deleted it says so.
func TestADeletedSecretIsNotSaidToKeepItsVersion(t *testing.T) {
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
			e := newEnvironment(t, fresh())
			e.settle(t)
			e.aws.refusal = &source.Error{Kind: test.kind, Explanation: "no"}
			if test.delete {
				e.lose(t)
			}
			e.clock.SetTime(noon.Add(10 * time.Minute))
			e.turn(t)
			ready := e.ready(t)
			if ready.Status != test.ready || !strings.Contains(ready.Message, test.says) || test.delete && strings.Contains(ready.Message, "keeps") {
				t.Errorf("Ready is %s: %s", ready.Status, ready.Message)
			}
		})
	}
}

// In mode Observe nothing need have been written when a failure ends.
func TestARecoveryIsReportedInModeObserveToo(t *testing.T) {
	secretSync := fresh()
	secretSync.Spec.Mode = v1alpha1.SyncModeObserve
	e := newEnvironment(t, secretSync)
	e.aws.refusal = &source.Error{Kind: source.SecretNotFound, Explanation: "no such secret"}
	e.turn(t)
	e.sent()
	e.aws.refusal = nil
	e.clock.SetTime(noon.Add(20 * time.Minute))
	e.turn(t)
	sent := e.sent()
	if len(sent) == 0 || !strings.Contains(sent[0], "Recovered from SecretNotFound") || strings.Contains(sent[0], "holds") {
		t.Errorf("events: %q", sent)
	}
	if got := e.now(t); got.FailureReason() != "" {
		t.Errorf("status still reports %s", got.FailureReason())
	}
}
