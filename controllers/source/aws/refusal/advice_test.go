package refusal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// refusedBySTS is an error of STS, as the SDK gives it.
func refusedBySTS(err error) error {
	return &CredentialsError{Cause: &smithy.OperationError{ServiceID: "STS", OperationName: assumeOperation, Err: err}}
}

// statusOfSTS is an answer in place of that of STS, without a code.
func statusOfSTS(status int) error {
	return refusedBySTS(&smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: errors.New("x"),
	})
}

// One code has several causes, which the operation, the text and the one who asks tell apart.
func TestTheAdviceOnACodeOfSTSIsForTheOneWhoAsks(t *testing.T) {
	own, another := Call{}, Call{By: ofAccount()}
	const expired, invalid, audience, provider = "ExpiredTokenException", "InvalidIdentityToken", "bad audience", "No provider found in your account for https://oidc"
	for _, test := range []struct {
		q                        Call
		operation, code, message string
		want                     string
	}{
		{own, webOperation, expired, "", "the token file holds a token that has expired"},
		{another, webOperation, expired, "", "the token was made a moment ago"},
		{own, assumeOperation, expired, "", "they have expired and were not renewed"},
		{another, assumeOperation, expired, "", "they have expired and were not renewed"},
		{own, webOperation, "Other", "", ""},
		{another, webOperation, "Other", "", ""},
		{own, webOperation, "ExpiredToken", "", "the token file holds a token that has expired"},
		{own, webOperation, invalid, audience, "unless its projected volume says otherwise"},
		{own, webOperation, invalid + "Exception", audience, "unless its projected volume says otherwise"},
		{another, webOperation, invalid, audience, "unless the annotation eks.amazonaws.com/audience of ServiceAccount pay/app says otherwise"},
		{own, webOperation, "Other", audience, ""},
		{own, webOperation, "Other", provider, ""},
		{own, webOperation, invalid, provider + strings.Repeat("x", 1000), "x…, with the audience"},
		{own, webOperation, invalid, "The certificate is wrong", "correct the thumbprint"},
		{own, webOperation, invalid, "The Thumbprint is wrong", "correct the thumbprint"},
		{own, assumeOperation, "InvalidParameterValue", "One of the tags is transitive", "--session-tags=false"},
		{own, assumeOperation, "InvalidParameterValue", "Too many tags", ""},
		{own, assumeOperation, "Other", "One of the tags is transitive", ""},
		{own, assumeOperation, "InvalidClientTokenId", "", "check that the access key exists"},
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
		"a denial by any code of the table": {refusedBySTS(code("UnauthorizedOperation")), source.AssumeRoleDenied, "the operator may not assume the role of the operator: "},
		"a status in place of STS":          {statusOfSTS(http.StatusBadRequest), source.CredentialsUnavailable, "(it answered with HTTP status 400 and no AWS error code): it is"},
		"a proxy that wants a password":     {statusOfSTS(http.StatusProxyAuthRequired), source.CredentialsUnavailable, "(a proxy does not accept the user and password, or wants some (HTTP status 407)): it is"},
		"an answer that cannot be read":     {statusOfSTS(http.StatusOK), source.CredentialsUnavailable, "(the connection failed)"},
		"a token that the agent refuses":    {containerRefuses("InvalidTokenException", ""), source.CredentialsUnavailable, agent + "refuses with InvalidTokenException: let the kubelet renew the token"},
		"an agent that is refused":          {containerRefuses("AccessDeniedException", ""), source.CredentialsUnavailable, agent + "refuses with AccessDeniedException: let the trust policy of the associated role"},
		"an agent whose text has a code":    {containerRefuses("ExpiredTokenException", "[1]: (OtherException): m"), source.CredentialsUnavailable, "refuses with ExpiredTokenException: "},
		"another provider that has a code":  {&CredentialsError{Cause: code("UnauthorizedException")}, source.CredentialsUnavailable, "the operator has no AWS credentials: annotate"},
		"one on which another is built":     {&CredentialsError{Cause: &CredentialsError{Cause: code("X")}}, source.CredentialsUnavailable, "the operator has no AWS credentials"},
		"an agent that is said to be there": {containerRefuses("", ""), source.CredentialsUnavailable, agent + "gives no credentials: check that the agent runs"},
	} {
		refused := explained(t, Call{}, test.err)
		if refused.Kind != test.kind || !strings.Contains(refused.Explanation, test.mention) {
			t.Errorf("%s: %v", name, refused)
		}
	}
}

// The agent on the node is never behind a proxy.
func TestAnAgentThatIsAskedThroughAProxyIsSaidToBe(t *testing.T) {
	err := &CredentialsError{Cause: &url.Error{Op: "Get", URL: "http://169.254.170.23/v1/credentials", Err: errors.New("x")}, Sources: []aws.CredentialSource{aws.CredentialSourceHTTP}}
	wantError(t, explained(t, proxied(), err), source.CredentialsUnavailable, "is asked through proxy "+someProxy+" and gives no credentials", "NO_PROXY (169.254.170.23")
}

func TestADeniedRoleIsNamedWithTheOneWhoMayNotAssumeIt(t *testing.T) {
	const by = "User: " + someReader + " is not authorized to perform: sts:AssumeRole on resource: "
	onTop := source.Identity{Namespace: "pay", RoleARN: outerRole}
	for name, test := range map[string]struct {
		q                  Call
		operation, message string
		want, not          string
	}{
		"as AWS says it":           {Call{Role: outerRole}, assumeOperation, by + innerRole, someReader + " may not assume role " + innerRole + ": allow sts:AssumeRole", "externalID"},
		"where AWS names no role":  {Call{Role: outerRole}, assumeOperation, by + "*", someReader + " may not assume role " + outerRole + ": ", "role *"},
		"where AWS says nothing":   {Call{}, assumeOperation, "no", "the operator may not assume the role of the operator: ", " may not assume :"},
		"that a SecretSync names":  {Call{By: onTop, Role: outerRole}, assumeOperation, "no", "session tag kubernetes-namespace = pay", "<namespace>"},
		"of a ServiceAccount":      {Call{By: ofAccount(), Role: innerRole}, webOperation, "no", "system:serviceaccount:pay:app", "<namespace>"},
		"of the operator's own":    {Call{Role: innerRole}, webOperation, "no", "role " + innerRole + " may not be assumed with the operator's ServiceAccount", "serviceaccount::"},
		"of the operator, by name": {Call{Role: innerRole}, webOperation, "no", "system:serviceaccount:<namespace>:<name> of the operator", "serviceaccount::"},
	} {
		got := test.q.roleDenied(test.operation, test.message)
		if got.Kind != source.AssumeRoleDenied || !strings.Contains(got.Explanation, test.want) || strings.Contains(got.Explanation, test.not) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The OIDC provider is all right where the token is not one of it.
func TestATokenThatIsNoneHasAnAdviceOfItsOwn(t *testing.T) {
	own, another := Call{}, Call{By: ofAccount()}
	for _, test := range []struct {
		q       Call
		message string
		want    string
	}{
		{own, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)", "is not a token of a ServiceAccount"},
		{another, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)", "check that it is a current token of this cluster"},
		{own, "The ID Token provided is not valid: its signature does not verify", "is not signed by a key that its issuer publishes"},
		{own, "Couldn't retrieve verification key from your identity provider", "is not signed by a key that its issuer publishes"},
		{own, "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint", "correct the thumbprint"},
		{own, "", "check that it is a current token of this cluster"},
		{own, "Incorrect token audience", "accept the token's audience"},
		{own, "No OpenIDConnect provider found in your account for https://oidc.example.com/1", "let IAM know the cluster's OIDC provider oidc.example.com/1"},
	} {
		if got := test.q.stsAdvice("AssumeRoleWithWebIdentity", "InvalidIdentityToken", test.message); !strings.Contains(got, test.want) {
			t.Errorf("of %q is said: %s", test.message, got)
		}
	}
}

func TestWhatIsNoAnswerOfSTSIsNotBlamedOnARole(t *testing.T) {
	failed := errors.New("no answer of STS")
	if err := ForRole(outerRole, failed); !errors.Is(err, failed) || strings.Contains(err.Error(), outerRole) {
		t.Error(err)
	}
}

// The role that STS refused is named, and in a chain not the one that was to be assumed with it.
func TestTheRoleThatWasRefusedIsNamed(t *testing.T) {
	failed := &smithy.OperationError{ServiceID: "STS", OperationName: assumeOperation, Err: &smithy.GenericAPIError{Code: "RegionDisabledException"}}
	named := ForRole(innerRole, fmt.Errorf("signing: %w", ForRole(outerRole, failed)))
	if !errors.Is(named, failed) || !strings.Contains(named.Error(), outerRole) || strings.Contains(named.Error(), innerRole) {
		t.Errorf("got %v", named)
	}
	wantError(t, explained(t, Call{}, &CredentialsError{Cause: named}), source.CredentialsUnavailable,
		"AWS STS refuses AssumeRole of role "+outerRole+" with RegionDisabledException: activate AWS STS in that region")
}

// What fails for the operator's own credentials is the operator's, whatever role was to be assumed with them.
func TestTheOperatorsOwnTroubleIsSaidToBe(t *testing.T) {
	call := Call{By: ofAccount(), Role: innerRole, OwnRole: outerRole, Timeout: 15 * time.Second}
	token := &TokenError{File: "/token", Cause: fs.ErrNotExist}
	if !errors.Is(token, fs.ErrNotExist) {
		t.Error("the cause of a token that cannot be read is lost")
	}
	for name, test := range map[string]struct {
		err     error
		mention string
	}{
		"its token":     {token, "the web identity token for role " + outerRole + " cannot be read from /token: check"},
		"its patience":  {fmt.Errorf("x: %w", context.DeadlineExceeded), "no AWS credentials for role " + outerRole + " within 15s: it is"},
		"its providers": {errors.New("x"), "the operator has no AWS credentials"},
	} {
		wantError(t, explained(t, call, &CredentialsError{Cause: &CredentialsError{Cause: test.err}}), source.CredentialsUnavailable, test.mention)
		agent := &CredentialsError{Cause: test.err, Sources: []aws.CredentialSource{aws.CredentialSourceHTTP}}
		if name == "its providers" {
			wantError(t, explained(t, call, &CredentialsError{Cause: agent}), source.CredentialsUnavailable, "the container credentials endpoint")
		}
		if got := explained(t, call, &CredentialsError{Cause: test.err}).Explanation; strings.Contains(got, outerRole) {
			t.Errorf("%s: the operator's role is blamed: %s", name, got)
		}
	}
}
