package ownwrites

import (
	"sync"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// Seen is a Secret as it was found to be as desired since status was written. Other writers may edit a Secret without
// touching the operator's keys, and give it a new resourceVersion each time. That is remembered here, and gets into
// status with the next status that is written for another reason, or when the process stops: a tool that annotates each
// Secret every few seconds would otherwise have status written as often. A process that is killed leaves the former
// resourceVersion in status; the next one then reads the value once, finds the Secret as desired, and writes nothing.
//
// The zero value has seen nothing; any goroutine may call its methods.
type Seen struct {
	mutex  sync.Mutex
	secret Secret
}

// Secret is one state of a Secret; the zero Secret is none.
type Secret struct{ UID, ResourceVersion string }

// Note notes that the Secret is as desired.
func (s *Seen) Note(result target.Result) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.secret = Secret{UID: result.UID, ResourceVersion: result.ResourceVersion}
}

// Clear forgets it: status has it, or it is of another past.
func (s *Seen) Clear() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.secret = Secret{}
}

// Secret is the state that was seen.
func (s *Seen) Secret() Secret {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.secret
}

// Latest is a Secret as it was last known to be as desired: by status, or by what was seen since.
func (s Secret) Latest(written *v1alpha1.SecretStatus) *v1alpha1.SecretStatus {
	if written == nil || s.ResourceVersion == "" || s.UID != written.UID || Older(s.ResourceVersion, written.ResourceVersion) {
		return written
	}
	latest := *written
	latest.ResourceVersion = s.ResourceVersion
	return &latest
}
