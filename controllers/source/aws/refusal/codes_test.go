package refusal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// AWS has several codes for one thing, by the protocol and the service that answers.
func TestEachCodeThatIsKnownHasItsKindAndItsAdvice(t *testing.T) {
	const clock, partition, complete = "compare the node's clock", "belongs to partition aws of AWS, as eu-west-1 does", "session token are complete"
	for kind, codes := range map[source.Kind]map[string]string{
		source.AccessDenied: {"AccessDeniedException": "the operator may not", "AccessDenied": "the operator may not", "UnauthorizedOperation": "the operator may not"},
		source.RegionUnavailable: {
			"InternalServiceError": "", "InternalServiceErrorException": "", "InternalFailure": "", "InternalServerError": "",
			"ServiceUnavailable": "", "ServiceUnavailableException": "", "RequestTimeout": "", "RequestTimeoutException": "",
		},
		source.CredentialsUnavailable: {
			"ExpiredTokenException": "they have expired", "ExpiredToken": "they have expired",
			"RequestExpired": clock, "RequestTimeTooSkewed": clock, "RequestInTheFuture": clock,
			"InvalidSignatureException": "check the secret access key", "SignatureDoesNotMatch": "check the secret access key",
			"UnrecognizedClientException": partition, "InvalidClientTokenId": partition, "InvalidAccessKeyId": partition, "NotAuthorized": partition, "AuthFailure": partition,
			"IncompleteSignature": complete, "IncompleteSignatureException": complete, "MissingAuthenticationToken": complete, "MissingAuthenticationTokenException": complete,
			"OptInRequired":        "the account is not subscribed",
			"InvalidIdentityToken": "let IAM know the cluster's OIDC provider", "InvalidIdentityTokenException": "let IAM know the cluster's OIDC provider",
			"IDPCommunicationError": "AWS can reach the cluster's OIDC issuer", "IDPRejectedClaim": "AWS can reach the cluster's OIDC issuer",
			"RegionDisabledException": "activate AWS STS in that region",
		},
		source.Failed: {"ValidationException": "ValidationException: a text of AWS"},
	} {
		for code, mention := range codes {
			refused := explained(t, asked(), refusedWith(code, "a text of AWS"))
			if refused.Kind != kind || !strings.Contains(refused.Explanation, mention) || mention == "" && !strings.Contains(refused.Explanation, code) {
				t.Errorf("%s is %v", code, refused)
			}
		}
	}
	for _, text := range []string{"Signature expired: 20260101T000000Z is now earlier than", "Signature not yet current: 20260101T000000Z is still later than"} {
		wantError(t, explained(t, asked(), refusedWith("InvalidSignatureException", text)), source.CredentialsUnavailable, clock)
	}
	china := asked()
	china.Region = "cn-north-1"
	wantError(t, explained(t, china, refusedWith("UnrecognizedClientException", "")), source.CredentialsUnavailable, "partition aws-cn of AWS, as cn-north-1 does")
	scheduled := refusedWith("InvalidRequestException", "You can't perform this operation on the secret because it was scheduled for deletion.")
	wantError(t, explained(t, asked(), scheduled), source.SecretPendingDeletion, "RestoreSecret")
}

func TestAnAnswerWithoutACodeIsJudgedByItsStatus(t *testing.T) {
	list := asked()
	list.Operation, list.Ref = listSecrets, source.Ref{}
	unknown, mute := &smithy.GenericAPIError{Code: "UnknownError"}, &smithy.GenericAPIError{}
	for name, test := range map[string]struct {
		q       Call
		err     error
		kind    source.Kind
		mention string
	}{
		"500":                    {asked(), answered(http.StatusInternalServerError, nil, unknown), source.RegionUnavailable, "(it answered with HTTP status 500): it is"},
		"400":                    {asked(), answered(http.StatusBadRequest, nil, errors.New("x")), source.Failed, "answered GetSecretValue of secret /prod/db with HTTP status 400"},
		"an empty code":          {asked(), answered(http.StatusForbidden, nil, mute), source.Failed, "HTTP status 403 and no AWS error code: look for a proxy or a wrong endpoint"},
		"a list":                 {list, answered(http.StatusForbidden, nil, mute), source.Failed, "answered ListSecrets with HTTP status 403"},
		"a code without status":  {asked(), &smithy.GenericAPIError{Code: "ValidationException", Message: "m"}, source.Failed, "GetSecretValue of secret /prod/db in eu-west-1 with ValidationException: m"},
		"a list, with a code":    {list, refusedWith("ValidationException", "m"), source.Failed, "AWS refuses ListSecrets in eu-west-1 with ValidationException"},
		"no answer in an answer": {asked(), answered(http.StatusOK, nil, errors.New("x")), source.RegionUnavailable, "the connection failed"},
	} {
		refused := explained(t, test.q, test.err)
		if refused.Kind != test.kind || !strings.Contains(refused.Explanation, test.mention) {
			t.Errorf("%s: %v", name, refused)
		}
	}
	if status, wait := statusOf(&smithyhttp.ResponseError{}); status != 0 || wait != 0 {
		t.Errorf("without an answer: %d, %s", status, wait)
	}
}

// Where no host was asked, it is the configuration that is wrong, and the SDK's own words are enough.
func TestARequestThatWasNotMadeIsExplainedInFewWords(t *testing.T) {
	c := asked()
	c.Host = ""
	cause := errors.New("not found, ResolveEndpointV2")
	for _, err := range []error{cause, &smithy.OperationError{ServiceID: "Secrets Manager", OperationName: getOperation, Err: cause}} {
		if got := c.unsent(err).Explanation; !strings.HasPrefix(got, "GetSecretValue of secret /prod/db in eu-west-1 could not be asked for (not found, ResolveEndpointV2): correct") {
			t.Errorf("got %s", got)
		}
	}
}

// What a credentials code comes with may be any part of the request that was signed. Other texts help to find the fault.
func TestTheTextOfARefusalOfCredentialsIsNotLogged(t *testing.T) {
	const marker = "hunter2-marker"
	if got := loggable(refusedWith("InvalidSignatureException", "the request was "+marker)).Error(); got != "api error InvalidSignatureException" {
		t.Error("the text is logged")
	}
	if got := loggable(refusedWith("ValidationException", "Invalid ARN")).Error(); !strings.Contains(got, "ValidationException: Invalid ARN") {
		t.Errorf("of what helps is left: %s", got)
	}
}

// That a ServiceAccount is gone must reach the reconciler, which lets go of what it read.
func TestTheCauseOfARefusalThatIsExplainedAlreadyStays(t *testing.T) {
	gone := &source.Error{Kind: source.CredentialsUnavailable, Explanation: "there is none", Cause: source.ErrNoServiceAccount}
	if refused := explained(t, asked(), &CredentialsError{Cause: gone}); !errors.Is(refused, source.ErrNoServiceAccount) {
		t.Errorf("the cause is %v", refused.Cause)
	}
}

func TestEachFaultOfCredentialsHasAnAdvice(t *testing.T) {
	for fault := noFault + 1; fault <= regionDisabled; fault++ {
		if fault.advice("") == "" {
			t.Errorf("fault %d has none", fault)
		}
	}
	if got := noFault.advice(""); got != "" {
		t.Errorf("no fault has the advice %q", got)
	}
}

// What is done about a refusal follows from its code, and from its text only where a code is one of several things.
func TestWhatFollowsFromARefusal(t *testing.T) {
	const revoked = "User: u is not authorized to perform: secretsmanager:GetSecretValue on resource: r with an explicit deny in an identity-based policy"
	for code, test := range map[string]struct {
		message                  string
		session                  Session
		ofCredentials, throttled bool
	}{
		"ExpiredTokenException":       {session: SessionEnded, ofCredentials: true},
		"UnrecognizedClientException": {session: SessionEnded, ofCredentials: true},
		"InvalidAccessKeyId":          {ofCredentials: true},
		"SignatureDoesNotMatch":       {ofCredentials: true},
		"AccessDeniedException":       {message: revoked, session: SessionRevoked},
		"AccessDenied":                {message: strings.Replace(revoked, "identity", "resource", 1)},
		"UnauthorizedOperation":       {message: "no identity-based policy allows it"},
		"ThrottlingException":         {throttled: true},
		"ValidationException":         {message: revoked},
	} {
		err := refusedWith(code, test.message)
		if got := SessionAfter(err); got != test.session {
			t.Errorf("after %s the session is %d", code, got)
		}
		if got := OfCredentials(err); got != test.ofCredentials {
			t.Errorf("%s is of credentials: %v", code, got)
		}
		if got := Throttled(err); got != test.throttled {
			t.Errorf("%s is throttling: %v", code, got)
		}
		if got := SessionAfter(&CredentialsError{Cause: err}); got != SessionStands {
			t.Errorf("without a session, it is %d after %s", got, code)
		}
	}
	for _, err := range []error{nil, errors.New("x")} {
		if SessionAfter(err) != SessionStands || OfCredentials(err) || Throttled(err) {
			t.Errorf("something follows from %v", err)
		}
	}
}

// What stands between the operator and AWS is named where it answers without a code.
func TestWhatAnswersInPlaceOfAWSIsNamed(t *testing.T) {
	noProxies(t)
	through := asked()
	through.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: someProxy})
	answer := func(status int) error {
		response := &smithyhttp.Response{Response: &http.Response{StatusCode: status, Request: &http.Request{URL: &url.URL{Scheme: "https", Host: "aws.example"}}}}
		return &smithyhttp.ResponseError{Response: response, Err: errors.New("x")}
	}
	wantError(t, explained(t, through, answer(http.StatusForbidden)), source.Failed, "look at proxy "+someProxy+", through which it was asked")
	wantError(t, explained(t, through, answer(http.StatusProxyAuthRequired)), source.RegionUnavailable, "(proxy "+someProxy+" does not accept the user and password")
	unsent := asked()
	unsent.Host = ""
	wantError(t, explained(t, unsent, errors.New("not found, ResolveEndpointV2")), source.Failed, "could not be asked for")
	list := Call{Operation: listSecrets, Region: "eu-west-1"}
	wantError(t, list.denied("no"), source.AccessDenied, "may not secretsmanager:ListSecrets on *: ")
	if got := asked().KMSDenied("", " (a note)").Explanation; !strings.Contains(got, "on the KMS key of the secret (a note) in") {
		t.Errorf("got %s", got)
	}
	implicit := refusedWith("AccessDenied", "because no identity-based policy allows the secretsmanager:GetSecretValue action")
	if got := SessionAfter(implicit); got != SessionStands {
		t.Errorf("after a denial for want of an Allow the session is %d", got)
	}
	if got := loggable(&smithy.GenericAPIError{Code: "ExpiredToken", Message: someKey}).Error(); got != "api error ExpiredToken" {
		t.Error("the text is logged")
	}
}
