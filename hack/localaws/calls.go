package localaws

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Call is one call that was answered, refused or cut. It never holds a value.
type Call struct {
	Operation string
	// Principal is the ARN of the caller, or the subject of a web identity; empty if a signature was refused.
	Principal string
	// AccessKeyID that signed the call.
	AccessKeyID string
	// SessionName, SourceIdentity and SessionTags are those of the caller's session, if it has one.
	SessionName, SourceIdentity string
	SessionTags                 map[string]string
	// Role is the ARN of the role that the call wanted to assume.
	Role string
	// Region that the call was signed for.
	Region string
	// Code is the error's code; empty for a success.
	Code string
	// Read are the ARNs of the secrets whose values the answer held.
	Read []string
	// UserAgent as the SDK sent it.
	UserAgent string
	// At is when it was answered.
	At time.Time
}

func (s *Server) record(call *request, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry := Call{
		Operation: call.operation, Principal: call.caller.ARN, AccessKeyID: call.accessKeyID, Role: call.assumed,
		Region: call.at.region, UserAgent: call.userAgent, Read: call.read, At: s.now(),
	}
	if call.as != nil && call.as.session != nil {
		held := call.as.session
		entry.SessionName, entry.SourceIdentity, entry.SessionTags = held.name, held.sourceIdentity, maps.Clone(held.tags)
	}
	var refusal *awsError
	switch {
	case errors.As(err, &refusal):
		entry.Code = refusal.code
	case err != nil:
		entry.Code = "cut"
	}
	s.log = append(s.log, entry)
}

// Calls are the calls since the start, or since ResetCalls, oldest first.
func (s *Server) Calls() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.log)
}

// Count is the number of calls of an operation; an empty name counts all.
func (s *Server) Count(operation string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	count := 0
	for _, call := range s.log {
		if operation == "" || call.Operation == operation {
			count++
		}
	}
	return count
}

// ValuesRead is how many values of secrets whose name begins with a prefix were read, singly or in batches.
func (s *Server) ValuesRead(prefix string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	read := 0
	for _, call := range s.log {
		for _, arn := range call.Read {
			if strings.Contains(arn, ":secret:"+prefix) {
				read++
			}
		}
	}
	return read
}

// ResetCalls forgets the calls.
func (s *Server) ResetCalls() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.log = nil
}
