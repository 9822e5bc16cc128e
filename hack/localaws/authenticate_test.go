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
	w := newGuardedWorld(t)
	w.create("db", "x")
	good := w.user("app", everything)
	role := w.role("app", anybody, everything)
	held := w.mustAssume(good, role)
	stale := w.mustAssume(good, w.role("gone", anybody, everything))
	w.DeleteRole("arn:aws:iam::111122223333:role/gone")
	w.role("gone", anybody, everything)
	disabled := w.user("disabled", everything)
	w.DeleteAccessKey("disabled")
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
		"a role made anew":           {stale, "UnrecognizedClientException", "InvalidClientTokenId", invalidToken},
	} {
		t.Run(name, func(t *testing.T) {
			inSecrets := w.read(w.secrets(c.by), "db")
			_, inSTS := w.whoami(c.by)
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
	w := newGuardedWorld(t)
	w.create("db", "x")
	refused(t, w.read(w.secretsBy(aws.AnonymousCredentials{}, localaws.DefaultRegion), "db"), "MissingAuthenticationTokenException", "Request is missing Authentication Token")
	anonymous := sts.New(sts.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(w.URL()), Retryer: unlessCut(), Credentials: aws.AnonymousCredentials{}})
	_, err := anonymous.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	refused(t, err, "MissingAuthenticationToken", "Request is missing Authentication Token")
}

func TestSignaturesForElsewhere(t *testing.T) {
	w := newGuardedWorld(t)
	w.create("db", "x")
	by := static(w.user("app", everything))
	refused(t, w.read(w.secretsBy(by, "nowhere"), "db"), "InvalidSignatureException", "Credential should be scoped to a valid region.")
	// A request that was signed for STS, sent to Secrets Manager.
	replayed := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(w.URL()), Retryer: unlessCut(), Credentials: by,
		HTTPClient: clientFunc(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/secretsmanager/", "/sts/", 1))
			return http.DefaultClient.Do(r)
		})})
	refused(t, w.read(replayed, "db"), "InvalidSignatureException", "Credential should be scoped to correct service: 'secretsmanager'.")
	without := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(w.URL()), Retryer: unlessCut(), Credentials: by,
		HTTPClient: clientFunc(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Nothing=", 1))
			return http.DefaultClient.Do(r)
		})})
	refused(t, w.read(without, "db"), "IncompleteSignatureException", "Authorization header requires 'Signature' parameter.")
}

func TestClocksThatAreOff(t *testing.T) {
	w := newGuardedWorld(t)
	w.create("db", "x")
	app := w.user("app", everything)
	w.Shift(time.Hour) // Callers' clocks are not meant.
	if err := w.read(w.secrets(app), "db"); err != nil {
		t.Error(err)
	}
	w.clock.forward(6 * time.Minute)
	refused(t, w.read(w.secrets(app), "db"), "InvalidSignatureException", "Signature expired: ")
	w.clock.forward(-12 * time.Minute)
	_, err := w.whoami(app)
	refused(t, err, "SignatureDoesNotMatch", "Signature not yet current: ")
}

func TestSessionsExpire(t *testing.T) {
	w := newGuardedWorld(t)
	w.create("db", "x")
	held := w.mustAssume(w.user("app", everything), w.role("app", anybody, everything))
	if left := time.Until(held.Expires); left < 59*time.Minute || left > time.Hour+time.Second {
		t.Errorf("the session lasts %s", left)
	}
	w.Shift(59 * time.Minute)
	if err := w.read(w.secrets(held), "db"); err != nil {
		t.Error(err)
	}
	w.Shift(2 * time.Minute)
	refused(t, w.read(w.secrets(held), "db"), "ExpiredTokenException", "The security token included in the request is expired")
	_, err := w.whoami(held)
	refused(t, err, "ExpiredToken", "The security token included in the request is expired")
}

func TestSessionsOfSeconds(t *testing.T) {
	moved := &clock{}
	running, err := localaws.Start(&localaws.Server{Now: moved.now, SessionLifetime: 2 * time.Second}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, "", running.Close()) }()
	w := &world{T: t, Running: running, Client: client(running.URL(), localaws.DefaultRegion, "tester"), clock: moved}
	held := w.mustAssume(w.user("app", everything), w.role("app", anybody))
	if left := time.Until(held.Expires); left > 3*time.Second {
		t.Errorf("the session lasts %s", left)
	}
	moved.forward(4 * time.Second)
	_, err = w.whoami(held)
	refused(t, err, "ExpiredToken", "")
}

func TestIdentitiesAreForgotten(t *testing.T) {
	w := newGuardedWorld(t)
	w.create("db", "x")
	unknown := aws.Credentials{AccessKeyID: "unknown", SecretAccessKey: "x"}
	refused(t, w.read(w.secrets(unknown), "db"), "UnrecognizedClientException", invalidToken)
	w.ForgetIdentities()
	if err := w.read(w.secrets(unknown), "db"); err != nil {
		t.Error(err)
	}
	if got := w.lastCall("GetSecretValue").Principal; got != "arn:aws:iam::111122223333:root" {
		t.Errorf("an unknown key belongs to %s", got)
	}
}
