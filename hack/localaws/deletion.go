package localaws

import "time"

const (
	windowLeast, windowMost, windowDefault = 7, 30, 30
	day                                    = 24 * time.Hour
)

type deletionAnswer struct {
	ARN, Name    string
	DeletionDate *epoch `json:",omitempty"`
}

func (s *Server) deleteSecret(call *request) (any, error) {
	var input struct {
		SecretId                   string
		RecoveryWindowInDays       *int64
		ForceDeleteWithoutRecovery bool
	}
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.findAllowed(call, input.SecretId)
	if err != nil {
		return nil, err
	}
	if input.ForceDeleteWithoutRecovery && input.RecoveryWindowInDays != nil {
		return nil, refuse("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	}
	days := int64(windowDefault)
	if input.RecoveryWindowInDays != nil {
		days = *input.RecoveryWindowInDays
	}
	if days < windowLeast || days > windowMost {
		return nil, refuse("InvalidParameterException", "The RecoveryWindowInDays value must be between %d and %d days (inclusive).", windowLeast, windowMost)
	}
	if len(found.replicas) > 0 {
		return nil, refuse("InvalidRequestException", "You can't delete secret %s that still has replica regions.", found.name)
	}
	now := s.now()
	found.deleted, found.forgetAt = now, now.Add(time.Duration(days)*day)
	if input.ForceDeleteWithoutRecovery {
		found.forgetAt = now
		delete(s.secrets[call.at], found.name)
	}
	return deletionAnswer{ARN: found.arn, Name: found.name, DeletionDate: epochOrNil(found.forgetAt)}, nil
}

func (s *Server) restoreSecret(call *request) (any, error) {
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
	found.deleted, found.forgetAt = time.Time{}, time.Time{}
	return deletionAnswer{ARN: found.arn, Name: found.name}, nil
}
