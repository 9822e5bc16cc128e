package refusal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/secretsync/secretsync/controllers/source"
)

// Each of the places that credentials come from has its own way to correct them.
func TestMalformedCredentialsAreNamedByWhereTheyComeFrom(t *testing.T) {
	for from, want := range map[string]string{
		"SharedConfigCredentials: /home/x/.aws/credentials": "aws_secret_access_key in /home/x/.aws/credentials ends in a blank: correct it there;",
		config.CredentialsSourceName:                        "environment variable AWS_SECRET_ACCESS_KEY ends in a blank: correct it in the Secret or the manifest that it comes from;",
		endpointcreds.ProviderName:                          "the secret access key from the container credentials endpoint ends in a blank: look at what answers there (AWS_CONTAINER_CREDENTIALS_FULL_URI)",
		stscreds.ProviderName:                               "the secret access key from AWS STS ends in a blank: look for a proxy, or an endpoint that is not AWS's (AWS_ENDPOINT_URL)",
		stscreds.WebIdentityProviderName:                    "the secret access key from AWS STS ends in a blank: look for a proxy",
		processcreds.ProviderName:                           "the secret access key from the credential process ends in a blank: correct it there;",
		"SSOProvider":                                       "the secret access key from SSOProvider ends in a blank: correct it there;",
	} {
		err := Malformed(&aws.Credentials{AccessKeyID: "AKIAOPERATOR00000000", SecretAccessKey: someKey + " ", Source: from})
		refused := explained(t, asked(), &CredentialsError{Cause: err})
		if !strings.Contains(refused.Explanation, want) {
			t.Errorf("%s: %s", from, refused.Explanation)
		}
		wantNoSecrets(t, refused, someKey)
	}
}

func TestEveryFaultOfATextIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"\rx": "begins with a line break", "\tx": "begins with a blank",
		"x\ry": "has a line break at byte 2", "x\ty": "has a blank at byte 2", "x\x7fy": "has a control character at byte 2", "x\x1fy": "has a control character at byte 2",
		"x\x80y": "has a character at byte 2 that is not ASCII text",
	} {
		if got := wrongIn(text); got != want || graphic(text) {
			t.Errorf("%q %s", text, got)
		}
	}
	if !graphic("!~+/=") {
		t.Error("a text of visible characters is refused")
	}
}

// A token that cannot be read is none that is malformed: the SDK says why.
func TestATokenForTheAgentThatCannotBeReadIsNotMalformed(t *testing.T) {
	t.Setenv(agentVariable, someKey+"\n")
	t.Setenv(agentFileVariable, filepath.Join(t.TempDir(), "none"))
	if e := malformedAgentToken(); e != nil {
		t.Error(e)
	}
}

func TestCausesAreFitForLogs(t *testing.T) {
	const jwt = "e30.eyJzdWIiOiJzeXN0ZW0ifQ.c2ln"
	secret := []string{jwt, someKey, someKey}
	for _, text := range []string{
		`proxyconnect tcp: parse "http://user:` + someKey + `@proxy:3128": invalid port`,
		`Post "https://user:` + someKey + `@sts.example.com/": dial tcp: refused`,
		`api error ValidationError: 1 validation error detected: Value '` + jwt + `' at 'webIdentityToken' failed to satisfy constraint`,
		"The canonical string for this request should have been 'POST\n/\nx-amz-security-token:" + someKey + "\n",
		`Authorization: Bearer ` + someKey,
		`{"SecretAccessKey": "` + someKey + `"}`,
		`AWS4-HMAC-SHA256 Credential=` + someKey + `/20260101/eu-west-1/sts/aws4_request, Signature=` + someKey,
	} {
		wantNoSecrets(t, errors.New(loggable(errors.New(text)).Error()), secret...)
	}
	const kept = `operation error STS: AssumeRole, https response error StatusCode: 0, RequestID: , request send failed, Post "https://sts.eu-west-1.amazonaws.com/": proxyconnect tcp: dial tcp 10.1.2.3:3128: connect: connection refused`
	if got := loggable(errors.New(kept)).Error(); got != kept {
		t.Errorf("of what helps is left: %s", got)
	}
	if strings.Contains(loggable(errors.New("api error: token "+"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln")).Error(), "eyJ") {
		t.Error("a token is shown")
	}
}

// Each line is a text that no request can carry, and what is wrong with it.
func TestEachPartOfCredentialsIsLookedAt(t *testing.T) {
	for value, want := range map[string]string{
		someKey + "\n": "ends in a line break", someKey + "\r": "ends in a carriage return", someKey + " ": "ends in a blank", someKey + "\t": "ends in a blank",
		"\n" + someKey: "begins with a line break", " " + someKey: "begins with a blank", `"` + someKey + `"`: "begins with a quotation mark",
		"'" + someKey + "'": "begins with a quotation mark", "\ufeff" + someKey: "begins with a byte order mark",
		"x\ny": "has a line break at byte 2", "x y": "has a blank at byte 2", "x\x01y": "has a control character at byte 2",
	} {
		for name, credentials := range map[string]aws.Credentials{
			"AWS_ACCESS_KEY_ID":     {AccessKeyID: value, SecretAccessKey: "s", SessionToken: "t"},
			"AWS_SECRET_ACCESS_KEY": {AccessKeyID: "k", SecretAccessKey: value, SessionToken: "t"},
			"AWS_SESSION_TOKEN":     {AccessKeyID: "k", SecretAccessKey: "s", SessionToken: value},
		} {
			for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN"} {
				unsetVariable(t, variable)
			}
			credentials.Source = config.CredentialsSourceName
			if err := Malformed(&credentials); err == nil || err.Error() != "environment variable "+name+" "+want {
				t.Errorf("of %s %q it is said: %v", name, value, err)
			}
		}
	}
	if err := Malformed(&aws.Credentials{AccessKeyID: "k", SecretAccessKey: "s"}); err != nil {
		t.Error(err)
	}
}

// The SDK knows two names for each key, and a profile may be chosen.
func TestAPartIsNamedByTheVariableThatIsSet(t *testing.T) {
	for older, credentials := range map[string]aws.Credentials{
		"AWS_ACCESS_KEY": {AccessKeyID: "k "}, "AWS_SECRET_KEY": {AccessKeyID: "k", SecretAccessKey: "s "},
	} {
		for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
			unsetVariable(t, variable)
		}
		t.Setenv(older, "set")
		credentials.Source = config.CredentialsSourceName
		if err := Malformed(&credentials); err == nil || !strings.HasPrefix(err.Error(), "environment variable "+older+" ends in a blank") {
			t.Errorf("got %v", err)
		}
	}
	t.Setenv("AWS_PROFILE", "reader")
	err := Malformed(&aws.Credentials{AccessKeyID: "k ", Source: "SharedConfigCredentials: /c"})
	if err == nil || err.Error() != "aws_access_key_id in /c, for profile reader, ends in a blank" {
		t.Errorf("got %v", err)
	}
}

// The container credentials endpoint is asked with a token from a file, or from a variable where there is no file.
func TestAMalformedTokenForTheAgentIsNamed(t *testing.T) {
	none := &CredentialsError{Cause: errors.New("x"), Sources: []aws.CredentialSource{aws.CredentialSourceHTTP}}
	unsetVariable(t, agentFileVariable)
	t.Setenv(agentVariable, someKey+"\r")
	wantError(t, explained(t, asked(), none), source.CredentialsUnavailable,
		"environment variable AWS_CONTAINER_AUTHORIZATION_TOKEN ends in a carriage return: correct it where it comes from;")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(someKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(agentFileVariable, file)
	wantError(t, explained(t, asked(), none), source.CredentialsUnavailable,
		"the token in "+file+" (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) ends in a line break: correct it there;")
	if err := os.WriteFile(file, []byte(someKey), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, explained(t, asked(), none), source.CredentialsUnavailable, "gives no credentials")
}
