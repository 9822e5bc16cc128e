package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// inProfile has the SDK assume a role that the shared configuration names.
func inProfile(t *testing.T, more string) *loaded {
	t.Helper()
	load(t, Options{}) // It sets the variables.
	file := filepath.Join(t.TempDir(), "config")
	profile := "[profile reader]\nrole_arn = " + outerRole + "\nsource_profile = base\n" + more +
		"\n[profile base]\naws_access_key_id = base\naws_secret_access_key = not-a-secret\n"
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_PROFILE", "reader")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	return loadEnvironment(t, Options{Cluster: "prod"})
}

func TestARoleOfTheSharedConfigurationHasASessionOfItsOwn(t *testing.T) {
	for more, want := range map[string]string{"": "secretsync-prod", "role_session_name = mine": "mine"} {
		l := inProfile(t, more)
		if _, err := l.Own().Config().Credentials.Retrieve(t.Context()); err != nil || l.OwnRole() != outerRole {
			t.Fatalf("the role is %q, %v", l.OwnRole(), err)
		}
		if got := l.sts.forms[0].Get("RoleSessionName"); got != want || l.sts.signed[0] != "base" {
			t.Errorf("with %q the session is %s, asked for by %s", more, got, l.sts.signed[0])
		}
		if want := []string{"AssumeRole eu-west-1"}; !slices.Equal(l.observed, want) {
			t.Errorf("counted are %q", l.observed)
		}
	}
}

// webIdentity gives the SDK a role and a token file.
func webIdentity(t *testing.T, role string) {
	t.Helper()
	load(t, Options{}) // It sets the variables.
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ROLE_ARN", role)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

// The SDK makes the client of its own chain before it looks at AWS_ENDPOINT_URL. Where the role is of another partition, a region
// that the operator reads from is asked.
func TestTheOperatorsOwnRoleIsAskedForWhereOthersAre(t *testing.T) {
	webIdentity(t, outerRole)
	t.Setenv("AWS_ENDPOINT_URL", "http://all.example")
	l := loadEnvironment(t, Options{})
	if _, err := l.Own().Config().Credentials.Retrieve(t.Context()); err != nil || !slices.Equal(l.sts.hosts, []string{"all.example"}) {
		t.Errorf("asked are %q, %v", l.sts.hosts, err)
	}
	webIdentity(t, "arn:aws-cn:iam::111122223333:role/r")
	if err := os.Unsetenv("AWS_ENDPOINT_URL"); err != nil {
		t.Fatal(err)
	}
	l = loadEnvironment(t, Options{})
	l.Own().Reads("cn-north-1")
	if _, err := l.Own().Config().Credentials.Retrieve(t.Context()); err != nil || !slices.Equal(l.sts.hosts, []string{"sts.cn-north-1.amazonaws.com.cn"}) {
		t.Errorf("asked are %q, %v", l.sts.hosts, err)
	}
}

// What is malformed is found before a call is signed with it, and says which providers were asked.
func TestMalformedCredentialsAreAnErrorOfTheirProvider(t *testing.T) {
	load(t, Options{})
	t.Setenv("AWS_ACCESS_KEY_ID", "operator\n")
	_, err := loadEnvironment(t, Options{}).Own().Config().Credentials.Retrieve(t.Context())
	if failed, ok := errors.AsType[*refusal.CredentialsError](err); !ok || len(failed.Sources) == 0 || !strings.Contains(failed.Error(), "ends in a line break") {
		t.Errorf("got %v", err)
	}
}

func TestTheSessionOfAWebIdentityMayBeNamed(t *testing.T) {
	webIdentity(t, outerRole)
	t.Setenv("AWS_ROLE_SESSION_NAME", "mine")
	l := loadEnvironment(t, Options{})
	if _, err := l.Own().Config().Credentials.Retrieve(t.Context()); err != nil || l.sts.forms[0].Get("RoleSessionName") != "mine" {
		t.Errorf("the session is %q, %v", l.sts.forms[0].Get("RoleSessionName"), err)
	}
}

// AWS_ENDPOINT_URL is for STS too, unless STS has an endpoint of its own.
func TestTheEndpointThatIsSetIsAsked(t *testing.T) {
	for _, test := range []struct{ all, sts, want string }{
		{"http://all.example", "", "all.example"}, {"http://all.example", "http://sts.example", "sts.example"}, {"", "http://sts.example", "sts.example"},
	} {
		load(t, Options{})
		t.Setenv("AWS_ENDPOINT_URL", test.all)
		t.Setenv("AWS_ENDPOINT_URL_STS", test.sts)
		for name, value := range map[string]string{"AWS_ENDPOINT_URL": test.all, "AWS_ENDPOINT_URL_STS": test.sts} {
			if value == "" {
				if err := os.Unsetenv(name); err != nil {
					t.Fatal(err)
				}
			}
		}
		l := loadEnvironment(t, Options{})
		if _, err := l.get(t, ofRole(innerRole), ""); err != nil || !slices.Equal(l.sts.hosts, []string{test.want}) {
			t.Errorf("%+v: asked are %q, %v", test, l.sts.hosts, err)
		}
	}
}

// Credentials that no request can carry sign no call, of STS either.
func TestMalformedCredentialsAssumeNoRole(t *testing.T) {
	load(t, Options{})
	t.Setenv("AWS_ACCESS_KEY_ID", "operator\n")
	l := loadEnvironment(t, Options{})
	if _, err := l.get(t, ofRole(innerRole), ""); err == nil || !strings.Contains(err.Error(), "ends in a line break") || len(l.sts.forms) != 0 {
		t.Errorf("STS is asked %d times: %v", len(l.sts.forms), err)
	}
	inProfile(t, "")
	file := os.Getenv("AWS_CONFIG_FILE")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(content), "= base\naws", "= bäse\naws", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := loadEnvironment(t, Options{})
	if _, err := shared.Own().Config().Credentials.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), "is not ASCII text") || len(shared.sts.forms) != 0 {
		t.Errorf("STS is asked %d times: %v", len(shared.sts.forms), err)
	}
}

func TestATokenFileThatCannotBeReadIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none")
	_, err := tokenFile(file).GetIdentityToken()
	if failed, ok := errors.AsType[*refusal.TokenError](err); !ok || failed.File != file || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
