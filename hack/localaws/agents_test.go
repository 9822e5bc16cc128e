package localaws_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/secretsync/secretsync/hack/localaws"
)

const podsTrust = `{"Statement": {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}`

func TestPodIdentity(t *testing.T) {
	s := newGuardedSetup(t)
	s.tagged("db", "namespace", "payments")
	i := newIssuer(t)
	app := s.role("app", podsTrust, allowing(reading, "*", `"StringEquals": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/kubernetes-namespace}"}`))
	agent := httptest.NewServer(s.PodIdentityAgent(localaws.PodIdentity{Cluster: "prod", Issuer: issuerURL, Keys: i.jwks, Roles: map[string]string{
		"payments/app": app, "payments/untagged": s.role("untagged", strings.Replace(podsTrust, `, "sts:TagSession"`, "", 1)), "payments/other": s.role("other", accountTrust), "payments/none": "arn:aws:iam::111122223333:role/none",
	}}))
	defer agent.Close()
	pods := map[string]any{"aud": []string{"pods.eks.amazonaws.com"}}
	of := func(account, pod string) map[string]any {
		return map[string]any{"aud": "pods.eks.amazonaws.com", "kubernetes.io": map[string]any{"namespace": "payments",
			"serviceaccount": map[string]string{"name": account, "uid": "u-1"}, "pod": map[string]string{"name": pod, "uid": "u-2"}}}
	}
	provider := func(token string) aws.CredentialsProvider {
		return endpointcreds.New(agent.URL+localaws.PodIdentityPath, func(o *endpointcreds.Options) { o.AuthorizationToken, o.Retryer = token, aws.NopRetryer{} })
	}
	got, err := provider(i.token(pods)).Retrieve(t.Context())
	if left := time.Until(must(t, got, err).Expires); got.AccountID != localaws.DefaultAccount || left < 5*time.Hour {
		t.Errorf("credentials of account %s for %s", got.AccountID, left)
	}
	if err := s.read(s.secrets(got), "db"); err != nil {
		t.Error(err)
	}
	call := s.lastCall("GetSecretValue")
	if call.SessionTags["kubernetes-service-account"] != "app" || call.SessionTags["kubernetes-pod-uid"] != "u-2" || call.SessionTags["eks-cluster-arn"] != "arn:aws:eks:eu-west-1:111122223333:cluster/prod" ||
		!strings.HasPrefix(call.SessionName, "eks-prod-app-0-") || len(call.SessionName) > 64 {
		t.Errorf("recorded %+v", call)
	}
	impostor := newIssuer(t)
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"no token":                        {"", http.StatusBadRequest},
		"a bearer's token":                {"Bearer " + i.token(pods), http.StatusBadRequest},
		"a token for STS":                 {i.token(nil), http.StatusBadRequest},
		"another issuer's token":          {i.token(map[string]any{"aud": "pods.eks.amazonaws.com", "iss": "https://x"}), http.StatusBadRequest},
		"a signature by another issuer":   {impostor.token(pods), http.StatusBadRequest},
		"an expired token":                {i.token(map[string]any{"aud": "pods.eks.amazonaws.com", "exp": time.Now().Add(-time.Hour).Unix()}), http.StatusBadRequest},
		"a token of no Pod":               {i.token(of("app", "")), http.StatusBadRequest},
		"a ServiceAccount without a role": {i.token(of("foreign", "p")), http.StatusNotFound},
		"a role that does not exist":      {i.token(of("none", "p")), http.StatusBadRequest},
		"a role for others":               {i.token(of("other", "p")), http.StatusBadRequest},
		"a role that takes no tags":       {i.token(of("untagged", "p")), http.StatusBadRequest},
	} {
		_, err := provider(c.token).Retrieve(t.Context())
		var status interface{ HTTPStatusCode() int }
		if !errors.As(err, &status) || status.HTTPStatusCode() != c.status {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInstanceRole(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	trust := `{"Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}}`
	metadata := httptest.NewServer(s.InstanceMetadata(s.role("path/node", trust, everything)))
	defer metadata.Close()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/credentials")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
	loaded, err := config.LoadDefaultConfig(t.Context(), config.WithEC2IMDSRegion())
	if must(t, loaded, err).Region != localaws.DefaultRegion {
		t.Errorf("the region is %q", loaded.Region)
	}
	if err := s.read(s.secretsBy(loaded.Credentials, localaws.DefaultRegion), "db"); err != nil {
		t.Error(err)
	}
	if got := s.lastCall("GetSecretValue").Principal; got != "arn:aws:sts::111122223333:assumed-role/node/i-0123456789abcdef0" {
		t.Errorf("read by %s", got)
	}
	get := func(method, path, header, value string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, metadata.URL+path, nil)
		must(t, request, err).Header.Set(header, value)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer.StatusCode, string(must(t, body, err))
	}
	const role, header = "/latest/meta-data/iam/security-credentials/node", "X-Aws-Ec2-Metadata-Token"
	_, token := get(http.MethodPut, "/latest/api/token", header+"-Ttl-Seconds", "60")
	for _, c := range []struct {
		what, method, path, header, value string
		later                             time.Duration
		want                              int
	}{
		{"a token", http.MethodGet, role, header, token, 0, http.StatusOK},
		{"another role", http.MethodGet, role + "2", header, token, 0, http.StatusNotFound},
		{"a guessed token", http.MethodGet, role, header, "guessed", 0, http.StatusUnauthorized},
		{"no token", http.MethodGet, role, "X-Nothing", "", 0, http.StatusUnauthorized},
		{"a token that has expired", http.MethodGet, role, header, token, time.Minute, http.StatusUnauthorized},
		{"a token for too long", http.MethodPut, "/latest/api/token", header + "-Ttl-Seconds", "21601", 0, http.StatusBadRequest},
		{"a token by another method", http.MethodPost, "/latest/api/token", header + "-Ttl-Seconds", "60", 0, http.StatusMethodNotAllowed},
	} {
		s.Shift(c.later)
		if got, _ := get(c.method, c.path, c.header, c.value); got != c.want {
			t.Errorf("%s: answered %d, want %d", c.what, got, c.want)
		}
		s.Shift(-c.later)
	}
	s.role("path/node", accountTrust)
	_, token = get(http.MethodPut, "/latest/api/token", header+"-Ttl-Seconds", "60")
	if _, body := get(http.MethodGet, role, header, token); !strings.Contains(body, "AssumeRoleUnauthorizedAccess") {
		t.Error("a role that does not trust EC2 gives credentials")
	}
}
