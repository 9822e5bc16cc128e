package ownwrites

import (
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

const (
	// fightRepairs within fightWindow are a fight: another writer wants the Secret to be different.
	fightRepairs, fightWindow = 5, time.Minute
	// firstTruce and maxTruce bound how long repairs are put off then.
	firstTruce, maxTruce = time.Minute, 10 * time.Minute
)

// Fight counts the repairs of one Secret, and puts them off where another writer undoes them again and again. The
// goroutine that reconciles the SecretSync uses it; the zero value is no fight.
type Fight struct {
	mutex sync.Mutex
	// repairs are the times of the latest repairs, oldest first.
	repairs []time.Time
	// managers are the field managers whose edits were undone last.
	managers []string
	// truces counts how often in a row repairs were put off, the last time until the end of truce.
	truces int
	truce  time.Time
}

// Repaired notes that an edit of these field managers was undone.
func (f *Fight) Repaired(at time.Time, managers []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.repairs = append(f.repairs, at)
	f.managers = managers
}

// Reset ends a truce: the user who asks for a refresh has stopped the other writer, or will see what this try meets.
func (f *Fight) Reset() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.truce, f.repairs, f.truces = time.Time{}, nil, 0
}

// Over has the next truce be a short one again: the Secret has not drifted.
func (f *Fight) Over() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.truces = 0
}

// PutOff is the failure of a repair that is to wait for the end of a truce; nil where the Secret may be repaired.
func (f *Fight) PutOff(secret string, now time.Time) *failure.Failure {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if now.Before(f.truce) {
		return failure.Fight(secret, f.managers, f.truce.Sub(now))
	}
	f.repairs = slices.DeleteFunc(f.repairs, func(at time.Time) bool { return now.Sub(at) > fightWindow })
	if len(f.repairs) < fightRepairs {
		return nil
	}
	f.repairs = nil
	f.truces++
	f.truce = now.Add(schedule.Backoff(firstTruce, maxTruce, f.truces))
	return failure.Fight(secret, f.managers, f.truce.Sub(now))
}
