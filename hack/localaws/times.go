package localaws

import (
	"fmt"
	"strings"
	"time"
)

// Times are dates of a secret that a test sets, for example for a rotation that is overdue, never happened, or is
// stuck. A zero time changes nothing.
type Times struct {
	// SecretId is an ARN, or a name in the server's account.
	SecretId string
	// Region of a name. Default: the server's.
	Region string
	// Created, LastChanged, LastRotated and NextRotation are dates in DescribeSecret.
	Created, LastChanged, LastRotated, NextRotation time.Time
	// NeverRotated removes LastRotated.
	NeverRotated bool
	// Versions are the creation times of versions, by their IDs.
	Versions map[string]time.Time
}

// SetTimes sets dates of a secret: all of them, or none after an error.
func (s *Server) SetTimes(t Times) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.findID(t.SecretId, t.Region)
	if err != nil {
		return fmt.Errorf("setting times of %s: %w", t.SecretId, err)
	}
	for id := range t.Versions {
		if found.versions[id] == nil {
			return fmt.Errorf("setting times of %s: no version %s", t.SecretId, id)
		}
	}
	for id, made := range t.Versions {
		found.versions[id].created = made
	}
	if t.NeverRotated {
		found.lastRotated = time.Time{}
	}
	setTime(&found.created, t.Created)
	setTime(&found.changed, t.LastChanged)
	setTime(&found.lastRotated, t.LastRotated)
	setTime(&found.rotation.next, t.NextRotation)
	s.noted(found.place(), found.name)
	return nil
}

// findID finds a secret by its ARN, or by its name in the server's account and a region, empty for the server's.
func (s *Server) findID(id, region string) (*secret, error) {
	at := place{account: s.account(), region: s.regionOr(region)}
	if parts := strings.SplitN(id, ":", 6); len(parts) == 6 {
		at = place{account: parts[4], region: parts[3]}
	}
	return s.find(at, id)
}

func setTime(into *time.Time, to time.Time) {
	if !to.IsZero() {
		*into = to
	}
}
