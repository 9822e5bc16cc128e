package localaws_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// iam calls IAM as a user, and gives the status and the body of the answer.
func (s *setup) iam(as aws.Credentials, service, action string, parameters url.Values) (status int, body string) {
	s.Helper()
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	maps.Copy(form, parameters)
	content := form.Encode()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.URL(), strings.NewReader(content))
	must(s.T, "", err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	hash := sha256.Sum256([]byte(content))
	must(s.T, "", v4.NewSigner().SignHTTP(s.Context(), as, request, hex.EncodeToString(hash[:]), service, "us-east-1", time.Now()))
	answer, err := http.DefaultClient.Do(request)
	must(s.T, "", err)
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, must(s.T, string(read), err)
}

// TestRolesByIAM creates a role with the calls that the documentation shows, assumes it and deletes it.
func TestRolesByIAM(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("db", "a value")
	admin := s.user("admin", everything)
	reader := s.user("reader", `{"Statement": {"Effect": "Allow", "Action": "iam:Get*", "Resource": "arn:aws:iam::111122223333:role/app"}}`)
	app := url.Values{"RoleName": {"app"}}
	trust := url.Values{"RoleName": {"app"}, "AssumeRolePolicyDocument": {accountTrust}, "MaxSessionDuration": {"7200"}}
	policy := func(document string) url.Values {
		return url.Values{"RoleName": {"app"}, "PolicyName": {"read"}, "PolicyDocument": {document}}
	}
	changed := func(name, value string) url.Values {
		return url.Values{"RoleName": {"app"}, "AssumeRolePolicyDocument": {accountTrust}, name: {value}}
	}
	for _, step := range []struct {
		as      aws.Credentials
		service string
		action  string
		with    url.Values
		status  int
		want    string
	}{
		{reader, "iam", "GetRole", app, http.StatusNotFound, "<Code>NoSuchEntity</Code><Message>The role with name app cannot be found.</Message>"},
		{reader, "iam", "CreateRole", trust, http.StatusForbidden, "<Code>AccessDenied</Code><Message>User: arn:aws:iam::111122223333:user/reader is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::111122223333:role/app because no identity-based policy allows the iam:CreateRole action</Message>"},
		{admin, "sts", "CreateRole", trust, http.StatusForbidden, "<Code>SignatureDoesNotMatch</Code>"},
		{aws.Credentials{AccessKeyID: "admin", SecretAccessKey: "wrong"}, "iam", "CreateRole", trust, http.StatusForbidden, "<Code>SignatureDoesNotMatch</Code>"},
		{admin, "iam", "CreateRole", url.Values{"AssumeRolePolicyDocument": {accountTrust}}, http.StatusBadRequest, "RoleName"},
		{admin, "iam", "CreateRole", changed("AssumeRolePolicyDocument", "{"), http.StatusBadRequest, "<Code>MalformedPolicyDocument</Code>"},
		{admin, "iam", "CreateRole", changed("MaxSessionDuration", "60"), http.StatusBadRequest, "MaxSessionDuration"},
		{admin, "iam", "CreateRole", changed("PermissionsBoundary", "arn:x"), http.StatusBadRequest, "does not support the parameter PermissionsBoundary of CreateRole"},
		{admin, "iam", "CreateRole", trust, http.StatusOK, `<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult><Role><Path>/</Path><RoleName>app</RoleName>`},
		{admin, "iam", "CreateRole", trust, http.StatusConflict, "<Code>EntityAlreadyExists</Code>"},
		{reader, "iam", "GetRole", app, http.StatusOK, "<Arn>arn:aws:iam::111122223333:role/app</Arn>"},
		{reader, "iam", "GetRole", app, http.StatusOK, "<MaxSessionDuration>7200</MaxSessionDuration>"},
		{admin, "iam", "PutRolePolicy", policy("{"), http.StatusBadRequest, "<Code>MalformedPolicyDocument</Code>"},
		{admin, "iam", "PutRolePolicy", policy(everything), http.StatusOK, "PutRolePolicyResponse"},
		{admin, "iam", "DeleteRole", app, http.StatusConflict, "<Code>DeleteConflict</Code>"},
		{admin, "iam", "ListRoles", nil, http.StatusBadRequest, "<Code>InvalidAction</Code>"},
	} {
		status, body := s.iam(step.as, step.service, step.action, step.with)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s by %s gives %d %s, want %d %s", step.action, step.as.AccessKeyID, status, body, step.status, step.want)
		}
	}
	assumed := s.mustAssume(admin, "arn:aws:iam::111122223333:role/app")
	if err := s.read(s.secrets(assumed), "db"); err != nil {
		t.Error("the role can't read:", err)
	}
	if status, body := s.iam(admin, "iam", "DeleteRolePolicy", policy("")); status != http.StatusBadRequest {
		t.Error("DeleteRolePolicy accepts a parameter of another operation:", body)
	}
	if status, body := s.iam(admin, "iam", "DeleteRolePolicy", url.Values{"RoleName": {"app"}, "PolicyName": {"read"}}); status != http.StatusOK {
		t.Error(body)
	}
	if err := s.read(s.secrets(assumed), "db"); err == nil {
		t.Error("the role can read without its policy")
	}
	if status, body := s.iam(admin, "iam", "DeleteRole", app); status != http.StatusOK {
		t.Error(body)
	}
	if call := s.lastCall("DeleteRole"); call.Principal != "arn:aws:iam::111122223333:user/admin" || call.Region != "us-east-1" {
		t.Errorf("recorded %+v", call)
	}
}
