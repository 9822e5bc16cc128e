package refusal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/secretsync/secretsync/controllers/source"
)

// credentialsTrouble explains why there were no credentials to sign a call with.
func (c Call) credentialsTrouble(trouble *CredentialsError) *source.Error {
	if first, ok := errors.AsType[*CredentialsError](trouble.Cause); ok {
		c.By, c.Role = source.Identity{}, c.OwnRole // The operator's own, on which a role was to be assumed.
		return c.credentialsTrouble(first)
	}
	if explained, ok := errors.AsType[*source.Error](trouble.Cause); ok {
		own := *explained // It is about the ServiceAccount, and Kubernetes' answer; others may be given the same error.
		return &own
	}
	if malformed, ok := errors.AsType[*malformedError](trouble.Cause); ok {
		return malformed.explain()
	}
	if refused, ok := errors.AsType[*roleError](trouble.Cause); ok {
		c.Role = refused.Role
	}
	if operation := stsOperation(trouble.Cause); operation != nil {
		return c.stsTrouble(operation)
	}
	unavailable := func(format string, args ...any) *source.Error {
		return &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf(format, args...)}
	}
	if token, ok := errors.AsType[*TokenError](trouble.Cause); ok {
		return unavailable("the web identity token for %s cannot be read from %s: check that the token is mounted into the operator's pod",
			c.roleName(), token.File)
	}
	if errors.Is(trouble.Cause, context.DeadlineExceeded) {
		return unavailable("no AWS credentials for %s within %s: it is tried again by itself; if it lasts, look at the network path to "+
			"AWS STS, or at the EKS Pod Identity agent", c.roleName(), c.Timeout)
	}
	why := "gives no credentials"
	code := agentCode(trouble.Cause)
	if code != "" {
		why = "refuses with " + code
	}
	if slices.Contains(trouble.Sources, aws.CredentialSourceHTTP) {
		if malformed := malformedAgentToken(); malformed != nil {
			return malformed.explain()
		}
		if proxy := c.proxyFor(trouble.Cause); proxy != "" {
			return unavailable("the container credentials endpoint, which with EKS Pod Identity is the agent on the node, is asked through proxy %s and %s: "+
				"list its address in NO_PROXY (169.254.170.23 and [fd00:ec2::23] for EKS)", proxy, why)
		}
		return unavailable("the container credentials endpoint, which with EKS Pod Identity is the agent on the node, %s: %s", why, agentAdvice(code))
	}
	if code != "" && slices.Contains(trouble.Sources, aws.CredentialSourceIMDS) {
		return unavailable("the instance's metadata service %s: check the instance profile, and the trust policy of its role (principal ec2.amazonaws.com)", why)
	}
	return unavailable("the operator has no AWS credentials: annotate its ServiceAccount with eks.amazonaws.com/role-arn (IRSA), " +
		"associate it with a role (EKS Pod Identity), or give it static keys")
}
