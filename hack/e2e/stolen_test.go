package e2e

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/secretsync/secretsync/hack/stand"
)

// TestWhatAStolenTokenMayDo asks the API server what the operator's token is good for in an installation for the
// whole cluster.
func TestWhatAStolenTokenMayDo(t *testing.T) {
	for what, want := range map[string]bool{
		"get  secrets":                                    true,
		"create  secrets":                                 true,
		"delete  secrets":                                 true,
		"update  secrets":                                 false,
		"deletecollection  secrets":                       false,
		"list secretsync.dev secretsyncs":                 true,
		"create secretsync.dev secretsyncs":               false,
		"delete secretsync.dev secretsyncs":               false,
		"get  configmaps":                                 false,
		"get  pods":                                       false,
		"create  pods":                                    false,
		"create  pods/exec":                               false,
		"create  serviceaccounts":                         false,
		"impersonate  serviceaccounts":                    false,
		"impersonate  users":                              false,
		"get  nodes/proxy":                                false,
		"patch apps deployments":                          false,
		"create batch jobs":                               false,
		"create rbac.authorization.k8s.io rolebindings":   false,
		"escalate rbac.authorization.k8s.io clusterroles": false,
		"bind rbac.authorization.k8s.io clusterroles":     false,
		"patch admissionregistration.k8s.io mutatingwebhookconfigurations": false,
		"patch admissionregistration.k8s.io validatingadmissionpolicies":   false,
		"patch apiextensions.k8s.io customresourcedefinitions":             false,
		"create certificates.k8s.io certificatesigningrequests":            false,
		"create coordination.k8s.io leases":                                false,
	} {
		asked := strings.Split(what, " ")
		resource, part, _ := strings.Cut(asked[2], "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + stand.OperatorNamespace + ":" + stand.OperatorAccount,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: "kube-system", Verb: asked[0], Group: asked[1], Resource: resource, Subresource: part},
		}}
		if err := shared.Client.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != want {
			t.Errorf("may %s: %t, want %t", what, review.Status.Allowed, want)
		}
	}
}
