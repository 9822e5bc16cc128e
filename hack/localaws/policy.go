package localaws

import (
	"encoding/json"

	"github.com/secretsync/secretsync/controllers/iam"
)

type policyInput struct {
	bySecret
	ResourcePolicy string
}

type policyAnswer struct {
	ARN, Name      string
	ResourcePolicy string `json:",omitempty"`
}

type policyProblem struct{ CheckName, ErrorMessage string }

// malformed parses a resource policy, or says what is wrong with it.
func malformed(text string) (*policyProblem, *iam.Policy) {
	if !json.Valid([]byte(text)) {
		return &policyProblem{"INVALID_JSON", "This resource policy contains invalid Json."}, nil
	}
	parsed, err := iam.ParseResource(text)
	if err != nil {
		return &policyProblem{"SYNTAX", "This resource policy contains a syntax error: " + err.Error()}, nil
	}
	return nil, parsed
}

func (s *Server) putResourcePolicy(_ *request, found *secret, input *policyInput) (any, error) {
	problem, parsed := malformed(input.ResourcePolicy)
	if problem != nil {
		return nil, refuse("MalformedPolicyDocumentException", "%s", problem.ErrorMessage)
	}
	found.policyText, found.policy = input.ResourcePolicy, parsed
	return policyAnswer{ARN: found.arn, Name: found.name}, nil
}

// validateResourcePolicy reports what putResourcePolicy would refuse.
func (s *Server) validateResourcePolicy(call *request, input *policyInput) (any, error) {
	if err := s.allow(call, "secretsmanager:ValidateResourcePolicy", "*", nil); err != nil {
		return nil, err
	}
	answer := struct {
		PolicyValidationPassed bool
		ValidationErrors       []policyProblem
	}{ValidationErrors: []policyProblem{}}
	problem, _ := malformed(input.ResourcePolicy)
	if answer.PolicyValidationPassed = problem == nil; problem != nil {
		answer.ValidationErrors = append(answer.ValidationErrors, *problem)
	}
	return answer, nil
}

func (s *Server) deleteResourcePolicy(_ *request, found *secret, _ *bySecret) (any, error) {
	found.policyText, found.policy = "", nil
	return policyAnswer{ARN: found.arn, Name: found.name}, nil
}

func (s *Server) getResourcePolicy(_ *request, found *secret, _ *bySecret) (any, error) {
	return policyAnswer{ARN: found.arn, Name: found.name, ResourcePolicy: found.policyText}, nil
}
