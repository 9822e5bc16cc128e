package refusal

import (
	"strings"
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
	// keyUnknown is an access key that is no key, keyRefused one that may be that of a session which has ended.
	keyUnknown
	keyRefused
	incomplete
	notSubscribed
	tokenInvalid
	issuerUnreachable
	regionDisabled
)

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
	case keyUnknown, keyRefused:
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
