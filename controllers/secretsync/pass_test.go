package secretsync

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestOnWhoseAuthorityASecretSyncReads: all that tells tenants apart is in the identity, and each input is asked for by it.
func TestOnWhoseAuthorityASecretSyncReads(t *testing.T) {
	account := &v1alpha1.ServiceAccountReference{Name: "app"}
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
			secretSync := fresh()
			secretSync.Spec.Auth = test.auth
			remembered := &memory{}
			remembered.since.set(noon)
			p := New(Options{}).begin(secretSync, remembered)
			if diff := cmp.Diff(test.want, p.identity) + cmp.Diff(test.want, p.inputs[0].ref.Identity); diff != "" {
				t.Errorf("it reads on another authority (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(source.Reader{Namespace: "payments", Name: "db", Since: noon}, p.inputs[0].ref.Reader); diff != "" {
				t.Errorf("it reads for another SecretSync, or for one of another time (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOnlyTheStartOfADeletionIsLetThrough, and the end of one.
func TestOnlyTheStartOfADeletionIsLetThrough(t *testing.T) {
	stays, goes := fresh(), fresh()
	goes.DeletionTimestamp = new(metav1.NewTime(noon))
	begins := deletionStarted()
	for name, test := range map[string]struct{ got, want bool }{
		"a create":                   {begins.Create(event.CreateEvent{Object: goes}), false},
		"a deletion that has ended":  {begins.Delete(event.DeleteEvent{Object: goes}), true},
		"a generic event":            {begins.Generic(event.GenericEvent{Object: goes}), false},
		"an update":                  {begins.Update(event.UpdateEvent{ObjectOld: stays, ObjectNew: stays}), false},
		"the start of a deletion":    {begins.Update(event.UpdateEvent{ObjectOld: stays, ObjectNew: goes}), true},
		"an update after that start": {begins.Update(event.UpdateEvent{ObjectOld: goes, ObjectNew: goes}), false},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v", name, test.got)
		}
	}
}
