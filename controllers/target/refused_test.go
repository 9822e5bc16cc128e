package target

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// The CRD's rules refuse these at kubectl apply; an older CRD may not.
func TestSecretsThatGrantMoreAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		desired Desired
		mention string // empty where it may be written
	}{
		"a token of a ServiceAccount":       {Desired{Type: corev1.SecretTypeServiceAccountToken}, "kubernetes.io/service-account-token"},
		"a bootstrap token":                 {Desired{Type: corev1.SecretTypeBootstrapToken}, "bootstrap.kubernetes.io/token"},
		"a release of Helm":                 {Desired{Type: "helm.sh/release.v1"}, "helm.sh/release.v1"},
		"any other type of Helm":            {Desired{Type: "helm.sh/x"}, "helm.sh/x"},
		"a name by which Helm reads":        {Desired{Name: "sh.helm.release.v1.app.v1"}, "release of Helm"},
		"keys for what Helm reads":          {Desired{Name: "sh.helm.release.v1.app.v1", Merge: true}, "release of Helm"},
		"a label by which Helm lists":       {Desired{Labels: map[string]string{"owner": "helm"}}, "owner=helm"},
		"a label of the same name":          {Desired{Labels: map[string]string{"owner": "payments"}}, ""},
		"a type that only begins alike":     {Desired{Type: "helm.sh"}, ""},
		"an annotation of its uid":          {Desired{Annotations: map[string]string{"kubernetes.io/service-account.uid": "x"}}, "kubernetes.io/service-account.uid"},
		"another annotation of Kubernetes":  {Desired{Annotations: map[string]string{"kubernetes.io/description": "x"}}, ""},
		"an annotation that names an owner": {Desired{Annotations: map[string]string{"kubernetes.io/service-account.name": "x"}}, "kubernetes.io/service-account.name"},
		"a certificate":                     {Desired{Type: corev1.SecretTypeTLS}, ""},
		"keys to merge into a Secret":       {Desired{Merge: true}, ""},
		"keys, beside a type for no Secret": {Desired{Merge: true, Type: corev1.SecretTypeServiceAccountToken}, ""},
	} {
		err := refuse(test.desired)
		refused, ok := errors.AsType[*Error](err)
		if ok != (test.mention != "") || ok && (refused.Reason != v1alpha1.ReasonPolicyDenied || refused.Transient || !strings.Contains(refused.Message, test.mention)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
