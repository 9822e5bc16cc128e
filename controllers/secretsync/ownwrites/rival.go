package ownwrites

import (
	"sync"
	"time"
)

const (
	// undoneMost is how often this process may find its last status replaced, and write the same again, before that is a
	// conflict. Once is what a release does that replaces another one.
	undoneMost = 2
	// quietIntervals is after how many poll intervals without a status of the other operator a conflict is over, and
	// quietLeast the least time. An operator that polls less often is waited for longer: twice the time between its last
	// two.
	quietIntervals, quietLeast = 3, time.Minute
)

// Rival is another operator that writes the status of the same SecretSync. The goroutine that reconciles the SecretSync
// uses it; the zero value knows of none.
type Rival struct {
	mutex sync.Mutex
	// said is what this process said in the last status that it wrote.
	said string
	// name is the other operator, met when its status was found last, and gap the time between that and the one before.
	name string
	met  time.Time
	gap  time.Duration
	// undone counts how often this process has written the same again over the other operator's status.
	undone int
	// reported says that this process has written a status with the conflict.
	reported bool
	// interval is the poll interval of the SecretSync.
	interval time.Duration
}

// Wrote notes what a status says that this process has written.
func (r *Rival) Wrote(said string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.said = said
}

// WroteConflict notes that this process has written a status with the conflict, which would say this without it.
func (r *Rival) WroteConflict(said string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.said, r.reported = said, true
}

// Reported says whether this process has written a status with the conflict.
func (r *Rival) Reported() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.reported
}

// Met notes a status of another operator that says found, where this process is about to write one that says this.
func (r *Rival) Met(name, found, says string, interval time.Duration, now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	conflict := r.undone >= undoneMost
	if !conflict && (says != r.said || found == says) {
		return // The source has changed, or the other operator agrees.
	}
	if name != r.name {
		r.name, r.undone, r.gap, r.met = name, 0, 0, time.Time{}
	}
	if !r.met.IsZero() {
		r.gap = now.Sub(r.met)
	}
	r.met, r.interval = now, interval
	r.undone++
}

// Known is the other operator while there is a conflict with it, and otherwise empty. It ends a conflict of which nothing
// was seen for long.
func (r *Rival) Known(now time.Time) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.undone < undoneMost {
		return ""
	}
	if now.Sub(r.met) > max(quietLeast, quietIntervals*r.interval, 2*r.gap) {
		r.forget()
		return ""
	}
	return r.name
}

// Hold is how long the Secret must not be repaired, so that each operator writes once in a poll interval at most.
func (r *Rival) Hold(now time.Time) time.Duration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.undone < undoneMost {
		return 0
	}
	return r.met.Add(r.interval).Sub(now)
}

// Reset ends a conflict: the user who requests a refresh has ended it, or will see it again.
func (r *Rival) Reset() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.forget()
}

func (r *Rival) forget() {
	r.name, r.met, r.gap, r.undone, r.interval, r.reported = "", time.Time{}, 0, 0, 0, false
}
