package v1alpha1

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestARefreshThatAsksAtLengthIsHandled: what is echoed is what is compared.
func TestARefreshThatAsksAtLengthIsHandled(t *testing.T) {
	secretSync := &SecretSync{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{AnnotationRefreshRequestedAt: strings.Repeat("x", 200_000)}}}
	if !secretSync.RefreshRequested() {
		t.Error("it is not asked for")
	}
	secretSync.Status.LastHandledRefresh = secretSync.RefreshToken()
	if secretSync.RefreshRequested() {
		t.Error("it is asked for again")
	}
	if echoed := len(secretSync.Status.LastHandledRefresh); echoed > maxRefreshToken {
		t.Errorf("%d bytes are echoed", echoed)
	}
}

// TestTroubleIsWhatAConditionSaysIsTrue: Reconciling overrides Stalled.
func TestTroubleIsWhatAConditionSaysIsTrue(t *testing.T) {
	is := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: "Of" + kind, Message: "message"}
	}
	for want, conditions := range map[string][]metav1.Condition{
		"":              {is(ConditionReconciling, metav1.ConditionFalse), is(ConditionReady, metav1.ConditionTrue)},
		"OfStalled":     {is(ConditionReconciling, metav1.ConditionFalse), is(ConditionStalled, metav1.ConditionTrue)},
		"OfReconciling": {is(ConditionStalled, metav1.ConditionTrue), is(ConditionReconciling, metav1.ConditionTrue)},
	} {
		secretSync := &SecretSync{Status: SecretSyncStatus{Conditions: conditions}}
		if got := secretSync.FailureReason(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
