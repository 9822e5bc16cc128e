package refusal

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
)

// stsOperation is the call to STS in a chain of errors that failed first, or nil: a call that assumes a
// role may fail because the one before it has.
func stsOperation(err error) (first *smithy.OperationError) {
	for ; err != nil; err = errors.Unwrap(err) {
		operation, ok := err.(*smithy.OperationError) //nolint:errorlint // the chain is walked here, to the one of STS
		if ok && operation.Service() == "STS" {
			first = operation
		}
	}
	return first
}

// stsTrouble explains errors of STS (pages "AssumeRole" and "AssumeRoleWithWebIdentity" of the AWS STS
// API Reference).
func (c Call) stsTrouble(operation *smithy.OperationError) *source.Error {
	var refused smithy.APIError
	if !errors.As(operation, &refused) {
		return c.stsOutage(operation)
	}
	code := refused.ErrorCode()
	if meant, _ := meaningOf(code); meant == denied {
		return c.roleDenied(operation.Operation(), refused.ErrorMessage())
	}
	advice := c.stsAdvice(operation.Operation(), code, refused.ErrorMessage())
	if advice == "" {
		advice = "it is tried again by itself; if it lasts, check the role and how " + c.reader() + " gets its credentials"
	}
	refusal := &source.Refusal{Code: code, Action: "sts:" + operation.Operation(), Resource: c.Role}
	return &source.Error{Kind: source.CredentialsUnavailable, Refusal: refusal, Explanation: fmt.Sprintf(
		"AWS STS refuses %s of %s with %s: %s", operation.Operation(), c.roleName(), code, advice)}
}

// stsOutage is for an STS that does not answer, or something else that answers in its place.
func (c Call) stsOutage(operation *smithy.OperationError) *source.Error {
	failed := c.outageOf(operation)
	status, _ := statusOf(operation)
	switch {
	case status == http.StatusProxyAuthRequired:
		failed = refusedByProxy(c.proxyFor(operation), status, proxyVariable(targetOf(operation)))
	case status >= http.StatusBadRequest:
		failed = c.answeredWith(fmt.Sprintf("HTTP status %d and no AWS error code", status), operation)
	}
	sts := "AWS STS"
	if target := targetOf(operation); target != nil {
		sts += " at " + target.Host
	}
	refusal := &source.Refusal{Action: "sts:" + operation.Operation(), Resource: c.Role}
	return &source.Error{Kind: source.CredentialsUnavailable, Refusal: refusal, Explanation: fmt.Sprintf(
		"%s could not be reached for %s (%s): it is tried again by itself; if it lasts, %s", sts, operation.Operation(), failed.how,
		cmp.Or(failed.advice, "look at the network path and the VPC endpoint of STS"))}
}

// stsAdvice is what to do about a code of STS; empty for codes that nothing is known about.
func (c Call) stsAdvice(operation, code, message string) string {
	_, fault := meaningOf(code)
	switch {
	case fault == tokenInvalid && strings.Contains(message, "audience"):
		return "let the OIDC provider in IAM accept the token's audience, which is sts.amazonaws.com unless " + c.audienceSetting() + " says otherwise"
	case fault == tokenInvalid && strings.Contains(message, "provider found in your account for https://"):
		_, issuer, _ := strings.Cut(message, "https://")
		return "let IAM know the cluster's OIDC provider " + Shortened(issuer) + ", with the audience sts.amazonaws.com"
	case fault == tokenInvalid:
		return c.tokenAdvice(message)
	case fault == expired && operation == "AssumeRoleWithWebIdentity" && !c.By.OperatorsOwn():
		return "the token was made a moment ago: compare the clocks of the API server and of AWS"
	case fault == expired && operation == "AssumeRoleWithWebIdentity":
		return "the token file holds a token that has expired: let the kubelet renew it, from a projected volume of the operator's pod"
	case code == "InvalidParameterValue" && strings.Contains(message, "transitive"):
		return "the operator's own session has tags that may not be replaced, as those of EKS Pod Identity: switch off the session tags of its " +
			"association, or start it with --session-tags=false"
	}
	return fault.advice(message)
}

// tokenAdvice is what to do about a token that STS does not take for one of the issuer that it names.
func (c Call) tokenAdvice(message string) string {
	lower := strings.ToLower(message)
	switch {
	case strings.Contains(lower, "certificate") || strings.Contains(lower, "thumbprint"):
		return "correct the thumbprint of the cluster's OIDC provider in IAM"
	case strings.Contains(lower, "jwt") && c.By.OperatorsOwn():
		return "what stands in the token file (AWS_WEB_IDENTITY_TOKEN_FILE) is not a token of a ServiceAccount: mount a projected volume of the operator's pod there"
	case strings.Contains(lower, "signature") || strings.Contains(lower, "verification key"):
		return "the token is not signed by a key that its issuer publishes: compare the issuer's keys (<issuer>/.well-known/openid-configuration, jwks_uri) with " +
			"those of the API server, and check that the token is of this cluster"
	}
	return "AWS does not take the token for one of its issuer: check that it is a current token of this cluster, that the issuer's keys are published, " +
		"and that IAM knows the cluster's OIDC provider, with the audience sts.amazonaws.com"
}

func (c Call) audienceSetting() string {
	if c.By.OperatorsOwn() {
		return "its projected volume"
	}
	return "the annotation eks.amazonaws.com/audience of " + c.reader()
}

// roleDenied is a trust policy, or a policy of the caller, that does not allow the role.
func (c Call) roleDenied(operation, message string) *source.Error {
	d := parseDenial(message)
	if operation == "AssumeRoleWithWebIdentity" {
		subject := "<namespace>:<name> of the operator"
		if !c.By.OperatorsOwn() {
			subject = c.By.Namespace + ":" + c.By.ServiceAccount
			d.principal = "system:serviceaccount:" + subject
		}
		d.action, d.resource = "sts:"+operation, c.Role
		return &source.Error{Kind: source.AssumeRoleDenied, Refusal: d.refusal(), Explanation: fmt.Sprintf(
			"%s may not be assumed with %s: let the role's trust policy allow sts:AssumeRoleWithWebIdentity to the cluster's "+
				"OIDC provider, with <issuer>:sub = system:serviceaccount:%s and <issuer>:aud = sts.amazonaws.com, or the audience that is asked for",
			c.roleName(), c.account(), subject)}
	}
	who, role := c.reader(), c.roleName()
	if d.principal != "" {
		who = d.principal
	}
	if arns.Is(d.resource) {
		role = "role " + d.resource
	} else {
		d.resource = c.Role
	}
	return &source.Error{Kind: source.AssumeRoleDenied, Refusal: d.refusal(), Explanation: fmt.Sprintf("%s may not assume %s: %s", who, role, c.assumeAdvice(d.action))}
}

// assumeAdvice is the next step for each of the actions that assuming a role takes.
func (c Call) assumeAdvice(action string) string {
	switch action {
	case "sts:TagSession":
		return "let the role's trust policy allow the principal sts:TagSession too, with which the session is told its namespace; " +
			"or start the operator with --session-tags=false"
	case "sts:SetSourceIdentity":
		return "let the role's trust policy allow the principal sts:SetSourceIdentity too, or start the operator with --source-identity=false"
	}
	advice := "allow sts:AssumeRole on it in a policy of the principal, and let the role's trust policy name the principal"
	if c.By.RoleARN != "" {
		advice += "; where that has conditions, compare them with spec.auth.externalID and with the session tag kubernetes-namespace = " + c.By.Namespace
	}
	return advice
}
