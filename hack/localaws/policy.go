package localaws

import "encoding/json"

type policyAnswer struct {
	ARN, Name      string
	ResourcePolicy string `json:",omitempty"`
}

func (s *Server) putResourcePolicy(call *request) (any, error) {
	var input struct{ SecretId, ResourcePolicy string }
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	if !json.Valid([]byte(input.ResourcePolicy)) {
		return nil, refuse("MalformedPolicyDocumentException", "This resource policy contains invalid Json.")
	}
	return s.changePolicy(call, input.SecretId, input.ResourcePolicy)
}

// validateResourcePolicy finds what putResourcePolicy would refuse.
func (s *Server) validateResourcePolicy(call *request) (any, error) {
	var input struct{ SecretId, ResourcePolicy string }
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	type problem struct{ CheckName, ErrorMessage string }
	answer := struct {
		PolicyValidationPassed bool
		ValidationErrors       []problem
	}{PolicyValidationPassed: json.Valid([]byte(input.ResourcePolicy)), ValidationErrors: []problem{}}
	if !answer.PolicyValidationPassed {
		answer.ValidationErrors = append(answer.ValidationErrors, problem{"INVALID_JSON", "This resource policy contains invalid Json."})
	}
	return answer, nil
}

func (s *Server) deleteResourcePolicy(call *request) (any, error) {
	var input struct{ SecretId string }
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	return s.changePolicy(call, input.SecretId, "")
}

func (s *Server) changePolicy(call *request, secretID, policy string) (any, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.open(call, secretID)
	if err != nil {
		return nil, err
	}
	found.policy = policy
	return policyAnswer{ARN: found.arn, Name: found.name}, nil
}

func (s *Server) getResourcePolicy(call *request) (any, error) {
	var input struct{ SecretId string }
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.findAllowed(call, input.SecretId)
	if err != nil {
		return nil, err
	}
	return policyAnswer{ARN: found.arn, Name: found.name, ResourcePolicy: found.policy}, nil
}
