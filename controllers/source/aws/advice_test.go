package aws

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// refusedBySTS is an error of STS, as the SDK gives it.
func refusedBySTS(err error) error {
	return &credentialsError{cause: &smithy.OperationError{ServiceID: "STS", OperationName: assumeRole, Err: err}}
}

// statusOfSTS is an answer in place of that of STS, without a code.
func statusOfSTS(status int) error {
	return refusedBySTS(&smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("x"),
	})
}

// One code has several causes, which the operation, the text and the one who asks tell apart.
func TestTheAdviceOnACodeOfSTSIsForTheOneWhoAsks(t *testing.T) {
	own, another := question{}, question{by: account("pay")}
	const expired, invalid, audience, provider = "ExpiredTokenException", "InvalidIdentityToken", "bad audience", "No provider found in your account for https://oidc"
	for _, test := range []struct {
		q                        question
		operation, code, message string
		want                     string
	}{
		{own, assumeRoleWithWebIdentity, expired, "", "the token file holds a token that has expired"},
		{another, assumeRoleWithWebIdentity, expired, "", "the token was made a moment ago"},
		{own, assumeRole, expired, "", "they have expired and were not renewed"},
		{another, assumeRole, expired, "", "they have expired and were not renewed"},
		{own, assumeRoleWithWebIdentity, "Other", "", ""},
		{another, assumeRoleWithWebIdentity, "Other", "", ""},
		{own, assumeRoleWithWebIdentity, invalid, audience, "unless its projected volume says otherwise"},
		{another, assumeRoleWithWebIdentity, invalid, audience, "unless the annotation eks.amazonaws.com/audience of ServiceAccount pay/app says otherwise"},
		{own, assumeRoleWithWebIdentity, "Other", audience, ""},
		{own, assumeRoleWithWebIdentity, "Other", provider, ""},
		{own, assumeRoleWithWebIdentity, invalid, provider + strings.Repeat("x", 1000), "x…, with the audience"},
		{own, assumeRoleWithWebIdentity, invalid, "The certificate is wrong", "correct the thumbprint"},
		{own, assumeRoleWithWebIdentity, invalid, "The Thumbprint is wrong", "correct the thumbprint"},
		{own, assumeRole, "InvalidParameterValue", "One of the tags is transitive", "--session-tags=false"},
		{own, assumeRole, "InvalidParameterValue", "Too many tags", ""},
		{own, assumeRole, "Other", "One of the tags is transitive", ""},
		{own, assumeRole, "InvalidClientTokenId", "", "check that the access key exists"},
	} {
		got := test.q.stsAdvice(test.operation, test.code, test.message)
		if !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("of %s at %s with %.60q is said: %s", test.code, test.operation, test.message, got)
		}
	}
}

func TestTroubleWithCredentialsNamesItsCauseAndTheWayOut(t *testing.T) {
	const agent = "with EKS Pod Identity is the agent on the node, "
	code := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "m"} }
	for name, test := range map[string]struct {
		err     error
		kind    source.Kind
		mention string
	}{
		"a code that nothing is known of": {refusedBySTS(code("MalformedPolicyDocument")), source.CredentialsUnavailable,
			"AWS STS refuses AssumeRole of the role of the operator with MalformedPolicyDocument: it is tried again by itself; if it lasts, check the role and how the operator gets"},
		"a code with an advice": {refusedBySTS(code("InvalidClientTokenId")), source.CredentialsUnavailable,
			"with InvalidClientTokenId: check that the access key exists"},
		"a denial by its longer code":       {refusedBySTS(code("AccessDeniedException")), source.AssumeRoleDenied, "the operator may not assume the role of the operator: "},
		"a status in place of STS":          {statusOfSTS(http.StatusBadRequest), source.CredentialsUnavailable, "(it answered with HTTP status 400 and no AWS error code): it is"},
		"a proxy that wants a password":     {statusOfSTS(http.StatusProxyAuthRequired), source.CredentialsUnavailable, "(a proxy does not accept the user and password, or wants some (HTTP status 407)): it is"},
		"an answer that cannot be read":     {statusOfSTS(http.StatusOK), source.CredentialsUnavailable, "(the connection failed)"},
		"a token that the agent refuses":    {containerRefuses("InvalidTokenException", ""), source.CredentialsUnavailable, agent + "refuses with InvalidTokenException: let the kubelet renew the token"},
		"an agent that is refused":          {containerRefuses("AccessDeniedException", ""), source.CredentialsUnavailable, agent + "refuses with AccessDeniedException: let the trust policy of the associated role"},
		"an agent whose text has a code":    {containerRefuses("ExpiredTokenException", "[1]: (OtherException): m"), source.CredentialsUnavailable, "refuses with ExpiredTokenException: "},
		"another provider that has a code":  {&credentialsError{cause: code("UnauthorizedException")}, source.CredentialsUnavailable, "the operator has no AWS credentials: annotate"},
		"one on which another is built":     {&credentialsError{cause: &credentialsError{cause: code("X")}}, source.CredentialsUnavailable, "the operator has no AWS credentials"},
		"an agent that is said to be there": {containerRefuses("", ""), source.CredentialsUnavailable, agent + "gives no credentials: check that the agent runs"},
	} {
		refusal := explained(t, question{}, test.err)
		if refusal.Kind != test.kind || !strings.Contains(refusal.Explanation, test.mention) {
			t.Errorf("%s: %v", name, refusal)
		}
	}
}

// The agent on the node is never behind a proxy.
func TestAnAgentThatIsAskedThroughAProxyIsSaidToBe(t *testing.T) {
	newWorld(t)
	err := &credentialsError{cause: &url.Error{Op: "Get", URL: "http://169.254.170.23/v1/credentials", Err: errors.New("x")}, sources: []aws.CredentialSource{aws.CredentialSourceHTTP}}
	mustMention(t, explained(t, proxied(), err), source.CredentialsUnavailable, "is asked through proxy "+someProxy+" and gives no credentials", "NO_PROXY (169.254.170.23")
}

func TestADeniedRoleIsNamedWithTheOneWhoMayNotAssumeIt(t *testing.T) {
	const by = "User: " + testReader + " is not authorized to perform: sts:AssumeRole on resource: "
	onTop := source.Identity{Namespace: "pay", RoleARN: hubRole}
	for name, test := range map[string]struct {
		q                  question
		operation, message string
		want, not          string
	}{
		"as AWS says it":           {question{role: hubRole}, assumeRole, by + payRole, testReader + " may not assume role " + payRole + ": allow sts:AssumeRole", "externalID"},
		"where AWS names no role":  {question{role: hubRole}, assumeRole, by + "*", testReader + " may not assume role " + hubRole + ": ", "role *"},
		"where AWS says nothing":   {question{}, assumeRole, "no", "the operator may not assume the role of the operator: ", " may not assume :"},
		"that a SecretSync names":  {question{by: onTop, role: hubRole}, assumeRole, "no", "session tag kubernetes-namespace = pay", "<namespace>"},
		"of a ServiceAccount":      {question{by: account("pay"), role: payRole}, assumeRoleWithWebIdentity, "no", "system:serviceaccount:pay:app", "<namespace>"},
		"of the operator's own":    {question{role: payRole}, assumeRoleWithWebIdentity, "no", "role " + payRole + " may not be assumed with the operator's ServiceAccount", "serviceaccount::"},
		"of the operator, by name": {question{role: payRole}, assumeRoleWithWebIdentity, "no", "system:serviceaccount:<namespace>:<name> of the operator", "serviceaccount::"},
	} {
		got := test.q.roleDenied(test.operation, test.message)
		if got.Kind != source.AssumeRoleDenied || !strings.Contains(got.Explanation, test.want) || strings.Contains(got.Explanation, test.not) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
