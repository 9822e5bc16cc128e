package localaws

import (
	"cmp"
	"fmt"
)

// rotationMetadata is an item of ExternalSecretRotationMetadata.
type rotationMetadata struct{ Key, Value string }

// managedBy names what rotates a secret without a function: the AWS service that owns it (page "Secrets managed by other
// AWS services"), or the partner of a managed external secret (page "Using AWS Secrets Manager managed external secrets").
// It is empty for any other secret.
func (s *secret) managedBy() string { return cmp.Or(s.owningService, s.partner) }

// SetOwningService makes a secret, named by its ARN or by its name in the server's account and region, one that an AWS
// service has created and rotates, for example rds.
func (s *Server) SetOwningService(id, service string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.findID(id, "")
	if err != nil {
		return fmt.Errorf("setting the owning service of %s: %w", id, err)
	}
	found.owningService = service
	s.noted(found.place(), found.name)
	return nil
}

// rotator is what does the steps of a rotation: the function, or for a managed secret a function that was registered under
// the name of its service or partner, else RotatePassword.
func (s *Server) rotator(of *secret, wanted rotation) (RotationFunction, error) {
	by := of.managedBy()
	if by == "" || wanted.function != "" {
		return s.function(wanted.function)
	}
	if of.partner != "" && wanted.role == "" {
		return nil, refuse("InvalidRequestException", "You must provide an ExternalSecretRotationRoleArn to rotate a managed external secret.")
	}
	if registered, known := s.functions[by]; known {
		return registered, nil
	}
	return s.RotatePassword(), nil
}
