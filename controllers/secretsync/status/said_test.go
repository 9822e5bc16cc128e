package status

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestAStatusSaysVersionsOrAFailure(t *testing.T) {
	of := func(arn, version, reason string) string {
		secretSync := &v1alpha1.SecretSync{}
		secretSync.Status.Sources = []v1alpha1.SourceStatus{{ARN: arn, VersionID: version, Hint: "a hint"}}
		if reason != "" {
			secretSync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: reason}}
		}
		return Said(secretSync)
	}
	if first, second := of("a", "1", ""), of("a", "1", ""); first != second {
		t.Errorf("the same versions are said as %q and %q", first, second)
	}
	if first, second := of("a", "1", "AccessDenied"), of("b", "2", "AccessDenied"); first != second {
		t.Errorf("the same failure is said as %q and %q", first, second)
	}
	seen := map[string]bool{}
	for _, said := range []string{of("a", "1", ""), of("a", "2", ""), of("b", "1", ""), of("a", "1", "AccessDenied"), of("a", "1", "SecretNotFound")} {
		if seen[said] {
			t.Errorf("two statuses say %q", said)
		}
		seen[said] = true
	}
}
