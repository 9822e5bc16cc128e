package localaws_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/hack/localaws"
)

const invalidToken = "The security token included in the request is invalid."

func TestSignaturesAreChecked(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	good := s.user("app", everything)
	role := s.role("app", accountTrust, everything)
	held := s.mustAssume(good, role)
	stale := s.mustAssume(good, s.role("gone", accountTrust, everything))
	s.DeleteRole("arn:aws:iam::111122223333:role/gone")
	s.role("gone", accountTrust, everything)
	disabled := s.user("disabled", everything)
	s.DeleteAccessKey("disabled")
	changed := func(c aws.Credentials, change func(*aws.Credentials)) aws.Credentials {
		change(&c)
		return c
	}
	const mismatch = "The request signature we calculated does not match the signature you provided."
	for name, c := range map[string]struct {
		by              aws.Credentials
		json, xml, text string
	}{
		"a user":                     {good, "", "", ""},
		"a session":                  {held, "", "", ""},
		"an unknown access key":      {aws.Credentials{AccessKeyID: "none", SecretAccessKey: "x"}, "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
		"an access key that is gone": {disabled, "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
		"a user's wrong secret":      {changed(good, func(c *aws.Credentials) { c.SecretAccessKey = "wrong" }), "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		"a user with a token":        {changed(good, func(c *aws.Credentials) { c.SessionToken = "x" }), "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
		"a session's wrong secret":   {changed(held, func(c *aws.Credentials) { c.SecretAccessKey = "wrong" }), "InvalidSignatureException", "SignatureDoesNotMatch", mismatch},
		"a session without token":    {changed(held, func(c *aws.Credentials) { c.SessionToken = "" }), "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
		"a session's wrong token":    {changed(held, func(c *aws.Credentials) { c.SessionToken = "x" }), "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
		"a recreated role":           {stale, "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
	} {
		t.Run(name, func(t *testing.T) {
			inSecrets := s.read(s.secrets(c.by), "db")
			_, inSTS := s.whoami(c.by)
			if c.json == "" {
				if inSecrets != nil || inSTS != nil {
					t.Error(inSecrets, inSTS)
				}
				return
			}
			refused(t, inSecrets, c.json, c.text)
			refused(t, inSTS, c.xml, c.text)
		})
	}
}

func TestRequestsWithoutSignature(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	refused(t, s.read(s.secretsBy(aws.AnonymousCredentials{}, localaws.DefaultRegion), "db"), "MissingAuthenticationTokenException", "Request is missing Authentication Token")
	anonymous := sts.New(sts.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{}, Credentials: aws.AnonymousCredentials{}})
	_, err := anonymous.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	refused(t, err, "MissingAuthenticationToken", "Request is missing Authentication Token")
}

func TestSignaturesForElsewhere(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	by := static(s.user("app", everything))
	refused(t, s.read(s.secretsBy(by, "nowhere"), "db"), "InvalidSignatureException", "Credential should be scoped to a valid region.")
	// A request that was signed for STS, sent to Secrets Manager.
	replayed := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{}, Credentials: by,
		HTTPClient: clientFunc(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/secretsmanager/", "/sts/", 1))
			return uncut{}.Do(r)
		})})
	refused(t, s.read(replayed, "db"), "InvalidSignatureException", "Credential should be scoped to correct service: 'secretsmanager'.")
	without := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.URL()), Retryer: aws.NopRetryer{}, Credentials: by,
		HTTPClient: clientFunc(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Nothing=", 1))
			return uncut{}.Do(r)
		})})
	refused(t, s.read(without, "db"), "IncompleteSignatureException", "Authorization header requires 'Signature' parameter.")
}

func TestClocksThatAreOff(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	app := s.user("app", everything)
	s.Shift(time.Hour) // It must not affect callers' clocks.
	if err := s.read(s.secrets(app), "db"); err != nil {
		t.Error(err)
	}
	s.clock.forward(6 * time.Minute)
	refused(t, s.read(s.secrets(app), "db"), "InvalidSignatureException", "Signature expired: ")
	s.clock.forward(-12 * time.Minute)
	_, err := s.whoami(app)
	refused(t, err, "SignatureDoesNotMatch", "Signature not yet current: ")
}

func TestSessionsExpire(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	held := s.mustAssume(s.user("app", everything), s.role("app", accountTrust, everything))
	if left := time.Until(held.Expires); left < 59*time.Minute || left > time.Hour+time.Second {
		t.Errorf("the session lasts %s", left)
	}
	s.Shift(59 * time.Minute)
	if err := s.read(s.secrets(held), "db"); err != nil {
		t.Error(err)
	}
	s.Shift(2 * time.Minute)
	refused(t, s.read(s.secrets(held), "db"), "ExpiredTokenException", "The security token included in the request is expired")
	_, err := s.whoami(held)
	refused(t, err, "ExpiredToken", "The security token included in the request is expired")
}

func TestSessionsOfSeconds(t *testing.T) {
	moved := &clock{}
	running, err := localaws.Start(&localaws.Server{Now: moved.now, SessionLifetime: 2 * time.Second}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, "", running.Close()) }()
	s := &setup{T: t, Running: running, Client: client(running.URL(), localaws.DefaultRegion, "tester"), clock: moved}
	held := s.mustAssume(s.user("app", everything), s.role("app", accountTrust))
	if left := time.Until(held.Expires); left > 3*time.Second {
		t.Errorf("the session lasts %s", left)
	}
	moved.forward(4 * time.Second)
	_, err = s.whoami(held)
	refused(t, err, "ExpiredToken", "")
}

func TestIdentitiesAreForgotten(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "x")
	unknown := aws.Credentials{AccessKeyID: "unknown", SecretAccessKey: "x"}
	refused(t, s.read(s.secrets(unknown), "db"), "UnrecognizedClientException", invalidToken)
	s.ForgetIdentities()
	if err := s.read(s.secrets(unknown), "db"); err != nil {
		t.Error(err)
	}
	if got := s.lastCall("GetSecretValue").Principal; got != "arn:aws:iam::111122223333:root" {
		t.Errorf("an unknown key belongs to %s", got)
	}
}
