package schedule

import (
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

const (
	// firstRetry and maxRetry bound the backoff after transient failures.
	firstRetry, maxRetry = time.Second, 5 * time.Minute
	// firstRecheck and maxRecheck bound the wait after terminal failures: edits in AWS are not watched, so that they
	// are checked for, slowly.
	firstRecheck, maxRecheck = 10 * time.Second, 10 * time.Minute
)

// Result is how a reconcile ended, as far as the next one depends on it.
type Result struct {
	// Began is when the reconcile began.
	Began time.Time
	// Answered says that AWS has named all versions.
	Answered bool
	// Outdated says that an answer of AWS was older than what is known.
	Outdated bool
	// Failure is why the reconcile failed; nil where it did not.
	Failure *failure.Failure
	// Interval of polls that the SecretSync asks for; zero where it follows change events alone.
	Interval time.Duration
	// NextPoll is when to poll, where nothing is wrong.
	NextPoll time.Time
}

// Plan says when to ask AWS next, after a reconcile.
func (s *State) Plan(result Result, now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	terminal := result.Failure.IsTerminal()
	if result.Outdated || result.Answered || terminal {
		s.chase = s.chase.after(result.Outdated, s.changed, now)
	}
	if result.Answered && result.Failure == nil || terminal {
		s.changed = time.Time{} // AWS has answered; what else there is to do comes by itself.
	}
	switch {
	case result.Failure != nil:
		s.retry(result, now)
	case result.Answered:
		s.failures, s.restored = 0, time.Time{}
		s.next = Earlier(result.NextPoll, s.chase.at(now))
	}
}

// retry says when to try again after a failure.
func (s *State) retry(result Result, now time.Time) {
	failed := result.Failure
	if s.failures == 0 || s.class != failed.Class {
		s.failures, s.class, s.failingSince = 0, failed.Class, now
	}
	// A try before its time, after a change event or an edit of the Secret, does not make the next one later: many
	// events within a second would add up to the longest wait.
	due, early := s.next, s.failures > 0 && now.Before(s.next)
	if !early {
		s.failures++
	}
	next := now.Add(afterFailure(failed, s.failures, result.Interval))
	if early && failed.RetryAfter == 0 {
		next = Earlier(next, due)
	}
	s.tried = result.Began
	s.next = Earlier(next, s.chase.at(now))
}

// afterFailure is how long to wait before the next try.
func afterFailure(failed *failure.Failure, failures int, interval time.Duration) time.Duration {
	if failed.RetryAfter > 0 {
		return wait.Jitter(failed.RetryAfter, 0.5)
	}
	if failed.Class == failure.Transient {
		return Backoff(firstRetry, maxRetry, failures)
	}
	recheck := Backoff(firstRecheck, maxRecheck, failures)
	if interval == 0 {
		return recheck
	}
	return min(recheck, interval) // A SecretSync with a shorter interval has asked for that many calls.
}

// Backoff is how long to wait after the given number of failures in a row: doubled each time up to a limit, of which
// the upper half is random.
func Backoff(first, most time.Duration, failures int) time.Duration {
	full := min(first<<min(failures-1, 20), most)
	return wait.Jitter(full/2, 1)
}

// PutOff is how long to wait where AWS could not be asked because too many calls wait already.
func PutOff(retryAfter time.Duration) time.Duration {
	return retryAfter + Within(max(retryAfter, time.Second))
}

// minFresh is how long, at least, a value stays fresh after AWS stopped answering; longer poll intervals stretch it to
// freshPolls of them.
const minFresh, freshPolls = 15 * time.Minute, 3

// Fresh says whether the last value still counts as fresh, although reconciles fail.
func (s *State) Fresh(interval time.Duration, now time.Time) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return now.Sub(s.failingSince) < max(minFresh, freshPolls*interval)
}
