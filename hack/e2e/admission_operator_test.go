package e2e

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/testenv"
)

// withTokensOf is a client with the stolen token of a ServiceAccount.
func (s *setup) withTokensOf(namespace, account string) *kubernetes.Clientset {
	s.Helper()
	config, err := s.env.Plane.ServiceAccountConfig(s.Context(), namespace, account)
	if err != nil {
		s.Fatal(err)
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		s.Fatal(err)
	}
	return clients
}

// token requests a token of a ServiceAccount, as the operator does.
func (s *setup) token(by kubernetes.Interface, namespace, account string, audiences ...string) (string, error) {
	s.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}
	made, err := by.CoreV1().ServiceAccounts(namespace).CreateToken(s.Context(), account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return made.Status.Token, nil
}

// TestTokenAudience: with the operator's token one can get tokens that AWS accepts, but none that the API server
// accepts. Other clients are not affected.
func TestTokenAudience(t *testing.T) {
	s := newSetup(t)
	s.put(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "payments"}})
	s.may("components/service-account-tokens/role.yaml")
	operator := s.withTokensOf(testenv.OperatorNamespace, testenv.OperatorAccount)
	ask := func(audiences ...string) error {
		_, err := s.token(operator, s.namespace, "payments", audiences...)
		return err
	}
	s.await("the role alone lets the operator request tokens for the API server", func() bool { return ask() == nil })
	s.enforce("tokens/token-audience.yaml", nil, func() error { return ask() })
	const aws, api = "sts.amazonaws.com", "https://kubernetes.default.svc"
	for name, test := range map[string]struct {
		audiences []string
		refused   string
	}{
		"AWS":                    {[]string{aws}, ""},
		"no audience":            {nil, "not for https://"},
		"an API server":          {[]string{api}, "not for " + api},
		"AWS and an API server":  {[]string{aws, api}, "not for " + aws + ", " + api},
		"AWS of another country": {[]string{aws + ".cn"}, "not for " + aws + ".cn"},
		"an empty name":          {[]string{""}, "not for"},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask(test.audiences...)
			if test.refused == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			expected := []string{"the operator may have tokens made for the audience " + aws + " alone", test.refused}
			if test.refused != "" && (!refusedBy(err, s.unique("secretsync-operator-token-audience")) || !containsAll(err.Error(), expected)) {
				t.Errorf("got %v, want a refusal that mentions %q", err, expected)
			}
		})
	}
	s.checkTokenIsForAWS(operator)
	administrator := s.clients()
	if _, err := s.token(administrator, s.namespace, "payments"); err != nil {
		t.Errorf("another client's request: %v", err)
	}
}

// checkTokenIsForAWS checks that the API server does not accept a token that the operator has requested.
func (s *setup) checkTokenIsForAWS(operator kubernetes.Interface) {
	s.Helper()
	for audience, known := range map[string]bool{"sts.amazonaws.com": false, "": true} {
		by, audiences := operator, []string{audience}
		if known { // The opposite case, which shows that the check can fail.
			administrator := s.clients()
			by, audiences = administrator, nil
		}
		made, err := s.token(by, s.namespace, "payments", audiences...)
		if err != nil {
			s.Fatal(err)
		}
		config := rest.AnonymousClientConfig(s.env.Plane.Config())
		config.BearerToken = made
		bearer, err := kubernetes.NewForConfig(config)
		if err != nil {
			s.Fatal(err)
		}
		_, err = bearer.AuthenticationV1().SelfSubjectReviews().Create(s.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if known != (err == nil) || !known && !apierrors.IsUnauthorized(err) {
			s.Errorf("the API server is shown a token for %q: %v", audience, err)
		}
	}
}

// TestTokenSecrets: the operator writes Secrets, but none that Kubernetes would put a token into or accept as a token.
func TestTokenSecrets(t *testing.T) {
	s := newSetup(t)
	s.put(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "payments"}})
	operator := s.withTokensOf(testenv.OperatorNamespace, testenv.OperatorAccount).CoreV1().Secrets(s.namespace)
	made := func(name string, kind corev1.SecretType) *corev1.Secret {
		return &corev1.Secret{Type: kind, ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name,
			Annotations: map[string]string{corev1.ServiceAccountNameKey: "payments"}}}
	}
	create := func(kind corev1.SecretType) error {
		_, err := operator.Create(t.Context(), made("made", kind), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	if err := create(corev1.SecretTypeServiceAccountToken); err != nil {
		t.Fatalf("the role alone does not let the operator do it: nothing is shown: %v", err)
	}
	s.put(made("there", corev1.SecretTypeServiceAccountToken))
	s.enforce("operator/token-secrets.yaml", nil, func() error { return create(corev1.SecretTypeServiceAccountToken) })
	policy := s.unique("secretsync-operator-token-secrets")
	if err := create(corev1.SecretTypeBootstrapToken); !refusedBy(err, policy) || !strings.Contains(err.Error(), "by which Kubernetes hands out tokens") {
		t.Errorf("a bootstrap token: %v", err)
	}
	change := []byte(`{"apiVersion":"v1","kind":"Secret","metadata":{"annotations":{"a":"b"}}}`)
	patch := metav1.PatchOptions{FieldManager: "secretsync"}
	if _, err := operator.Patch(t.Context(), "there", "application/apply-patch+yaml", change, patch); !refusedBy(err, policy) {
		t.Errorf("a change of one that is there: %v", err)
	}
	for _, kind := range []corev1.SecretType{"", corev1.SecretTypeOpaque, corev1.SecretTypeBasicAuth} {
		secret := made("made", kind)
		secret.Data = map[string][]byte{corev1.BasicAuthUsernameKey: nil}
		if _, err := operator.Create(t.Context(), secret, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			t.Errorf("a Secret of type %q: %v", kind, err)
		}
	}
	if err := s.env.Client.Create(t.Context(), made("administrator", corev1.SecretTypeServiceAccountToken)); err != nil {
		t.Errorf("another client's Secret: %v", err)
	}
}
