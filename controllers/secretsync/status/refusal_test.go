package status

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestARefusalIsInStatusWhileItLasts: for programs, in its parts; a failure of another kind, and a success, remove it.
func TestARefusalIsInStatusWhileItLasts(t *testing.T) {
	outcome, denied := polled("v1", "v1"), refused()
	denied.Refusal = &source.Refusal{
		Code: "AccessDenied", Principal: "arn:aws:iam::111122223333:user/" + strings.Repeat("u", 2*maxText), Action: "secretsmanager:GetSecretValue",
		Resource: "/prod/db", Policy: "permissions boundary", Explicit: true,
	}
	outcome.Failure = denied
	status := Describe(outcome, noon)
	if status.Refusal == nil || len(status.Refusal.Principal) != maxText {
		t.Fatalf("status.refusal is %+v", status.Refusal)
	}
	status.Refusal.Principal = ""
	want := &v1alpha1.RefusalStatus{Code: "AccessDenied", Action: "secretsmanager:GetSecretValue", Resource: "/prod/db", Policy: "permissions boundary", Explicit: true}
	if diff := cmp.Diff(want, status.Refusal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	outcome = outcome.next(status)
	outcome.Failure = outage()
	if status := Describe(outcome, noon); status.Refusal != nil {
		t.Errorf("after an outage status.refusal is %+v", status.Refusal)
	}
	outcome.Failure = nil
	if status := Describe(outcome, noon); status.Refusal != nil {
		t.Errorf("after a success status.refusal is %+v", status.Refusal)
	}
}
