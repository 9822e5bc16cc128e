package localaws_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

// TestTheTrailSaysWhoCalled: CloudTrail's record has the caller.
func TestTheTrailSaysWhoCalled(t *testing.T) {
	s := newGuardedSetup(t)
	arn := aws.ToString(s.create("db", "x").ARN)
	role := s.role("app", accountTrust, everything)
	held, err := s.session(s.user("app", everything), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("prod-payments"), SourceIdentity: aws.String("prod"), Tags: sessionTags("kubernetes-namespace", "payments")})
	must(t, held, err)
	client := secretsmanager.New(secretsmanager.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{}, Credentials: static(held), AppID: "secretsync"})
	refused(t, s.read(client, "db"), notFound, "")
	if err := s.read(s.secrets(held), "db"); err != nil {
		t.Fatal(err)
	}
	refused(t, s.read(s.secrets(aws.Credentials{AccessKeyID: held.AccessKeyID, SecretAccessKey: "x", SessionToken: held.SessionToken}), "db"), "InvalidSignatureException", "")
	session := localaws.Call{Operation: "GetSecretValue", Principal: "arn:aws:sts::111122223333:assumed-role/app/prod-payments", AccessKeyID: held.AccessKeyID,
		SessionName: "prod-payments", SourceIdentity: "prod", SessionTags: map[string]string{"kubernetes-namespace": "payments"}, Region: "us-east-1", Code: notFound}
	here := session
	here.Region, here.Code, here.Read = localaws.DefaultRegion, "", []string{arn}
	want := []localaws.Call{
		{Operation: "CreateSecret", Principal: "arn:aws:iam::111122223333:user/administrator", AccessKeyID: "tester", Region: localaws.DefaultRegion},
		{Operation: "AssumeRole", Principal: "arn:aws:iam::111122223333:user/app", AccessKeyID: "app", Role: role, Region: localaws.DefaultRegion},
		session, here,
		{Operation: "GetSecretValue", AccessKeyID: held.AccessKeyID, Region: localaws.DefaultRegion, Code: "InvalidSignatureException"},
	}
	got := s.Calls()
	if !strings.Contains(got[2].UserAgent, "app/secretsync") || got[2].At.IsZero() {
		t.Errorf("called at %s by %s", got[2].At, got[2].UserAgent)
	}
	for i := range got {
		got[i].UserAgent, got[i].At = "", want[0].At
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// post sets a server that runs as a program up.
func (s *setup) post(what string, body any) int {
	s.Helper()
	raw, err := json.Marshal(body)
	must(s.T, raw, err)
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.URL()+"/_localaws/"+what, bytes.NewReader(raw))
	answer, err := http.DefaultClient.Do(must(s.T, request, err))
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestIdentitiesOfAProgram(t *testing.T) {
	s := newSetup(t)
	i := newIssuer(t)
	s.create("db", "x")
	jwks, err := i.jwks(t.Context())
	must(t, jwks, err)
	for _, step := range []struct {
		what string
		body any
		want int
	}{
		{"users", localaws.User{Name: "app"}, http.StatusBadRequest},
		{"users", localaws.User{Name: "app", AccessKeyID: "app", SecretAccessKey: "s", Policies: []string{"{"}}, http.StatusBadRequest},
		{"users", localaws.User{Name: "app", AccessKeyID: "app", SecretAccessKey: "s", Policies: []string{everything}}, http.StatusOK},
		{"roles", localaws.Role{Name: "app", TrustPolicy: "{"}, http.StatusBadRequest},
		{"roles", localaws.Role{Name: "app", TrustPolicy: accountTrust, Policies: []string{accountTrust}}, http.StatusBadRequest},
		{"roles", localaws.Role{Name: "app", TrustPolicy: irsa, Policies: []string{everything}}, http.StatusOK},
		{"providers", map[string]any{"Issuer": "issuer", "JWKS": json.RawMessage(jwks)}, http.StatusBadRequest},
		{"providers", map[string]any{"Issuer": issuerURL, "JWKS": json.RawMessage(jwks)}, http.StatusOK},
		{"key", map[string]any{"Key": "k", "Policy": "x"}, http.StatusBadRequest},
		{"nothing", nil, http.StatusBadRequest},
	} {
		if got := s.post(step.what, step.body); got != step.want {
			t.Errorf("%s: answered %d, want %d", step.what, got, step.want)
		}
	}
	if err := s.read(s.secrets(aws.Credentials{AccessKeyID: "app", SecretAccessKey: "s"}), "db"); err != nil {
		t.Error(err)
	}
	got, err := s.byToken("arn:aws:iam::111122223333:role/app", i.token(nil))
	if must(t, got, err); s.read(s.secrets(credentialsOf(got.Credentials)), "db") != nil {
		t.Error("the session may not read")
	}
	refused(t, s.read(s.Client, "db"), "UnrecognizedClientException", invalidToken)
	if got := s.post("forget-identities", nil); got != http.StatusOK {
		t.Errorf("forget-identities: %d", got)
	}
	if err := s.read(s.Client, "db"); err != nil {
		t.Errorf("identities were not forgotten: %v", err)
	}
}
