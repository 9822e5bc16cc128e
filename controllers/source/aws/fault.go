package aws

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"
)

// credentialsFault is what AWS finds wrong with the credentials of a call. It decides what is done about the refusal;
// advice is only what is said.
type credentialsFault int

const (
	// noFault is for codes that are not about credentials.
	noFault credentialsFault = iota
	expired
	clockOff
	signatureWrong
	keyUnknown
	incomplete
	notSubscribed
	tokenInvalid
	issuerUnreachable
	regionDisabled
)

// faultOf is the fault that a code means. The codes are those of page "Common errors" and of STS.
func faultOf(code string) credentialsFault {
	switch code {
	case "ExpiredTokenException", "ExpiredToken":
		return expired
	case "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		return clockOff
	case "InvalidSignatureException", "SignatureDoesNotMatch":
		return signatureWrong
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "NotAuthorized", "AuthFailure":
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

// faultIn is the fault that an error of the SDK means.
func faultIn(err error) credentialsFault {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return noFault
	}
	return faultOf(refused.ErrorCode())
}

// advice is what to do about the fault, with AWS's own text of the refusal; empty for noFault.
func (f credentialsFault) advice(message string) string {
	const clock = "compare the node's clock with the real time: AWS allows five minutes"
	switch f {
	case expired:
		return "they have expired and were not renewed; look at the token file or the agent that renews them"
	case clockOff:
		return clock
	case signatureWrong:
		if strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current") {
			return clock
		}
		return "check the secret access key"
	case keyUnknown:
		return "check that the access key exists, is active and belongs to this partition of AWS"
	case incomplete:
		return "check that access key, secret key and, for temporary credentials, session token are complete"
	case notSubscribed:
		return "the account is not subscribed to the service or the region is not enabled for it"
	case tokenInvalid:
		return "let IAM know the cluster's OIDC provider, with the audience sts.amazonaws.com"
	case issuerUnreachable:
		return "check that AWS can reach the cluster's OIDC issuer and that the token is current"
	case regionDisabled:
		return "activate AWS STS in that region, or use another region"
	}
	return ""
}
