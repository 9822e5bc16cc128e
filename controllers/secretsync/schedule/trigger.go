package schedule

import (
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Trigger says why a reconcile asks AWS.
type Trigger string

// Triggers of a reconcile.
const (
	None    Trigger = ""
	Spec    Trigger = "spec"    // the spec is new or was edited
	Refresh Trigger = "refresh" // the refresh annotation was changed
	Drift   Trigger = "drift"   // the Secret was edited or deleted
	Event   Trigger = "event"   // a change event of AWS concerns the SecretSync, or AWS has not caught up with one
	Restore Trigger = "restore" // the SecretSync went back in time, as by a restore of etcd
	Poll    Trigger = "poll"    // the poll, or the next try, is due
)

// Trigger is the first reason to ask AWS that holds.
func (s *State) Trigger(secretSync *v1alpha1.SecretSync, drifted bool, now time.Time) Trigger {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	due := !now.Before(s.next)
	switch {
	case secretSync.Generation != secretSync.Status.ObservedGeneration:
		return Spec
	case drifted:
		return Drift // Even where a refresh is requested: the version alone would not tell.
	case secretSync.RefreshRequested():
		return Refresh
	case s.eventDue(now):
		return Event
	case due && !s.restored.IsZero():
		return Restore
	case due:
		return Poll
	}
	return None
}

// eventDue says whether AWS is to be asked because of a change event. After a failure that waits for the next try,
// unless the event came after that reconcile began: what AWS said in it may be from before the event.
func (s *State) eventDue(now time.Time) bool {
	waiting := s.failures > 0 && now.Before(s.next)
	return !s.changed.IsZero() && (!waiting || !s.changed.Before(s.tried)) || s.chase.due(now) && !waiting
}
