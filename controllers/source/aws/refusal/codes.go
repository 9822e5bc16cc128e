package refusal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/partitions"
)

// meaning is what a code of AWS says.
type meaning int

const (
	// unknown is for codes without a kind of their own.
	unknown meaning = iota
	throttles
	notFound
	denied
	undecryptable
	// invalidRequest is for a request that does not fit to the secret's state, which only the text tells.
	invalidRequest
	serverFails
	// badCredentials has a fault.
	badCredentials
)

// meaningOf is the table of codes: those of Secrets Manager, of STS and those that all services share (pages "Common errors"
// and "GetSecretValue" of the AWS Secrets Manager API Reference). A new code is added here. Only what a code of STS or of EKS
// Auth means for a role is in sts.go and agent.go.
func meaningOf(code string) (meaning, credentialsFault) {
	if _, is := retry.DefaultThrottleErrorCodes[code]; is {
		return throttles, noFault
	}
	switch code {
	case "ResourceNotFoundException":
		return notFound, noFault
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation":
		return denied, noFault
	case "DecryptionFailure":
		return undecryptable, noFault
	case "InvalidRequestException":
		return invalidRequest, noFault
	case "InternalServiceError", "InternalServiceErrorException", "InternalFailure", "InternalServerError",
		"ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return serverFails, noFault
	}
	if fault := faultOf(code); fault != noFault {
		return badCredentials, fault
	}
	return unknown, noFault
}

// faultOf is the part of the table that is about credentials.
func faultOf(code string) credentialsFault {
	switch code {
	case "ExpiredTokenException", "ExpiredToken":
		return expired
	case "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		return clockOff
	case "InvalidSignatureException", "SignatureDoesNotMatch":
		return signatureWrong
	case "UnrecognizedClientException", "InvalidClientTokenId":
		return keyRefused
	case "InvalidAccessKeyId", "NotAuthorized", "AuthFailure":
		return keyUnknown
	case "IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException":
		return incomplete
	case "OptInRequired":
		return notSubscribed
	case "InvalidIdentityToken", "InvalidIdentityTokenException":
		return tokenInvalid
	case "IDPCommunicationError", "IDPRejectedClaim":
		return issuerUnreachable
	case "RegionDisabledException":
		return regionDisabled
	}
	return noFault
}

// meaningIn is what the code in an error of the SDK says; unknown where there is none.
func meaningIn(err error) meaning {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return unknown
	}
	meant, _ := meaningOf(refused.ErrorCode())
	return meant
}

// Throttled says whether AWS refuses a call because there are too many.
func Throttled(err error) bool { return meaningIn(err) == throttles }

// OfCredentials says whether AWS refuses how a call is signed, or with what credentials.
func OfCredentials(err error) bool { return meaningIn(err) == badCredentials }

// Session is what a refusal says of the session of a role whose credentials the call was signed with.
type Session int

// What a refusal says of a session.
const (
	// SessionStands is for refusals that new credentials would meet as well.
	SessionStands Session = iota
	// SessionEnded is for credentials that have expired in AWS's eyes, or whose role was deleted.
	SessionEnded
	// SessionRevoked is for what looks like a Deny, and does not concern sessions that begin later (page "Revoke IAM role temporary
	// security credentials"). It may be a Deny.
	SessionRevoked
)

// SessionAfter is what an error of the SDK says of the session.
func SessionAfter(err error) Session {
	var refused smithy.APIError
	if _, none := errors.AsType[*CredentialsError](err); none || !errors.As(err, &refused) {
		return SessionStands
	}
	switch meant, fault := meaningOf(refused.ErrorCode()); {
	case fault == expired, fault == keyRefused:
		return SessionEnded
	case meant == denied:
		if d := parseDenial(refused.ErrorMessage()); d.explicit && d.policy == identityBased {
			return SessionRevoked
		}
	}
	return SessionStands
}

// byCode explains a refusal by its code. Nil is a code without a kind.
func (c Call) byCode(code, message string) *source.Error {
	meant, fault := meaningOf(code)
	switch meant {
	case throttles:
		return c.throttled()
	case notFound:
		return c.notFound(message)
	case denied:
		return c.denied(message)
	case undecryptable:
		return &source.Error{Kind: source.DecryptionFailed, Explanation: fmt.Sprintf(
			"the KMS key of secret %s cannot decrypt it: enable the key, or cancel its deletion, or store the value again under another key",
			c.Ref.SecretID)}
	case invalidRequest:
		if strings.Contains(message, "marked for deletion") || strings.Contains(message, "scheduled for deletion") {
			return &source.Error{Kind: source.SecretPendingDeletion, Explanation: fmt.Sprintf(
				"secret %s was marked for deletion: restore it with RestoreSecret (aws secretsmanager restore-secret), or follow another secret",
				c.Ref.SecretID)}
		}
	case serverFails:
		return c.unavailable(outage{how: "it answered with " + code})
	case badCredentials:
		advice := strings.Replace(fault.advice(message), "this partition of AWS", "partition "+partitions.Of(c.Region)+" of AWS, as "+c.Region+" does", 1)
		return &source.Error{Kind: source.CredentialsUnavailable, Refusal: &source.Refusal{Code: code}, Explanation: fmt.Sprintf(
			"AWS does not accept the credentials of %s (%s): %s", c.reader(), code, advice)}
	}
	return nil
}
