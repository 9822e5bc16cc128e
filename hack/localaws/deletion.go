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

func (s *Server) deleteSecret(_ *request, found *secret, input *deleteInput) (any, error) {
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
	}
	s.did("StartSecretVersionDelete", found, nil, "")
	s.doom(found)
	s.expire()
	return deletionAnswer{ARN: found.arn, Name: found.name, DeletionDate: epochOrNil(found.forgetAt)}, nil
}

func (s *Server) restoreSecret(_ *request, found *secret, _ *bySecret) (any, error) {
	if !found.deleted.IsZero() {
		s.did("CancelSecretVersionDelete", found, nil, "")
	}
	found.deleted, found.forgetAt = time.Time{}, time.Time{}
	return deletionAnswer{ARN: found.arn, Name: found.name}, nil
}

// doom notes when a secret is gone for good.
func (s *Server) doom(found *secret) {
	if s.dying.IsZero() || found.forgetAt.Before(s.dying) {
		s.dying = found.forgetAt
	}
}

// expire forgets the secrets whose window has passed, with an event for each. The mutex must be held.
func (s *Server) expire() {
	now := s.now()
	if s.dying.IsZero() || now.Before(s.dying) {
		return
	}
	s.dying = time.Time{}
	for _, here := range s.secrets {
		for name, one := range here {
			switch {
			case one.forgetAt.IsZero():
			case now.Before(one.forgetAt):
				s.doom(one)
			default:
				delete(here, name)
				s.did("EndSecretVersionDelete", one, nil, "")
			}
		}
	}
}
