package refusal

import (
	"errors"
	"regexp"

	"github.com/aws/smithy-go"
)

// codeInText is the code of EKS Auth in the text of the EKS Pod Identity agent.
var codeInText = regexp.MustCompile(`\(([A-Z]\w+)\): `)

// agentCode is the code that a provider of credentials on the node refuses with; empty where it tells none.
// The EKS Pod Identity agent answers in plain text, with the code of EKS Auth in parentheses.
func agentCode(err error) string {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return ""
	}
	if refused.ErrorCode() != "" {
		return refused.ErrorCode()
	}
	if found := codeInText.FindStringSubmatch(refused.ErrorMessage()); found != nil {
		return found[1]
	}
	return ""
}

// agentAdvice is what to do about a code of EKS Auth (page "AssumeRoleForPodIdentity" of the Amazon EKS API
// Reference), or about an agent that tells none.
func agentAdvice(code string) string {
	switch code {
	case "ResourceNotFoundException":
		return "make the association of the operator's ServiceAccount with a role (aws eks create-pod-identity-association)"
	case "ExpiredTokenException", "InvalidTokenException":
		return "let the kubelet renew the token of the operator's pod, from a projected volume with the audience pods.eks.amazonaws.com"
	case "AccessDeniedException":
		return "let the trust policy of the associated role allow the service pods.eks.amazonaws.com sts:AssumeRole and sts:TagSession, " +
			"and the node's role eks-auth:AssumeRoleForPodIdentity"
	}
	return "check that the agent runs, that its token is mounted into the operator's pod, and the association of the operator's ServiceAccount"
}
