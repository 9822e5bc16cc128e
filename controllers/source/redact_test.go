package source

import (
	"strings"
	"testing"
)

func TestRedactTakesCredentialsOutAndLeavesTheRest(t *testing.T) {
	for _, text := range []string{
		`dial http://user:` + marker + `@proxy.example.com:3128`,
		`https://` + marker + `@sts.example.com/`,
		`token eyJhbGciOiJSUzI1NiJ9.eyJzdWIi` + marker + `.c2ln`,
		`Authorization: Bearer ` + marker,
		`Value '` + marker + `' at 'webIdentityToken' failed`,
		`x-amz-security-token:` + marker,
		`Credential=` + marker + `/20260101/eu-west-1, Signature=` + marker,
		`{"SecretAccessKey": "` + marker + `"}`,
	} {
		if got := Redact(text); strings.Contains(got, marker) || !strings.Contains(got, redacted) {
			t.Errorf("of %q is left %q", text, got)
		}
	}
	for _, text := range []string{
		`Post "https://sts.eu-west-1.amazonaws.com/": proxyconnect tcp: dial tcp 10.1.2.3:3128: connect: connection refused`,
		`arn:aws:sts::111122223333:assumed-role/secretsync/secretsync-prod is not authorized to perform: secretsmanager:GetSecretValue`,
		`tls: failed to verify certificate: x509: certificate is valid for other.example.com`,
	} {
		if got := Redact(text); got != text {
			t.Errorf("of %q is left %q", text, got)
		}
	}
}
