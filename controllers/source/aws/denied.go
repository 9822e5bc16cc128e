package aws

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
)

// denialText is the form of IAM's refusals (page "Troubleshoot access denied error messages" of the
// IAM User Guide).
var denialText = regexp.MustCompile(`User: (\S+) is not authorized to perform: (\S+) on resource: (\S+)`)

// denied explains a refusal by a policy: who, what, on what, by which kind of policy, and what to do.
func denied(message string, q question) *source.Error {
	principal, action, resource := "the operator", "secretsmanager:"+q.operation, q.ref.SecretID
	if found := denialText.FindStringSubmatch(message); found != nil {
		principal, action, resource = found[1], found[2], found[3]
	}
	return &source.Error{Kind: source.AccessDenied, Explanation: fmt.Sprintf(
		"%s may not %s on %s: %s", principal, action, resource, remedy(message, action, resource))}
}

// remedy depends on which kind of policy refused, which the text's tail tells.
func remedy(message, action, resource string) string {
	switch {
	case strings.Contains(message, "explicit deny in a resource-based policy"):
		return "the secret's resource policy denies it explicitly; take the Deny out of that policy"
	case strings.Contains(message, "resource-based policy"):
		return "the secret's resource policy does not allow it; add an Allow for this principal there"
	case strings.Contains(message, "service control policy"):
		return "a service control policy of the AWS organization denies it; ask its administrators"
	case strings.Contains(message, "permissions boundary"):
		return "the principal's permissions boundary does not allow it; extend the boundary"
	case strings.Contains(message, "VPC endpoint policy"):
		return "the policy of the VPC endpoint does not allow it; extend that policy"
	case strings.Contains(message, "explicit deny in an identity-based policy"):
		return "a policy of the principal denies it explicitly; take the Deny out"
	}
	return fmt.Sprintf("add a statement to a policy of the principal that allows %s on %s", action, arnPattern(resource))
}

// arnPattern is how a policy should name a secret: six question marks for the random characters, as
// an asterisk would match longer names too (page "Permissions policy examples for AWS Secrets Manager").
func arnPattern(resource string) string {
	if !strings.HasPrefix(resource, "arn:") {
		return fmt.Sprintf("arn:aws:secretsmanager:*:*:secret:%s-??????", resource)
	}
	if cut := len(resource) - 7; cut > 0 && resource[cut] == '-' {
		return resource[:cut] + "-??????"
	}
	return resource + "-??????"
}

// kmsDenied explains a refusal by KMS; key is its ARN or alias, or empty where it is not known.
func kmsDenied(q question, key string) *source.Error {
	if key == "" {
		key = "of the secret"
	}
	return &source.Error{Kind: source.KMSAccessDenied, Explanation: fmt.Sprintf(
		"secret %s may be read, but not decrypted: the principal lacks kms:Decrypt on the KMS key %s; allow it in the key's policy "+
			"and in a policy of the principal, with the condition kms:ViaService = secretsmanager.%s.amazonaws.com", q.ref.SecretID, key, q.region)}
}

// credentialsTrouble explains errors from before the call: no credentials were to be had. The SDK has
// no type for them, but marks them as failures of the identity.
func credentialsTrouble(err error) error {
	for current := err; current != nil; current = errors.Unwrap(current) {
		if operation, ok := current.(*smithy.OperationError); ok && operation.Service() == "STS" {
			return stsTrouble(operation)
		}
	}
	text := err.Error()
	if !strings.Contains(text, "get identity") && !strings.Contains(text, "get credentials") {
		return nil
	}
	return &source.Error{Kind: source.CredentialsUnavailable, Cause: err, Explanation: "the operator has no AWS credentials: " +
		"annotate its ServiceAccount with eks.amazonaws.com/role-arn (IRSA), associate it with a role (EKS Pod Identity), or give it static keys"}
}

func stsTrouble(operation *smithy.OperationError) error {
	var api smithy.APIError
	if !errors.As(operation, &api) {
		return &source.Error{Kind: source.CredentialsUnavailable, Cause: operation, Explanation: fmt.Sprintf(
			"STS did not answer %s: look at the network path to it", operation.Operation())}
	}
	if code := api.ErrorCode(); code == "AccessDenied" || code == "AccessDeniedException" {
		return &source.Error{Kind: source.AssumeRoleDenied, Cause: operation, Explanation: fmt.Sprintf(
			"STS refuses %s (%s): let the role's trust policy name this cluster's OIDC provider and the ServiceAccount", operation.Operation(), api.ErrorMessage())}
	}
	return &source.Error{Kind: source.CredentialsUnavailable, Cause: operation, Explanation: fmt.Sprintf(
		"STS refuses %s with %s: %s", operation.Operation(), api.ErrorCode(), credentialsAdvice(api.ErrorCode()))}
}

func credentialsAdvice(code string) string {
	switch code {
	case "ExpiredTokenException", "ExpiredToken":
		return "they have expired and were not renewed; look at the token file or the agent that renews them"
	case "RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch":
		return "the secret key is wrong, or the node's clock is off by more than five minutes"
	case "InvalidIdentityToken":
		return "the cluster's OIDC provider is unknown to AWS, or the token's audience is not sts.amazonaws.com"
	}
	return "check the access key, or the role that the ServiceAccount is annotated with"
}
