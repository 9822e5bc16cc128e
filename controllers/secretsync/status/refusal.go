package status

import (
	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

// describeRefusal notes what AWS refused; nil where it refused nothing, or says no more than the condition does.
func describeRefusal(failed *failure.Failure) *v1alpha1.RefusalStatus {
	if failed == nil || failed.Refusal == nil {
		return nil
	}
	from := failed.Refusal
	return &v1alpha1.RefusalStatus{
		Code: cut(from.Code, maxText), Principal: cut(from.Principal, maxText), Action: cut(from.Action, maxText),
		Resource: cut(from.Resource, maxText), Policy: from.Policy, Explicit: from.Explicit,
	}
}
