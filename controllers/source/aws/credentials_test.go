package aws

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// The operator's own role is not asked for again by each of the roles that are to be assumed with it.
func TestARefusalOfTheOperatorsRoleIsSharedByTheRolesOnTop(t *testing.T) {
	env := newEnvironment(t)
	env.irsa(t, valid(t))
	env.SetRules(localaws.Rule{Deny: true, Action: "sts:*"})
	s := env.again(t, Options{})
	for n := range 5 {
		query := as(external("pay", n))
		query.MaxAge = time.Minute
		_, err := s.Resolve(t.Context(), query)
		mustMention(t, err, source.AssumeRoleDenied, testRole)
	}
	if got := env.Count("AssumeRoleWithWebIdentity"); got != 1 {
		t.Errorf("STS was asked %d times", got)
	}
}

// inProfile has the SDK assume a role that the shared configuration names.
func inProfile(t *testing.T, more string) *environment {
	t.Helper()
	env := newEnvironment(t)
	file := filepath.Join(t.TempDir(), "config")
	profile := "[profile reader]\nrole_arn = " + testRole + "\nsource_profile = base\n" + more +
		"\n[profile base]\naws_access_key_id = " + testKeyID + "\naws_secret_access_key = not-a-secret\n"
	if err := os.WriteFile(file, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_PROFILE", "reader")
	unset(t, "AWS_ACCESS_KEY_ID")
	unset(t, "AWS_SECRET_ACCESS_KEY")
	return env
}

func TestARoleOfTheSharedConfigurationReads(t *testing.T) {
	for more, want := range map[string]string{"": "secretsync-prod-eu-1", "role_session_name = mine": "mine"} {
		env := inProfile(t, more)
		s := env.again(t, Options{})
		if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.SecretNotFound {
			t.Fatal(err)
		}
		if got := env.Calls()[1].Principal; got != "arn:aws:sts::111122223333:assumed-role/secretsync/"+want {
			t.Errorf("with %q %s reads", more, got)
		}
		if got := env.counted(t, "AssumeRole", "ok", localaws.DefaultRegion); got != 1 {
			t.Errorf("the metrics count %v calls of AssumeRole", got)
		}
	}
	env := inProfile(t, "")
	env.SetFaults(localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "RegionDisabledException"})
	_, err := env.again(t, Options{}).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.CredentialsUnavailable, "role "+testRole)
}

// Refusals of STS are counted by their reason, as those of Secrets Manager are, and regions by those that are known.
func TestRefusalsOfSTSAreCounted(t *testing.T) {
	env := newEnvironment(t)
	env.SetRules(localaws.Rule{Deny: true, Action: "sts:*"})
	s := env.again(t, Options{})
	_, err := s.Resolve(t.Context(), as(onTop(hubRole)))
	mustMention(t, err, source.AssumeRoleDenied)
	if got := env.counted(t, "AssumeRole", "AssumeRoleDenied", localaws.DefaultRegion); got != 1 {
		t.Errorf("the metrics count %v refusals", got)
	}
	s.options.Metrics.observe(measured{operation: "AssumeRole", region: s.regionLabel("nowhere-1")}, time.Second, nil)
	if got := env.counted(t, "AssumeRole", "ok", otherRegion); got != 1 {
		t.Errorf("the metrics count %v calls in a region that is not known", got)
	}
}
