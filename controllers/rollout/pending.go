package rollout

import (
	"sync"
	"time"
)

const (
	// QuietPeriod is how long a workload waits after a Secret has changed, for its other Secrets to change too. Each
	// change starts it again, up to quietPeriodMost in total.
	QuietPeriod, quietPeriodMost = 3 * time.Second, 30 * time.Second
	// announcedMost is how long it waits for the revision of a change that was announced. A reconcile that is part of a
	// burst gives the revision after 17 seconds at most.
	announcedMost = 20 * time.Second
	// forgetAfter is how long a change is kept without a step for it.
	forgetAfter = 5 * time.Minute
)

// pendingChange is a change whose restarts are not done.
type pendingChange struct {
	Change
	// first is when the first of several changes in a row was recorded, last when the latest was, and seen when the latest
	// step was taken for it.
	first, last, seen time.Time
	// restarted are the UIDs of workloads that this process has restarted for it.
	restarted map[string]bool
}

// due is when this change lets a workload that it concerns be restarted.
func (w *pendingChange) due() time.Time {
	if w.Revision == "" {
		return w.last.Add(announcedMost)
	}
	due := earlier(w.last.Add(QuietPeriod), w.first.Add(quietPeriodMost))
	if w.Policy.Delay != nil {
		due = later(due, w.Changed.Add(w.Policy.Delay.Duration))
	}
	return due
}

// pending has the changes of all namespaces whose restarts are not done, by namespace and SecretSync. By it, a single
// restart serves all Secrets that have changed together. Its methods may be called from any goroutine.
type pending struct {
	mutex   sync.Mutex
	changes map[string]map[string]*pendingChange
}

func newPending() *pending { return &pending{changes: map[string]map[string]*pendingChange{}} }

// put records a change, which may be known already or replace an earlier one, and returns when it is due.
func (p *pending) put(change Change, now time.Time) time.Time {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.changes[change.Namespace] == nil {
		p.changes[change.Namespace] = map[string]*pendingChange{}
	}
	former, known := p.changes[change.Namespace][change.Name]
	next := &pendingChange{Change: change, first: now, last: now, seen: now, restarted: map[string]bool{}}
	switch {
	case known && former.Revision == change.Revision && change.Revision != "":
		next.first, next.last, next.restarted = former.first, former.last, former.restarted
	case known && former.Revision == "" && change.Revision != "": // What was announced.
		next.first, next.last = former.first, former.last
	case known && now.Sub(former.last) < QuietPeriod: // Changes follow one another.
		next.first = former.first
	}
	p.changes[change.Namespace][change.Name] = next
	return next.due()
}

func (p *pending) drop(namespace, name string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.changes[namespace], name)
	if len(p.changes[namespace]) == 0 {
		delete(p.changes, namespace)
	}
}

// of returns the changes that concern a workload, and forgets those for which no step was taken for forgetAfter.
func (p *pending) of(namespace string, w *workload, now time.Time) (all []pendingChange) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for name, known := range p.changes[namespace] {
		if now.Sub(known.seen) > forgetAfter {
			delete(p.changes[namespace], name)
			continue
		}
		if known.concerns(w) {
			all = append(all, *known)
		}
	}
	return all
}

// markRestarted records that this process has restarted a workload for a change.
func (p *pending) markRestarted(change *Change, uid string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if known := p.changes[change.Namespace][change.Name]; known != nil && known.Revision == change.Revision {
		known.restarted[uid] = true
	}
}

func (p *pending) wasRestarted(change *Change, uid string) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	known := p.changes[change.Namespace][change.Name]
	return known != nil && known.Revision == change.Revision && known.restarted[uid]
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
