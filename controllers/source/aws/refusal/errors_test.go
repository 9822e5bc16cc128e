package refusal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// asked is the question that the tables' errors answer.
func asked() Call {
	return Call{
		Operation: getOperation, Region: "eu-west-1", Host: "secretsmanager.eu-west-1.amazonaws.com", Timeout: 15 * time.Second,
		Ref: source.Ref{SecretID: "/prod/db", VersionStage: "AWSCURRENT"},
	}
}

// answered wraps an error as the SDK does one that came with an HTTP answer.
func answered(status int, header http.Header, err error) error {
	response := &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: header}}
	return &smithy.OperationError{
		ServiceID: "Secrets Manager", OperationName: getOperation,
		Err: &smithyhttp.ResponseError{Response: response, Err: err},
	}
}

func refusedWith(code, message string) error {
	return answered(http.StatusBadRequest, nil, &smithy.GenericAPIError{Code: code, Message: message})
}

func TestCodesBecomeKinds(t *testing.T) {
	for name, test := range map[string]struct {
		err     error
		want    source.Kind
		mention []string
	}{
		"a connection given up in the middle of an answer": {
			answered(http.StatusOK, nil, &smithy.DeserializationError{Err: &net.OpError{Op: "read", Err: net.ErrClosed}}),
			source.RegionUnavailable, []string{"the connection was cut"},
		},
		"a secret that is not there": {
			refusedWith("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
			source.SecretNotFound, []string{"/prod/db", "eu-west-1", "full ARN"},
		},
		"a staging label that is nowhere": {
			refusedWith("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"),
			source.VersionNotFound, []string{"/prod/db", "staging label AWSCURRENT"},
		},
		"a secret marked for deletion": {
			refusedWith("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion."),
			source.SecretPendingDeletion, []string{"/prod/db", "RestoreSecret"},
		},
		"another invalid request": {
			refusedWith("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId."),
			source.Failed, []string{"InvalidRequestException", "not associated"},
		},
		"a denial": {
			refusedWith("AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: secretsmanager:GetSecretValue on resource: r"),
			source.AccessDenied, []string{"arn:aws:iam::1:user/u"},
		},
		"a denial by KMS": {
			refusedWith("AccessDeniedException", "Access to KMS is not allowed"),
			source.KMSAccessDenied, []string{"kms:Decrypt", "kms:ViaService = secretsmanager.eu-west-1.amazonaws.com"},
		},
		"a denial by KMS that names the key": {
			refusedWith("AccessDeniedException", "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/k because no identity-based policy allows the kms:Decrypt action"),
			source.KMSAccessDenied, []string{"KMS key arn:aws:kms:eu-west-1:1:key/k"},
		},
		"a denial of a secret with KMS in its name": {
			refusedWith("AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform: secretsmanager:GetSecretValue on resource: KMS-password"),
			source.AccessDenied, []string{"KMS-password"},
		},
		"a key that cannot decrypt": {
			refusedWith("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key."),
			source.DecryptionFailed, []string{"/prod/db", "enable the key"},
		},
		"throttling":                         {refusedWith("ThrottlingException", "Rate exceeded"), source.Throttled, []string{"GetSecretValue", "eu-west-1"}},
		"throttling by its older code":       {refusedWith("TooManyRequestsException", ""), source.Throttled, nil},
		"throttling by another code":         {refusedWith("RequestLimitExceeded", ""), source.Throttled, nil},
		"throttling by its HTTP status":      {answered(http.StatusTooManyRequests, nil, &smithy.GenericAPIError{Code: "UnknownError"}), source.Throttled, nil},
		"expired credentials":                {refusedWith("ExpiredTokenException", "expired"), source.CredentialsUnavailable, []string{"expired"}},
		"an unknown access key":              {refusedWith("UnrecognizedClientException", "The security token included in the request is invalid."), source.CredentialsUnavailable, []string{"access key"}},
		"a wrong secret key":                 {refusedWith("InvalidSignatureException", "The request signature we calculated does not match"), source.CredentialsUnavailable, []string{"secret access key"}},
		"a clock that is behind":             {refusedWith("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than"), source.CredentialsUnavailable, []string{"clock"}},
		"a clock that is off":                {refusedWith("RequestExpired", ""), source.CredentialsUnavailable, []string{"clock"}},
		"an incomplete signature":            {refusedWith("IncompleteSignature", ""), source.CredentialsUnavailable, []string{"session token"}},
		"an internal error":                  {answered(http.StatusInternalServerError, nil, &smithy.GenericAPIError{Code: "InternalServiceError"}), source.RegionUnavailable, []string{"InternalServiceError", "secretsmanager.eu-west-1.amazonaws.com"}},
		"an internal error in a page":        {answered(http.StatusBadGateway, nil, &smithy.GenericAPIError{Code: "UnknownError"}), source.RegionUnavailable, []string{"502", "eu-west-1"}},
		"a proxy's refusal":                  {answered(http.StatusForbidden, nil, &smithy.GenericAPIError{Code: "UnknownError"}), source.Failed, []string{"403", "proxy"}},
		"a code that is not known":           {refusedWith("InvalidParameterException", "Invalid ARN or region."), source.Failed, []string{"InvalidParameterException", "Invalid ARN or region."}},
		"an error that is not AWS's at all":  {errors.New("something else"), source.RegionUnavailable, []string{"the connection failed"}},
		"credentials that are not there":     {&CredentialsError{Cause: errors.New("no EC2 IMDS role found")}, source.CredentialsUnavailable, []string{"eks.amazonaws.com/role-arn"}},
		"a credentials provider that denies": {containerRefuses("AccessDeniedException", ""), source.CredentialsUnavailable, []string{"Pod Identity", "AccessDeniedException"}},
		"an agent that answers in plain text": {
			containerRefuses("", "[1-2]: (ResourceNotFoundException): No association (found): none, fault: client"),
			source.CredentialsUnavailable, []string{"Pod Identity", "refuses with ResourceNotFoundException: make the association"},
		},
		"an agent whose token is old": {containerRefuses("ExpiredTokenException", ""), source.CredentialsUnavailable, []string{"let the kubelet renew the token"}},
		"an agent that tells no code": {containerRefuses("", "out of order"), source.CredentialsUnavailable, []string{"gives no credentials", "token is mounted"}},
		"an instance whose role is not for it": {
			&CredentialsError{Cause: &smithy.GenericAPIError{Code: "AssumeRoleUnauthorizedAccess"}, Sources: []aws.CredentialSource{aws.CredentialSourceIMDS}},
			source.CredentialsUnavailable, []string{"metadata service refuses with AssumeRoleUnauthorizedAccess", "ec2.amazonaws.com"},
		},
		"an instance without a role": {
			&CredentialsError{Cause: errors.New("no EC2 IMDS role found"), Sources: []aws.CredentialSource{aws.CredentialSourceIMDS}},
			source.CredentialsUnavailable, []string{"the operator has no AWS credentials"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			refused := explained(t, asked(), test.err)
			if refused.Kind != test.want {
				t.Errorf("kind %s, want %s: %s", refused.Kind, test.want, refused.Explanation)
			}
			for _, mention := range test.mention {
				if !strings.Contains(refused.Explanation, mention) {
					t.Errorf("%q does not mention %q", refused.Explanation, mention)
				}
			}
			if refused.Cause == nil {
				t.Error("there is no cause to log")
			}
		})
	}
}

// containerRefuses is an error of the container credentials endpoint.
func containerRefuses(code, message string) error {
	return &CredentialsError{Cause: &smithy.GenericAPIError{Code: code, Message: message}, Sources: []aws.CredentialSource{aws.CredentialSourceHTTP}}
}

func explained(t *testing.T, c Call, err error) *source.Error {
	t.Helper()
	refused, ok := errors.AsType[*source.Error](c.Explain(t.Context(), fmt.Errorf("wrapped: %w", err)))
	if !ok {
		t.Fatalf("%v is not a *source.Error", err)
	}
	return refused
}

func TestAPinnedVersionThatIsGoneIsNamed(t *testing.T) {
	c := asked()
	c.Ref.VersionStage, c.Ref.VersionID = "", "11111111-2222-3333-4444-555555555555"
	refused := explained(t, c, refusedWith("ResourceNotFoundException",
		"Secrets Manager can't find the specified secret value for VersionId: "+c.Ref.VersionID))
	if refused.Kind != source.VersionNotFound || !strings.Contains(refused.Explanation, "no version "+c.Ref.VersionID) {
		t.Errorf("got %v", refused)
	}
}

func TestAWaitThatAWSAsksForIsPassedOn(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want time.Duration
	}{
		"with throttling":      {answered(http.StatusBadRequest, http.Header{"Retry-After": {"7"}}, &smithy.GenericAPIError{Code: "ThrottlingException"}), 7 * time.Second},
		"with too many calls":  {answered(http.StatusTooManyRequests, http.Header{"Retry-After": {"3"}}, errors.New("x")), 3 * time.Second},
		"with an outage":       {answered(http.StatusServiceUnavailable, http.Header{"Retry-After": {"9"}}, errors.New("x")), 9 * time.Second},
		"not where there's no": {answered(http.StatusServiceUnavailable, nil, errors.New("x")), 0},
		"not as a date":        {answered(http.StatusServiceUnavailable, http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:05 GMT"}}, errors.New("x")), 0},
		"at most ten minutes":  {answered(http.StatusServiceUnavailable, http.Header{"Retry-After": {"999999999"}}, errors.New("x")), 10 * time.Minute},
		"not without measure":  {answered(http.StatusServiceUnavailable, http.Header{"Retry-After": {strings.Repeat("9", 30)}}, errors.New("x")), 0},
		"not when negative":    {answered(http.StatusServiceUnavailable, http.Header{"Retry-After": {"-1"}}, errors.New("x")), 0},
	} {
		if got := explained(t, asked(), test.err).RetryAfter; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestTheCallersOwnEndingIsNobodysRefusal(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	for name, test := range map[string]struct {
		caller context.Context
		want   error
	}{
		"cancelled": {cancelled, context.Canceled},
		"timed out": {late, context.DeadlineExceeded},
	} {
		err := asked().Explain(test.caller, refusedWith("ThrottlingException", "Rate exceeded"))
		if !errors.Is(err, test.want) || source.KindOf(err) != "" {
			t.Errorf("a caller that was %s gets %v", name, err)
		}
	}
}

func TestNoTextHoldsMoreThanItMay(t *testing.T) {
	const marker = "hunter2-marker"
	for name, err := range map[string]error{
		"an answer that cannot be parsed": answered(http.StatusOK, nil, &smithy.DeserializationError{
			Err: errors.New("invalid character in " + marker), Snapshot: []byte(marker),
		}),
		"the canonical request, which holds the session token": refusedWith("InvalidSignatureException",
			"The Canonical String for this request should have been 'x-amz-security-token:"+marker+"'"),
		"the output of a credential process": &CredentialsError{Cause: &processcreds.ProviderError{Err: errors.New("parse failed of process output: " + marker)}},
	} {
		t.Run(name, func(t *testing.T) {
			refused := explained(t, asked(), err)
			for _, text := range []string{refused.Error(), refused.Explanation, refused.Cause.Error(), fmt.Sprintf("%+v %#v %#v", refused, refused, refused.Cause)} {
				if strings.Contains(text, marker) {
					t.Errorf("%q holds the marker", text)
				}
			}
		})
	}
}

func TestALongTextOfAWSIsCut(t *testing.T) {
	refused := explained(t, asked(), refusedWith("ValidationException", strings.Repeat("é", 1000)))
	if len(refused.Explanation) > 600 || !strings.HasSuffix(refused.Explanation, "é…") {
		t.Errorf("%d bytes, ending in %q", len(refused.Explanation), refused.Explanation[len(refused.Explanation)-8:])
	}
	for what, text := range map[string]string{
		strings.Repeat("x", maxMessage): strings.Repeat("x", maxMessage), strings.Repeat("x", maxMessage+1): strings.Repeat("x", maxMessage) + "…",
		"x" + strings.Repeat("é", maxMessage): "x" + strings.Repeat("é", (maxMessage-1)/2) + "…",
	} {
		if got := Shortened(what); got != text {
			t.Errorf("%d bytes become %d, ending in %q", len(what), len(got), got[len(got)-4:])
		}
	}
}

// AWS takes what looks like a full ARN for one. A user who has written a full ARN is not told to write one.
func TestAnIDThatIsNotFoundIsExplained(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"
	for id, want := range map[string]string{
		"/prod/db":                   "a secret of another account needs its full ARN",
		arn + "/prod/db":             "a secret of another account needs its full ARN",
		"/prod/db-abcdef":            "a secret of another account needs its full ARN",
		arn + "/prod/db-abcdef":      "AWS takes the last six characters of an ARN for the random ones",
		arn + "/prod/my-secret-a1B2": "a secret of another account needs its full ARN",
	} {
		c := Call{Operation: describeOperation, Ref: source.Ref{SecretID: id}, Region: "eu-west-1"}
		said := c.notFound("Secrets Manager can't find the specified secret.").Explanation
		if !strings.Contains(said, want) || !strings.Contains(said, id+" in eu-west-1") {
			t.Errorf("of %s it says %q", id, said)
		}
		if full := strings.HasSuffix(id, "-abcdef") && strings.HasPrefix(id, "arn:"); full && strings.Contains(said, "needs its full ARN") {
			t.Errorf("of a full ARN it says %q", said)
		}
	}
}
