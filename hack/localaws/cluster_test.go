package localaws_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/controlplane"
	"github.com/secretsync/secretsync/hack/localaws"
)

// cluster is a real API server, which signs tokens.
type cluster struct {
	*testing.T
	kubernetes.Interface
	provider localaws.OIDCProvider
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{})
	if plane != nil {
		t.Cleanup(func() { must(t, "", plane.Stop()) })
	}
	must(t, plane, err)
	client, err := kubernetes.NewForConfig(plane.Config())
	must(t, client, err)
	httpClient, err := rest.HTTPClientFor(plane.Config())
	provider, discoverErr := localaws.DiscoverProvider(t.Context(), must(t, httpClient, err), plane.Config().Host)
	return &cluster{T: t, Interface: client, provider: must(t, provider, discoverErr)}
}

// token requests a ServiceAccount's token, bound to a Pod if one is named.
func (c *cluster) token(account, audience, pod string) string {
	c.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
	if pod != "" {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod}
	}
	answer, err := c.CoreV1().ServiceAccounts("default").CreateToken(c.Context(), account, request, metav1.CreateOptions{})
	return must(c.T, answer, err).Status.Token
}

// TestTheClustersOwnTokens uses tokens that a real API server signs.
func TestTheClustersOwnTokens(t *testing.T) {
	c := newCluster(t)
	s := newGuardedSetup(t)
	for _, account := range []string{"app", "other"} {
		_, err := c.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{})
		must(t, account, err)
	}
	_, err := c.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "app-0"},
		Spec: corev1.PodSpec{ServiceAccountName: "app", Containers: []corev1.Container{{Name: "app", Image: "app"}}}}, metav1.CreateOptions{})
	must(t, "", err)
	providerARN, err := s.AddOIDCProvider(c.provider)
	must(t, providerARN, err)
	key := strings.TrimPrefix(c.provider.Issuer, "https://")
	role := s.role("app", `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "`+providerARN+`"}, "Action": "sts:AssumeRoleWithWebIdentity",
		"Condition": {"StringEquals": {"`+key+`:sub": "system:serviceaccount:default:app", "`+key+`:aud": "sts.amazonaws.com"}}}}`)
	if _, err := s.byToken(role, c.token("app", "sts.amazonaws.com", "")); err != nil {
		t.Error(err)
	}
	_, err = s.byToken(role, c.token("other", "sts.amazonaws.com", ""))
	refused(t, err, accessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	_, err = s.byToken(role, c.token("app", "https://kubernetes.default.svc", ""))
	refused(t, err, "InvalidIdentityToken", "Incorrect token audience")
	token := c.token("app", "sts.amazonaws.com", "")
	_, err = s.byToken(role, token[:len(token)-8]+"AAAAAAAA")
	refused(t, err, "InvalidIdentityToken", "The ID Token provided is not valid")
	token = c.token("app", "sts.amazonaws.com", "")
	s.Shift(2 * time.Hour)
	_, err = s.byToken(role, token)
	refused(t, err, "ExpiredTokenException", "Token expired")
	s.Shift(-2 * time.Hour)

	agent := httptest.NewServer(s.PodIdentityAgent(localaws.PodIdentity{Cluster: "prod", Issuer: c.provider.Issuer, Keys: c.provider.Keys,
		Roles: map[string]string{"default/app": s.role("pods", podsTrust)}}))
	defer agent.Close()
	for pod, want := range map[string]int{"app-0": http.StatusOK, "": http.StatusBadRequest} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, agent.URL+localaws.PodIdentityPath, nil)
		must(t, request, err).Header.Set("Authorization", c.token("app", "pods.eks.amazonaws.com", pod))
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("a token of Pod %q: %s", pod, answer.Status)
		}
		_ = answer.Body.Close()
	}
}

func TestServersThatAreNoIssuers(t *testing.T) {
	for name, answer := range map[string]string{"no JSON": "x", "no issuer": `{"jwks_uri": "https://x/keys"}`, "no keys": `{"issuer": "https://x"}`, "": ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if name == "" {
				w.WriteHeader(http.StatusForbidden)
			}
			_, _ = w.Write([]byte(answer))
		}))
		if got, err := localaws.DiscoverProvider(t.Context(), http.DefaultClient, server.URL); err == nil {
			t.Errorf("%s: found %+v", name, aws.String(got.Issuer))
		}
		server.Close()
	}
}
