package aws

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/secretsync/secretsync/controllers/source"
)

// malformedKey is a value that must not be shown, not even in part.
const malformedKey = "hunter2MARKERhunter2MARKERhunter2MARKER"

// faults are what may be wrong with a part of credentials, and how each is said.
func faults() map[string]string {
	half := len(malformedKey) / 2
	middle := func(insert string) string { return malformedKey[:half] + insert + malformedKey[half:] }
	at := func(what string) string { return fmt.Sprintf(what, half+1) }
	return map[string]string{
		malformedKey + "\n":      "ends in a line break",
		malformedKey + "\r\n":    "ends in a line break",
		malformedKey + "\r":      "ends in a carriage return",
		malformedKey + " ":       "ends in a blank",
		malformedKey + "\t":      "ends in a blank",
		"\n" + malformedKey:      "begins with a line break",
		" " + malformedKey:       "begins with a blank",
		`"` + malformedKey + `"`: "begins with a quotation mark",
		"'" + malformedKey + "'": "begins with a quotation mark",
		"\ufeff" + malformedKey:  "begins with a byte order mark",
		middle("\n"):             at("has a line break at byte %d"),
		middle(" "):              at("has a blank at byte %d"),
		middle("\x01"):           at("has a control character at byte %d"),
		middle("ä"):              at("has a character at byte %d that is not ASCII text"),
	}
}

func refused(t *testing.T, s *Source, mention ...string) {
	t.Helper()
	_, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.CredentialsUnavailable, mention...)
	half := len(malformedKey) / 2
	refuseLeaks(t, err, malformedKey[:half], malformedKey[half:])
}

func TestAMalformedVariableIsNamedWithItsFault(t *testing.T) {
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		for value, fault := range faults() {
			t.Run(variable+" "+fault, func(t *testing.T) {
				env := newEnvironment(t)
				t.Setenv(variable, value)
				refused(t, freshSource(t), "environment variable "+variable+" "+fault)
				if asked := env.Calls(); len(asked) > 0 {
					t.Errorf("AWS was asked: %+v", asked)
				}
			})
		}
	}
}

// shared writes a shared credentials file.
func shared(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	unset(t, "AWS_ACCESS_KEY_ID")
	unset(t, "AWS_SECRET_ACCESS_KEY")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	return file
}

func TestAMalformedProfileIsNamedWithItsFault(t *testing.T) {
	newEnvironment(t)
	file := shared(t, "[reader]\naws_access_key_id = "+malformedKey+"ä\naws_secret_access_key = x\n")
	t.Setenv("AWS_PROFILE", "reader")
	refused(t, freshSource(t), "aws_access_key_id in "+file+", for profile reader, has a character at byte 40 that is not ASCII text: correct it there")
	file = shared(t, "[reader]\naws_access_key_id = a\naws_secret_access_key = "+malformedKey[:20]+" "+malformedKey[20:]+"\n")
	refused(t, freshSource(t), "aws_secret_access_key in "+file, "has a blank at byte 21")
}

// What a role of the shared configuration is assumed with is not what requests to Secrets Manager are signed with.
func TestMalformedCredentialsThatAssumeARoleAreNamed(t *testing.T) {
	env := newEnvironment(t)
	file := shared(t, "[reader]\nrole_arn = "+testRole+"\nsource_profile = base\n[base]\naws_access_key_id = "+malformedKey+"ä\naws_secret_access_key = x\n")
	t.Setenv("AWS_PROFILE", "reader")
	refused(t, freshSource(t), "aws_access_key_id in "+file, "has a character at byte 40")
	unset(t, "AWS_PROFILE")
	t.Setenv("AWS_ACCESS_KEY_ID", malformedKey+"\n")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	_, err := freshSource(t).Resolve(t.Context(), as(onTop(hubRole)))
	mustMention(t, err, source.CredentialsUnavailable, "environment variable AWS_ACCESS_KEY_ID ends in a line break")
	refuseLeaks(t, err, malformedKey)
	if asked := env.Calls(); len(asked) > 0 {
		t.Errorf("AWS was asked: %+v", asked)
	}
}

func TestMalformedCredentialsOfAnAgentAreNamed(t *testing.T) {
	newEnvironment(t)
	podIdentity(t, http.StatusOK, `{"AccessKeyId":"`+testKeyID+`","SecretAccessKey":"s","Token":"`+malformedKey+`\n","Expiration":"2099-01-01T00:00:00Z"}`)
	refused(t, freshSource(t), "the session token from the container credentials endpoint ends in a line break")
}

func TestAMalformedTokenForTheAgentIsNamed(t *testing.T) {
	newEnvironment(t)
	podIdentity(t, http.StatusOK, `{}`)
	file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	if err := os.WriteFile(file, []byte(malformedKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, freshSource(t), "the token in "+file+" (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) ends in a line break: correct it there")
	unset(t, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", malformedKey+"\r")
	refused(t, freshSource(t), "environment variable AWS_CONTAINER_AUTHORIZATION_TOKEN ends in a carriage return: correct it where it comes from")
}

// The SDK knows two names for each key.
func TestAMalformedVariableIsNamedByTheNameThatIsSet(t *testing.T) {
	for older, newer := range map[string]string{"AWS_ACCESS_KEY": "AWS_ACCESS_KEY_ID", "AWS_SECRET_KEY": "AWS_SECRET_ACCESS_KEY"} {
		newEnvironment(t)
		unset(t, newer)
		t.Setenv(older, malformedKey+"\n")
		refused(t, freshSource(t), "environment variable "+older+" ends in a line break")
		unset(t, older)
	}
}

// answersSTS is an STS that gives the same credentials for every request.
func answersSTS(t *testing.T, credentials string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation := r.FormValue("Action")
		w.Header().Set("Content-Type", "text/xml")
		_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials>%[2]s`+
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></%[1]sResult></%[1]sResponse>`, operation, credentials)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestMalformedCredentialsOfSTSAreNamed(t *testing.T) {
	env := newEnvironment(t)
	server := answersSTS(t, "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>"+malformedKey+"&#10;</SessionToken>")
	t.Setenv("AWS_ENDPOINT_URL_STS", server)
	refused(t, env.irsa(t, valid(t)), "the session token from AWS STS ends in a line break")
	s, _ := env.withAccounts(t, Options{})
	_, err := s.Resolve(t.Context(), as(account("pay")))
	mustMention(t, err, source.CredentialsUnavailable, "the session token from AWS STS ends in a line break")
}

func TestATokenFileMayEndInALineBreak(t *testing.T) {
	env := newEnvironment(t)
	if _, err := env.irsa(t, valid(t)+"\n").Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.SecretNotFound {
		t.Error(err)
	}
}
