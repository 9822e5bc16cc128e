package localaws

import (
	"fmt"
	"strings"
	"time"
)

// Times are dates of a secret that a test sets: a rotation that is overdue, that never was, or that is
// stuck for long. A zero time changes nothing.
type Times struct {
	// SecretId is a name or an ARN; a name is one of the server's own account.
	SecretId string
	// Region of a name. Default: the server's.
	Region string
	// Created, LastChanged, LastRotated and NextRotation are what DescribeSecret tells.
	Created, LastChanged, LastRotated, NextRotation time.Time
	// NeverRotated takes LastRotated away.
	NeverRotated bool
	// Versions are when versions were made, by their ids.
	Versions map[string]time.Time
}

// SetTimes sets dates of a secret, all of them or none.
func (s *Server) SetTimes(t Times) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at := place{account: s.account(), region: s.regionOr(t.Region)}
	if parts := strings.SplitN(t.SecretId, ":", 6); len(parts) == 6 {
		at = place{account: parts[4], region: parts[3]}
	}
	found, err := s.find(at, t.SecretId)
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

func setTime(into *time.Time, to time.Time) {
	if !to.IsZero() {
		*into = to
	}
}
