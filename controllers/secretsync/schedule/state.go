package schedule

import (
	"sync"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// RestoredWithin is how soon a SecretSync is checked that went back in time: many do at once.
const RestoredWithin = 10 * time.Second

// State is when one SecretSync is due, and what that follows from. All of it may be lost: it saves calls, and nothing
// depends on it for being right. The zero State is of a SecretSync that was not reconciled yet by this process.
//
// The goroutine that reconciles the SecretSync uses all of it; any other goroutine may call Next and SetNext.
type State struct {
	mutex sync.Mutex
	// next is when to ask AWS: the next poll, or the next try after a failure. It is zero before the first
	// reconcile of this process, and while the SecretSync is suspended.
	next time.Time
	// changed is when a change event came that no reconcile has followed to its end yet; zero for none.
	changed time.Time
	// chase are the requests after an answer of AWS that was out of date.
	chase chase
	// restored is when the SecretSync was found to be older than it had been, as after a restore of etcd; zero once a
	// reconcile has checked version and Secret since then.
	restored time.Time
	// failures counts failed reconciles in a row of one class, the first of them at failingSince: one call that is
	// throttled after a day of refusals is no outage that has lasted for a day.
	failures     int
	class        failure.Class
	failingSince time.Time
	// tried is when the last of them began.
	tried time.Time
}

// RestoredState is the state of a SecretSync that went back in time: AWS and the Secret are checked soon.
func RestoredState(now time.Time) *State {
	return &State{restored: now, next: now.Add(Within(RestoredWithin))}
}

// Next is when to ask AWS; zero where that is not planned. The time keeps the reading of the monotonic clock: where the
// wall clock is set back, waits do not grow.
func (s *State) Next() time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.next
}

// SetNext plans the next request for a moment.
func (s *State) SetNext(at time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.next = at
}

// Start plans the first request of this process, unless one is planned.
func (s *State) Start(first func() time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.next.IsZero() {
		s.next = first()
	}
}

// Advance brings the next request forward to a moment, if it would come later.
func (s *State) Advance(to time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.next = Earlier(s.next, to)
}

// Changed notes that a change event came.
func (s *State) Changed(at time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changed = at
}

// ChangedAfter says whether a change event came after a moment, and no reconcile has followed it to its end.
func (s *State) ChangedAfter(moment time.Time) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.changed.After(moment)
}

// Suspend plans no request: the spec is suspended.
func (s *State) Suspend() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.next, s.changed, s.failures, s.chase = time.Time{}, time.Time{}, 0, chase{}
}

// Rest plans no request, and forgets what is to be followed: the Secret is left alone.
func (s *State) Rest(now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.next, s.changed, s.restored, s.failures, s.chase = now.Add(never), time.Time{}, time.Time{}, 0, chase{}
}

// Stop plans no request: the SecretSync is being deleted.
func (s *State) Stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.next = time.Time{}
}

// Failures is how many reconciles in a row failed in one class, and since when.
func (s *State) Failures() (count int, since time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.failures, s.failingSince
}

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

// Freshness bounds how old answers may be that were found for another SecretSync. A poll, and the repair of a Secret,
// can share one that is not very old. After an event whatever was asked since it came will do, so that of all that
// follow one secret one alone asks; in the same way after an answer that was out of date, and after a failure. An edit
// of the spec and a requested refresh ask how things are now.
func (s *State) Freshness(trigger Trigger, secretSync *v1alpha1.SecretSync, interval time.Duration, now time.Time) resolve.Freshness {
	if trigger == Spec || secretSync.RefreshRequested() {
		return resolve.Freshness{}
	}
	fresh := resolve.Freshness{Max: resolve.MaxSharedAge}
	if trigger == Poll || trigger == Drift {
		fresh.Max = time.Duration(sharedPart * float64(interval))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failures > 0 {
		fresh.Since = s.tried
	}
	events := [...]time.Time{s.changed, s.restored, {}}
	if s.chase.due(now) {
		events[2] = s.chase.next
	}
	for _, since := range events {
		if !since.IsZero() {
			fresh.Max = min(fresh.Max, resolve.MaxSharedAge)
			fresh.Since = later(fresh.Since, since)
		}
	}
	return fresh
}

// Earlier is the earlier of two moments.
func Earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
