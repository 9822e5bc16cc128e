package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// forAccount is the annotation by which Kubernetes creates a token for a ServiceAccount, here for the default
// ServiceAccount of a namespace.
func forAccount() map[string]string {
	return map[string]string{"kubernetes.io/service-account.name": "default"}
}

// coveted are targets that would give more than a Secret.
func coveted() map[string]v1alpha1.SecretTarget {
	account := map[string]v1alpha1.AnnotationValue{}
	for name, value := range forAccount() {
		account[name] = v1alpha1.AnnotationValue(value)
	}
	return map[string]v1alpha1.SecretTarget{
		"token":      {Type: string(corev1.SecretTypeServiceAccountToken), Annotations: account},
		"bare":       {Type: string(corev1.SecretTypeServiceAccountToken)},
		"bootstrap":  {Type: string(corev1.SecretTypeBootstrapToken)},
		"release":    {Type: "helm.sh/release.v1"},
		"other-helm": {Type: "helm.sh/x"},
		"annotated":  {Annotations: account},
		"of-the-uid": {Annotations: map[string]v1alpha1.AnnotationValue{"kubernetes.io/service-account.uid": "x"}},
	}
}

// TestKubectlApplyRefusesCredentialsOfKubernetes: kubectl apply of such a SecretSync fails at once.
func TestKubectlApplyRefusesCredentialsOfKubernetes(t *testing.T) {
	c := &cluster{setup: newSetup(t)}
	for name, target := range coveted() {
		spec := "{source: {secretID: a}, target: {"
		if target.Type != "" {
			spec += "type: " + target.Type + ", "
		}
		for annotation, value := range target.Annotations {
			spec += "annotations: {" + annotation + ": " + string(value) + "}"
		}
		output, err := c.apply("apiVersion: secretsync.dev/v1alpha1\nkind: SecretSync\nmetadata: {namespace: " + c.namespace + ", name: " + name + "}\nspec: " + spec + "}}\n")
		if err == nil || !strings.Contains(output, "credentials or Helm stores releases") && !strings.Contains(output, "are reserved") {
			t.Errorf("%s: %v: %s", name, err, output)
		}
	}
}

// withoutRules is the CRD without any rule.
func withoutRules(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd := earlierCRD(t)
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	target := schema.Properties["spec"].Properties["target"]
	target.XValidations = nil
	for name, property := range target.Properties {
		property.XValidations = nil
		target.Properties[name] = property
	}
	schema.Properties["spec"].Properties["target"] = target
	return crd
}

// TestTheControllerRefusesWithoutTheRulesOfTheCRD: even if an old CRD accepts everything, the operator writes no such
// Secret, so that Kubernetes creates no token.
func TestTheControllerRefusesWithoutTheRulesOfTheCRD(t *testing.T) {
	c := newCluster(t)
	if _, err := envtest.InstallCRDs(c.env.Plane.Config(), envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{withoutRules(t)}}); err != nil {
		t.Fatal(err)
	}
	c.install("--set", "crds.enabled=false")
	manager := c.startAsInstalled("secretsync")
	id, _ := c.createSecret("coveted", `{"release":"`+value()+`","token-id":"`+value()+`","extra":"`+value()+`"}`)
	targets := coveted()
	targets["labelled"] = v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{"owner": "helm", "name": "app"}}
	targets["sh.helm.release.v1.app.v1"] = v1alpha1.SecretTarget{}
	for name, target := range targets {
		c.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Target: target})
	}
	c.sync("plain", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	for name := range targets {
		c.awaitReason(name, metav1.ConditionFalse, v1alpha1.ReasonPolicyDenied)
	}
	c.awaitReady("plain") // The operator has the permission to write here.
	c.never("a Secret is written", func() bool { return !slices.Equal(c.secretNames(), []string{"plain"}) })
	c.stop(manager)
}

func (s *setup) secretNames() []string {
	s.Helper()
	var all corev1.SecretList
	if err := s.env.Client.List(s.Context(), &all, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	names := map[string]bool{}
	for _, secret := range all.Items {
		names[secret.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// awaitAccount waits for the default ServiceAccount of a new namespace: Kubernetes deletes tokens of a ServiceAccount
// that does not exist.
func (s *setup) awaitAccount() {
	s.Helper()
	s.await("there is a ServiceAccount", func() bool {
		return s.exists(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "default"}})
	})
}

// TestCredentialsOfKubernetesAreNotAdopted: not even if the annotation hands such a Secret over.
func TestCredentialsOfKubernetesAreNotAdopted(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("forged", `{"token":"`+value()+`"}`)
	handed := &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, ObjectMeta: metav1.ObjectMeta{
		Namespace: s.namespace, Name: "account", Annotations: forAccount()}}
	handed.Annotations[v1alpha1.AnnotationOwner] = "account"
	s.awaitAccount()
	if err := s.env.Client.Create(t.Context(), handed); err != nil {
		t.Fatal(err)
	}
	s.await("Kubernetes has made the token", func() bool { return len(s.secret("account").Data["token"]) > 0 })
	before := s.secret("account")
	s.sync("account", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReason("account", metav1.ConditionFalse, v1alpha1.ReasonTargetImmutable)
	if after := s.secret("account"); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("the Secret was changed by %v", after.ManagedFields[len(after.ManagedFields)-1].Manager)
	}
}
