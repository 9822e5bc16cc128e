package resolve

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestOnWhoseAuthorityASecretSyncReads: all that tells tenants apart is in the identity, and each input is asked for by it.
func TestOnWhoseAuthorityASecretSyncReads(t *testing.T) {
	account, since := &v1alpha1.ServiceAccountReference{Name: "app"}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const role, first = "arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:role/first"
	for name, test := range map[string]struct {
		auth v1alpha1.SourceAuth
		want source.Identity
	}{
		"the operator's own": {v1alpha1.SourceAuth{}, source.Identity{}},
		"a ServiceAccount's": {v1alpha1.SourceAuth{ServiceAccountRef: account}, source.Identity{Namespace: "payments", ServiceAccount: "app"}},
		"the operator's own with a role, apart for each namespace": {v1alpha1.SourceAuth{RoleARN: role}, source.Identity{Namespace: "payments", RoleARN: role}},
		"everything": {v1alpha1.SourceAuth{ServiceAccountRef: account, RoleARN: role, ExternalID: "id", ViaRoleARNs: []string{first, role}},
			source.Identity{Namespace: "payments", ServiceAccount: "app", RoleARN: role, ExternalID: "id", Via: first + " " + role}},
	} {
		t.Run(name, func(t *testing.T) {
			secretSync := &v1alpha1.SecretSync{}
			secretSync.Namespace, secretSync.Name = "payments", "db"
			secretSync.Spec.Source.SecretID, secretSync.Spec.Auth = "db", test.auth
			set := NewSet(Request{SecretSync: secretSync, Since: since})
			if diff := cmp.Diff(test.want, identityOf(secretSync)) + cmp.Diff(test.want, set.Inputs[0].Ref.Identity); diff != "" {
				t.Errorf("it reads on another authority (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(source.Reader{Namespace: "payments", Name: "db", Since: since}, set.Inputs[0].Ref.Reader); diff != "" {
				t.Errorf("it reads for another SecretSync, or for one of another time (-want +got):\n%s", diff)
			}
		})
	}
}
