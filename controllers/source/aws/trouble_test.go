package aws

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

const testRole = "arn:aws:iam::111122223333:role/secretsync"

// token is a web identity token as the kubelet mounts it, unsigned.
func token(t *testing.T, audience string, expires time.Time) string {
	t.Helper()
	claims, err := json.Marshal(map[string]any{"sub": "system:serviceaccount:secretsync:operator", "aud": audience, "exp": expires.Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".c2ln"
}

// irsa gives the SDK what the webhook of EKS gives a pod: a role and a token file.
func (env *environment) irsa(t *testing.T, content string) *Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if content != "" {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unset(t, "AWS_ACCESS_KEY_ID")
	unset(t, "AWS_SECRET_ACCESS_KEY")
	t.Setenv("AWS_ROLE_ARN", testRole)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	return freshSource(t)
}

// freshSource reads the environment as it is now.
func freshSource(t *testing.T) *Source {
	t.Helper()
	s, err := New(t.Context(), Options{Region: localaws.DefaultRegion, Cluster: "prod/eu 1", CallTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid is a token that STS takes.
func valid(t *testing.T) string {
	t.Helper()
	return token(t, "sts.amazonaws.com", time.Now().Add(time.Hour))
}

func TestIRSA(t *testing.T) {
	t.Run("a ServiceAccount's role reads, in a session named after the cluster", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
		if _, err := env.irsa(t, valid(t)).Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
			t.Fatal(err)
		}
		calls := env.Calls()
		if len(calls) != 2 || calls[0].Operation != "AssumeRoleWithWebIdentity" || calls[1].Principal != "arn:aws:sts::111122223333:assumed-role/secretsync/secretsync-prod-eu-1" {
			t.Errorf("calls are %+v", calls)
		}
		if !strings.Contains(calls[0].UserAgent, "SecretSync/dev") {
			t.Errorf("the user agent at STS is %q", calls[0].UserAgent)
		}
	})
	t.Run("a session name that is set stays", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
		t.Setenv("AWS_ROLE_SESSION_NAME", "mine")
		if _, err := env.irsa(t, valid(t)).Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
			t.Fatal(err)
		}
		if got := env.Calls()[1].Principal; !strings.HasSuffix(got, "/mine") {
			t.Errorf("the session is %s", got)
		}
	})
	t.Run("credentials that AWS takes for expired are renewed", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
		s := env.irsa(t, valid(t))
		env.SetFaults(localaws.Fault{Operation: "DescribeSecret", Every: 1, Code: "ExpiredTokenException"})
		if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.CredentialsUnavailable {
			t.Errorf("got %v", err)
		}
		env.SetFaults()
		for range 2 {
			if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
				t.Fatal(err)
			}
		}
		if got := env.Count("AssumeRoleWithWebIdentity"); got != 2 {
			t.Errorf("the role was assumed %d times, want 2", got)
		}
	})
}

func TestIRSAThatFailsIsExplained(t *testing.T) {
	for name, test := range map[string]struct {
		token   func(*testing.T) string
		deny    bool
		want    source.Kind
		mention []string
	}{
		"a trust policy that refuses": {valid, true, source.AssumeRoleDenied, []string{testRole, "trust policy", "system:serviceaccount:", "sts.amazonaws.com"}},
		"a token for another audience": {func(t *testing.T) string { return token(t, "vault", time.Now().Add(time.Hour)) }, false,
			source.CredentialsUnavailable, []string{testRole, "InvalidIdentityToken", "audience", "sts.amazonaws.com"}},
		"an expired token": {func(t *testing.T) string { return token(t, "sts.amazonaws.com", time.Now().Add(-time.Hour)) }, false,
			source.CredentialsUnavailable, []string{"ExpiredTokenException", "token file"}},
		"a token file that is not there": {func(*testing.T) string { return "" }, false,
			source.CredentialsUnavailable, []string{testRole, "/token: check that the token is mounted"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			if test.deny {
				env.SetRules(localaws.Rule{Deny: true, Action: "sts:*"})
			}
			jwt := test.token(t)
			_, err := env.irsa(t, jwt).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			for _, mention := range test.mention {
				if source.KindOf(err) != test.want || !strings.Contains(err.Error(), mention) {
					t.Errorf("%v does not mention %q", err, mention)
				}
			}
			if refused, ok := errors.AsType[*source.Error](err); ok && jwt != "" && strings.Contains(err.Error()+refused.Cause.Error(), jwt) {
				t.Error("the token is quoted")
			}
		})
	}
	t.Run("an STS that does not answer", func(t *testing.T) {
		env := newEnvironment(t)
		s := env.irsa(t, valid(t))
		env.SetFaults(localaws.Fault{Operation: "AssumeRoleWithWebIdentity", Every: 1, Cut: true})
		_, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
		if source.KindOf(err) != source.CredentialsUnavailable || !strings.Contains(err.Error(), "could not be reached for AssumeRoleWithWebIdentity") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an STS that takes too long", func(t *testing.T) {
		env := newEnvironment(t)
		s := env.irsa(t, valid(t))
		s.options.CallTimeout = 100 * time.Millisecond
		env.SetFaults(localaws.Fault{Operation: "AssumeRoleWithWebIdentity", Latency: 300 * time.Millisecond})
		_, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
		if source.KindOf(err) != source.CredentialsUnavailable || !strings.Contains(err.Error(), "100ms") {
			t.Errorf("got %v", err)
		}
	})
}

// The OIDC provider is all right where the token is not one of it.
func TestATokenThatIsNoneIsNotBlamedOnTheOIDCProvider(t *testing.T) {
	_, err := newEnvironment(t).irsa(t, "hunter2-marker, which is not a token").Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.CredentialsUnavailable, "InvalidIdentityToken", "AWS_WEB_IDENTITY_TOKEN_FILE", "is not a token of a ServiceAccount")
	refuseLeaks(t, err, "hunter2-marker")
}

func TestARoleOfTheSharedConfigurationIsNamedWhenDenied(t *testing.T) {
	env := inProfile(t, "")
	env.SetRules(localaws.Rule{Deny: true, Action: "sts:AssumeRole"})
	_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	if source.KindOf(err) != source.AssumeRoleDenied || !strings.Contains(err.Error(), testReader+" may not assume role "+testRole) {
		t.Errorf("got %v", err)
	}
}

// podIdentity lets the SDK find an agent like the one of EKS Pod Identity.
func podIdentity(t *testing.T, status int, answer string) {
	t.Helper()
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod-token" {
			status = http.StatusUnauthorized
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(agent.Close)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("pod-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	unset(t, "AWS_ACCESS_KEY_ID")
	unset(t, "AWS_SECRET_ACCESS_KEY")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.URL+"/v1/credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
}

func TestPodIdentity(t *testing.T) {
	t.Run("an associated role reads", func(t *testing.T) {
		env := newEnvironment(t)
		env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
		podIdentity(t, http.StatusOK, `{"AccessKeyId":"`+testKeyID+`","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}`)
		if _, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
			t.Fatal(err)
		}
		if got := env.Calls()[0].Principal; got != testReader {
			t.Errorf("%s has read", got)
		}
	})
	for name, test := range map[string]struct {
		status          int
		answer, mention string
	}{
		"an agent that refuses":              {http.StatusForbidden, `{"code":"AccessDeniedException","message":"m"}`, "the agent on the node, refuses with AccessDeniedException"},
		"an agent that answers with garbage": {http.StatusOK, `{"AccessKeyId": hunter2-marker`, "the agent on the node, gives no credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			newEnvironment(t)
			podIdentity(t, test.status, test.answer)
			_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			refused, ok := errors.AsType[*source.Error](err)
			if !ok || refused.Kind != source.CredentialsUnavailable || !strings.Contains(err.Error(), test.mention) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(refused.Error()+refused.Cause.Error(), valueMarker) {
				t.Error("the answer is quoted")
			}
		})
	}
}

func TestWithoutAnyCredentialsTheWaysToGetSomeAreNamed(t *testing.T) {
	newEnvironment(t)
	unset(t, "AWS_ACCESS_KEY_ID")
	unset(t, "AWS_SECRET_ACCESS_KEY")
	_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	for _, mention := range []string{"eks.amazonaws.com/role-arn", "EKS Pod Identity", "static keys"} {
		if source.KindOf(err) != source.CredentialsUnavailable || !strings.Contains(err.Error(), mention) {
			t.Errorf("%v does not mention %q", err, mention)
		}
	}
}
