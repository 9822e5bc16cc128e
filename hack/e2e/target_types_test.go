package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestNothingIsMergedIntoCredentialsOfKubernetes: a merged key in the Secret of a ServiceAccount's token, of a
// bootstrap token or of a Helm release would be used as if it belonged there.
func TestNothingIsMergedIntoCredentialsOfKubernetes(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("forged", `{"token":"`+value()+`","release":"`+value()+`"}`)
	s.awaitAccount()
	for name, host := range map[string]*corev1.Secret{
		"account":   {Type: corev1.SecretTypeServiceAccountToken, ObjectMeta: metav1.ObjectMeta{Annotations: forAccount()}},
		"bootstrap": {Type: corev1.SecretTypeBootstrapToken, Data: map[string][]byte{"token-id": []byte("abcdef")}},
		"labelled":  {Type: corev1.SecretTypeOpaque, ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"owner": "helm"}}},
		"release":   {Type: "helm.sh/release.v1", Data: map[string][]byte{"release": []byte("theirs")}},
	} {
		host.Namespace, host.Name = s.namespace, name
		metav1.SetMetaDataAnnotation(&host.ObjectMeta, v1alpha1.AnnotationMergeFrom, "*")
		if err := s.env.Client.Create(t.Context(), host); err != nil {
			t.Fatal(err)
		}
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
			Target: v1alpha1.SecretTarget{CreationPolicy: v1alpha1.CreationPolicyMerge}})
		s.awaitReason(name, metav1.ConditionFalse, v1alpha1.ReasonPolicyDenied)
		if found := s.secret(name); found.Labels[v1alpha1.LabelManaged] != "" || string(found.Data["token"]) != "" && name != "account" {
			t.Errorf("Secret %s has labels %v and %d keys", name, found.Labels, len(found.Data))
		}
		s.remove(name)
	}
}
