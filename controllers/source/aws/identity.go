package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
)

// credentialsTrouble explains why there were no credentials to sign a call with.
func (q question) credentialsTrouble(trouble *credentialsError) *source.Error {
	if operation := stsOperation(trouble.cause); operation != nil {
		return q.stsTrouble(operation)
	}
	unavailable := func(format string, args ...any) *source.Error {
		return &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf(format, args...)}
	}
	if token, ok := errors.AsType[*tokenError](trouble.cause); ok {
		return unavailable("the web identity token for %s cannot be read from %s: check that the token is mounted into the operator's pod",
			q.roleName(), token.file)
	}
	if errors.Is(trouble.cause, context.DeadlineExceeded) {
		return unavailable("no AWS credentials for %s within %s: it is tried again by itself; if it lasts, look at the network path to "+
			"AWS STS, or at the EKS Pod Identity agent", q.roleName(), q.timeout)
	}
	if slices.Contains(trouble.sources, aws.CredentialSourceHTTP) {
		why := "gives no credentials"
		var refused smithy.APIError
		if errors.As(trouble.cause, &refused) && refused.ErrorCode() != "" {
			why = "refuses with " + refused.ErrorCode()
		}
		return unavailable("the container credentials endpoint, which with EKS Pod Identity is the agent on the node, %s: check that the agent runs, "+
			"the association of the operator's ServiceAccount, and the trust policy of its role (principal pods.eks.amazonaws.com)", why)
	}
	return unavailable("the operator has no AWS credentials: annotate its ServiceAccount with eks.amazonaws.com/role-arn (IRSA), " +
		"associate it with a role (EKS Pod Identity), or give it static keys")
}

// stsOperation is the call to STS in a chain of errors, or nil.
func stsOperation(err error) *smithy.OperationError {
	for ; err != nil; err = errors.Unwrap(err) {
		operation, ok := err.(*smithy.OperationError) //nolint:errorlint // the chain is walked here, to the one of STS
		if ok && operation.Service() == "STS" {
			return operation
		}
	}
	return nil
}

// stsTrouble explains errors of STS (pages "AssumeRole" and "AssumeRoleWithWebIdentity" of the AWS STS
// API Reference).
func (q question) stsTrouble(operation *smithy.OperationError) *source.Error {
	var refused smithy.APIError
	if !errors.As(operation, &refused) {
		return &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf(
			"AWS STS could not be reached for %s (%s): it is tried again by itself; look at the network path and the VPC endpoint of STS",
			operation.Operation(), howUnreachable(operation, q.timeout))}
	}
	code := refused.ErrorCode()
	if code == "AccessDenied" || code == "AccessDeniedException" {
		return q.roleDenied(operation.Operation(), refused.ErrorMessage())
	}
	advice := credentialsAdvice(code, refused.ErrorMessage())
	if advice == "" {
		advice = "it is tried again by itself; if it lasts, check the role and how the operator gets its credentials"
	}
	return &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf(
		"AWS STS refuses %s of %s with %s: %s", operation.Operation(), q.roleName(), code, advice)}
}

// roleDenied is a trust policy, or a policy of the caller, that does not allow the role.
func (q question) roleDenied(operation, message string) *source.Error {
	d := parseDenial(message)
	if operation == "AssumeRoleWithWebIdentity" {
		return &source.Error{Kind: source.AssumeRoleDenied, Explanation: fmt.Sprintf(
			"%s may not be assumed with the operator's ServiceAccount: let the role's trust policy allow sts:AssumeRoleWithWebIdentity to the cluster's "+
				"OIDC provider, with <issuer>:sub = system:serviceaccount:<namespace>:<name> of the operator and <issuer>:aud = sts.amazonaws.com",
			q.roleName())}
	}
	who, role := "the operator", q.roleName()
	if d.principal != "" {
		who = d.principal
	}
	if strings.HasPrefix(d.resource, "arn:") {
		role = "role " + d.resource
	}
	return &source.Error{Kind: source.AssumeRoleDenied, Explanation: fmt.Sprintf(
		"%s may not assume %s: allow sts:AssumeRole on it in a policy of the principal, and let the role's trust policy name the principal", who, role)}
}

func (q question) roleName() string {
	if q.role == "" {
		return "the operator's role"
	}
	return "role " + q.role
}

// credentialsAdvice is what to do about a code that means bad credentials; empty for other codes. The
// codes are those of page "Common errors" and of STS.
func credentialsAdvice(code, message string) string {
	const clock = "compare the node's clock with the real time: AWS allows five minutes"
	switch code {
	case "ExpiredTokenException", "ExpiredToken":
		return "they have expired and were not renewed; look at the token file or the agent that renews them"
	case "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		return clock
	case "InvalidSignatureException", "SignatureDoesNotMatch":
		if strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current") {
			return clock
		}
		return "check the secret access key"
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "NotAuthorized", "AuthFailure":
		return "check that the access key exists, is active and belongs to this partition of AWS"
	case "IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException":
		return "check that access key, secret key and, for temporary credentials, session token are complete"
	case "OptInRequired":
		return "the account is not subscribed to the service or the region is not enabled for it"
	case "InvalidIdentityToken", "InvalidIdentityTokenException":
		return "let IAM know the cluster's OIDC provider, with the audience sts.amazonaws.com"
	case "IDPCommunicationError", "IDPRejectedClaim":
		return "check that AWS can reach the cluster's OIDC issuer and that the token is current"
	case "RegionDisabledException":
		return "activate AWS STS in that region, or use another region"
	}
	return ""
}
