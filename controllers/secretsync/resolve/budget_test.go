package resolve

import (
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
)

// All phases of a reconcile share its processor time.
func TestTheBudgetIsSharedByAllPhases(t *testing.T) {
	set := NewSet(Request{SecretSync: &v1alpha1.SecretSync{}})
	budget := set.Budget(t.Context())
	if left := budget.Left(); left != pattern.PassSteps {
		t.Errorf("it has %d steps", left)
	}
	if set.Budget(t.Context()) != budget {
		t.Error("another phase has a budget of its own")
	}
}
