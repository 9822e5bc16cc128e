package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/secretsync/secretsync/hack/testenv"
)

// overlay builds config/default with more resources and components of config, as a user's overlay does.
func overlay(t *testing.T, resources []string, components ...string) []byte {
	t.Helper()
	directory, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs(filepath.Join(root, "config"))
	if err != nil {
		t.Fatal(err)
	}
	up, err := filepath.Rel(directory, config)
	if err != nil {
		t.Fatal(err)
	}
	content := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
	for _, resource := range append([]string{"default"}, resources...) {
		content += "- " + filepath.Join(up, resource) + "\n"
	}
	content += "components:\n"
	for _, component := range components {
		content += "- " + filepath.Join(up, "components", component) + "\n"
	}
	if err := os.WriteFile(filepath.Join(directory, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return output(t, tool(t, "kustomize"), "build", directory)
}

// withTokens are values with which the chart installs everything, including what the component service-account-tokens
// does.
func withTokens(t *testing.T, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte("serviceAccountTokens: {enabled: true"+more+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// admission is what a way of installing adds to admission, as far as the ways must agree. Names are without their
// prefix, in which the ways differ.
type admission struct {
	Policies []admissionv1.ValidatingAdmissionPolicySpec
	Bindings []admissionv1.ValidatingAdmissionPolicyBindingSpec
}

func admissionOf(t *testing.T, manifests []byte) (all admission) {
	t.Helper()
	for _, object := range decoded(t, manifests) {
		switch o := object.(type) {
		case *admissionv1.ValidatingAdmissionPolicy:
			all.Policies = append(all.Policies, o.Spec)
		case *admissionv1.ValidatingAdmissionPolicyBinding:
			o.Spec.PolicyName = strings.TrimPrefix(strings.TrimPrefix(o.Spec.PolicyName, "secretsync-"), "operator-")
			all.Bindings = append(all.Bindings, o.Spec)
		}
	}
	slices.SortFunc(all.Policies, func(a, b admissionv1.ValidatingAdmissionPolicySpec) int {
		return strings.Compare(fmt.Sprint(a.Validations), fmt.Sprint(b.Validations))
	})
	slices.SortFunc(all.Bindings, func(a, b admissionv1.ValidatingAdmissionPolicyBindingSpec) int {
		return strings.Compare(a.PolicyName, b.PolicyName)
	})
	return all
}

// bound are the names of the policies that have a binding.
func (a admission) bound() (names []string) {
	for _, binding := range a.Bindings {
		names = append(names, binding.PolicyName)
	}
	return names
}

// TestEveryInstallationHoldsTheOperator: the policies about the operator are installed unless restrictOperator is
// false.
func TestEveryInstallationHoldsTheOperator(t *testing.T) {
	byChart := admissionOf(t, chart(t))
	if diff := cmp.Diff([]string{"finalizers-alone", "token-secrets"}, byChart.bound()); diff != "" || len(byChart.Policies) != 2 {
		t.Errorf("%d policies; bound are (-want +got):\n%s", len(byChart.Policies), diff)
	}
	if diff := cmp.Diff(byChart, admissionOf(t, kustomized(t))); diff != "" {
		t.Errorf("policies of the chart and of config/default differ (-chart +kustomize):\n%s", diff)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte("restrictOperator: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if left := admissionOf(t, chart(t, file)).bound(); len(left) > 0 {
		t.Errorf("restrictOperator: false leaves %q", left)
	}
}

// TestChartAndComponentGiveTheSameTokens: the chart's value and the component install the same. A default
// installation has none of it.
func TestChartAndComponentGiveTheSameTokens(t *testing.T) {
	byChart, byComponent := chart(t, withTokens(t, "")), overlay(t, nil, "service-account-tokens")
	policies := admissionOf(t, byChart)
	if diff := cmp.Diff([]string{"finalizers-alone", "token-audience", "token-secrets"}, policies.bound()); diff != "" || len(policies.Policies) != 3 {
		t.Fatalf("the chart has %d policies; bound are (-want +got):\n%s", len(policies.Policies), diff)
	}
	if diff := cmp.Diff(policies, admissionOf(t, byComponent)); diff != "" {
		t.Errorf("policies of the chart and of the component differ (-chart +component):\n%s", diff)
	}
	grants, byDefault := rendered(t, byChart).Grants, rendered(t, chart(t)).Grants
	if diff := cmp.Diff(grants, rendered(t, byComponent).Grants, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("grants of the chart and of the component differ (-chart +component):\n%s", diff)
	}
	if len(grants) != len(byDefault)+1 {
		t.Errorf("the value makes %d grants of %d", len(grants), len(byDefault))
	}
	for way, manifests := range map[string][]byte{"chart": chart(t), "kustomize": kustomized(t)} {
		if strings.Contains(string(manifests), "serviceaccounts") {
			t.Errorf("a default installation by %s has to do with tokens", way)
		}
	}
	if left := admissionOf(t, chart(t, withTokens(t, ", restrictAudience: false"))).bound(); slices.Contains(left, "token-audience") {
		t.Errorf("restrictAudience: false leaves %q", left)
	}
}

// TestHelmServiceAccountTokens: for which ServiceAccounts the operator of a release may request tokens, as values widen
// and narrow.
func TestHelmServiceAccountTokens(t *testing.T) {
	c := newCluster(t)
	for _, account := range []string{"payments/reader", "payments/other", "shipping/reader"} {
		namespace, name, _ := strings.Cut(account, "/")
		c.put(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
	}
	const aws, audience, secrets = "sts.amazonaws.com", "secretsync-token-audience", "secretsync-token-secrets"
	c.install()
	operator := c.withTokensOf(testenv.OperatorNamespace, "secretsync")
	ask := func(namespace, name string, audiences ...string) error {
		_, err := c.token(operator, namespace, name, audiences...)
		return err
	}
	unauthorized := func(err error) bool {
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "cannot create resource")
	}
	if err := ask("payments", "reader", aws); !unauthorized(err) {
		t.Fatalf("a default installation: %v", err)
	}
	set := func(values ...string) {
		arguments := []string{filepath.Join(root, "config/chart")}
		for _, value := range append([]string{"serviceAccountTokens.enabled=true"}, values...) {
			arguments = append(arguments, "--set", value)
		}
		c.run("upgrade", arguments...)
	}

	c.await("Secrets by which tokens are handed out refused by default", func() bool { return refusedBy(c.tokenSecret(operator), secrets) })

	set("serviceAccountTokens.names={reader}")
	c.await("tokens for AWS, of the named ServiceAccounts, and of no others", func() bool {
		return ask("payments", "reader", aws) == nil && ask("shipping", "reader", aws) == nil && refusedBy(ask("payments", "reader"), audience)
	})
	if err := ask("payments", "other", aws); !unauthorized(err) {
		t.Errorf("a ServiceAccount that is not named: %v", err)
	}
	if err := c.tokenSecret(operator); !refusedBy(err, secrets) {
		t.Errorf("a Secret by which tokens are handed out: %v", err)
	}

	set("watchNamespaces={payments}", "serviceAccountTokens.audiences={sts.amazonaws.com.cn,"+aws+"}")
	c.await("tokens for each audience of the list, in the namespaces of the installation alone", func() bool {
		return ask("payments", "other", aws) == nil && ask("payments", "other", aws+".cn") == nil && unauthorized(ask("shipping", "reader", aws))
	})
	if err := ask("payments", "other", "https://kubernetes.default.svc"); !refusedBy(err, audience) || !strings.Contains(err.Error(), "sts.amazonaws.com.cn or sts.amazonaws.com alone") {
		t.Errorf("another audience: %v", err)
	}

	set("serviceAccountTokens.restrictAudience=false", "restrictOperator=false")
	c.await("tokens of all ServiceAccounts, without the policies", func() bool { return ask("payments", "other") == nil && c.tokenSecret(operator) == nil })

	set("serviceAccountTokens.enabled=false")
	c.await("no tokens any more", func() bool { return unauthorized(ask("payments", "other", aws)) })
}

// tokenSecret asks whether the API server would accept a Secret that Kubernetes puts a token into.
func (c *cluster) tokenSecret(by kubernetes.Interface) error {
	_, err := by.CoreV1().Secrets("payments").Create(c.Context(), &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken,
		ObjectMeta: metav1.ObjectMeta{Name: "stolen", Annotations: map[string]string{corev1.ServiceAccountNameKey: "other"}},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}
