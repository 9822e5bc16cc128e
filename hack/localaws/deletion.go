package localaws

import (
	"strings"
	"time"
)

const (
	windowLeast, windowMost, windowDefault = 7, 30, 30
	day                                    = 24 * time.Hour

	// forcedDeletion is how long a forced deletion takes. It runs in the background, and the name is not free before it
	// has ended.
	forcedDeletion = 200 * time.Millisecond
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

// deletion deletes a secret. A forced deletion succeeds even if there is none (operation DeleteSecret, parameter
// ForceDeleteWithoutRecovery).
func deletion() operationFunc {
	known := onSecret((*Server).deleteSecret)
	return func(s *Server, call *request) (any, error) {
		answer, err := known(s, call)
		input := &deleteInput{}
		if refusal, is := asRefusal(err); !is || refusal.code != "ResourceNotFoundException" || call.decode(input) != nil || !input.ForceDeleteWithoutRecovery {
			return answer, err
		}
		arn, name := input.SecretId, input.SecretId
		if split, is := splitARN(name); is {
			name = split.name
		} else {
			arn = secretARN(call.at, name) + "-" + suffix()
		}
		now := s.now()
		return deletionAnswer{ARN: arn, Name: name, DeletionDate: epochOrNil(now)}, nil
	}
}

func (s *Server) deleteSecret(_ *request, found *secret, input *deleteInput) (any, error) {
	if found.primary != "" {
		return nil, onReplica()
	}
	if err := usable(found); err != nil && !input.ForceDeleteWithoutRecovery {
		return nil, err
	}
	if len(found.replicas) > 0 {
		var regions []string
		for _, status := range found.replicas {
			regions = append(regions, status.Region)
		}
		return nil, refuse("InvalidParameterException", "You can't delete secret %s that still has replica regions [%s].", input.SecretId, strings.Join(regions, ", "))
	}
	days := int64(windowDefault)
	if input.RecoveryWindowInDays != nil {
		days = *input.RecoveryWindowInDays
	}
	now := s.now()
	found.deleted, found.forgetAt = now, now.Add(time.Duration(days)*day)
	answer := deletionAnswer{ARN: found.arn, Name: found.name, DeletionDate: epochOrNil(found.forgetAt)}
	if input.ForceDeleteWithoutRecovery {
		answer.DeletionDate = epochOrNil(now)
		found.forced, found.forgetAt = true, now.Add(forcedDeletion)
		time.AfterFunc(forcedDeletion, func() {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.expire()
		})
	}
	s.publishServiceEvent("StartSecretVersionDelete", found, nil, "")
	s.scheduleRemoval(found)
	return answer, nil
}

func (s *Server) restoreSecret(_ *request, found *secret, _ *bySecret) (any, error) {
	switch {
	case found.primary != "":
		return nil, onReplica()
	case found.forced:
		return nil, notFound()
	case !found.deleted.IsZero():
		s.publishServiceEvent("CancelSecretVersionDelete", found, nil, "")
	}
	found.deleted, found.forgetAt = time.Time{}, time.Time{}
	return deletionAnswer{ARN: found.arn, Name: found.name}, nil
}

// scheduleRemoval records when a secret will be gone for good.
func (s *Server) scheduleRemoval(found *secret) {
	if s.dying.IsZero() || found.forgetAt.Before(s.dying) {
		s.dying = found.forgetAt
	}
}

// expire removes the secrets whose recovery window has passed, with an event for each. The mutex must be held.
func (s *Server) expire() {
	now := s.now()
	if s.dying.IsZero() || now.Before(s.dying) {
		return
	}
	s.dying = time.Time{}
	for at, here := range s.secrets {
		for name, found := range here {
			switch {
			case found.forgetAt.IsZero():
			case now.Before(found.forgetAt):
				s.scheduleRemoval(found)
			default:
				delete(here, name)
				s.past.add(secretName{at, name}, nil, found.forgetAt)
				s.publishServiceEvent("EndSecretVersionDelete", found, nil, "")
			}
		}
	}
}
