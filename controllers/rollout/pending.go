package rollout

import (
	"sync"
	"time"
)

const (
	// QuietPeriod is how long a workload waits for changes of its other Secrets after one has changed, and quietPeriodMost
	// how long altogether while they go on changing.
	QuietPeriod, quietPeriodMost = 3 * time.Second, 30 * time.Second
	// announcedMost is how long it waits for the revision of a change that was announced. A pass that was part of
	// a burst tells it after 17 seconds at most.
	announcedMost = 20 * time.Second
	// lasts is how long a change is remembered that nobody takes a step for.
	lasts = 5 * time.Minute
)

// waiting is a change whose restarts are not done.
type waiting struct {
	Change
	// first is when the first of the changes in a row was heard of, last when the latest was, and seen when a step
	// was taken for it.
	first, last, seen time.Time
	// restarted are the UIDs of workloads that this process has restarted for it.
	restarted map[string]bool
}

// due is when a workload that a change concerns may be restarted, as far as that change is concerned.
func (w *waiting) due() time.Time {
	if w.Revision == "" {
		return w.last.Add(announcedMost)
	}
	due := earlier(w.last.Add(QuietPeriod), w.first.Add(quietPeriodMost))
	if w.Policy.Delay != nil {
		due = later(due, w.Changed.Add(w.Policy.Delay.Duration))
	}
	return due
}

// pending are the changes of all namespaces whose restarts are not done, by namespace and SecretSync. It is
// how one restart serves for all that have changed together.
type pending struct {
	mutex sync.Mutex
	by    map[string]map[string]*waiting
}

func newPending() *pending { return &pending{by: map[string]map[string]*waiting{}} }

// put takes note of a change, which may be known, or take the place of a former one, and says when it is due.
func (p *pending) put(change Change, now time.Time) time.Time {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.by[change.Namespace] == nil {
		p.by[change.Namespace] = map[string]*waiting{}
	}
	former, known := p.by[change.Namespace][change.Name]
	next := &waiting{Change: change, first: now, last: now, seen: now, restarted: map[string]bool{}}
	switch {
	case known && former.Revision == change.Revision && change.Revision != "":
		next.first, next.last, next.restarted = former.first, former.last, former.restarted
	case known && former.Revision == "" && change.Revision != "": // What was announced.
		next.first, next.last = former.first, former.last
	case known && now.Sub(former.last) < QuietPeriod: // Changes follow one another.
		next.first = former.first
	}
	p.by[change.Namespace][change.Name] = next
	return next.due()
}

func (p *pending) drop(namespace, name string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.by[namespace], name)
	if len(p.by[namespace]) == 0 {
		delete(p.by, namespace)
	}
}

// of are the changes that concern a workload. Those that nobody asks about any more are forgotten.
func (p *pending) of(namespace string, w *workload, now time.Time) (all []waiting) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for name, one := range p.by[namespace] {
		if now.Sub(one.seen) > lasts {
			delete(p.by[namespace], name)
			continue
		}
		if one.concerns(w) {
			all = append(all, *one)
		}
	}
	return all
}

// markRestarted remembers that this process has restarted a workload for a change.
func (p *pending) markRestarted(change *Change, uid string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if one := p.by[change.Namespace][change.Name]; one != nil && one.Revision == change.Revision {
		one.restarted[uid] = true
	}
}

func (p *pending) wasRestarted(change *Change, uid string) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	one := p.by[change.Namespace][change.Name]
	return one != nil && one.Revision == change.Revision && one.restarted[uid]
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
