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

type deleteInput struct {
	bySecret
	RecoveryWindowInDays       *int64
	ForceDeleteWithoutRecovery bool
}

func (s *Server) deleteSecret(call *request, found *secret, input *deleteInput) (any, error) {
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

func (s *Server) restoreSecret(_ *request, found *secret, _ *bySecret) (any, error) {
	found.deleted, found.forgetAt = time.Time{}, time.Time{}
	return deletionAnswer{ARN: found.arn, Name: found.name}, nil
}
