package secretsync

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// stretchTimes is how much more seldom is polled while change events are known to come, unless that
	// would be more seldom than every stretchMost.
	stretchTimes, stretchMost = 4, 30 * time.Minute
	// sharedNews bounds how old an answer may be that is shared after a change event, in addition to being
	// newer than the event: answers that may lag are for those who can wait for longer.
	sharedNews = 10 * time.Second
	// listLag is how long ListSecrets may lag behind a change (page "ListSecrets").
	listLag = 5 * time.Minute
	// failuresMost is how many secrets' failures are remembered for a SecretSync, the latest of them: events tell of
	// as many as their senders like.
	failuresMost = 2 * source.MaxFound
	// never is when a SecretSync is polled that follows change events alone.
	never = 10 * 365 * 24 * time.Hour
)

// news is what a change event has told of a SecretSync.
type news struct {
	// at is when the latest of them came.
	at time.Time
	// failed are when AWS said last that it could not rotate a secret, by its ARN.
	failed map[string]time.Time
}

// RotationFailure is what a change event tells of a rotation that failed.
type RotationFailure struct {
	// ARN is the full ARN of the secret; empty where the event tells of no failure.
	ARN string
	// At is when it failed.
	At time.Time
}

// turns is the queue of the controller, which controller-runtime makes.
type turns struct {
	// runs is closed once there is a queue.
	runs  chan struct{}
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Start takes the queue; it is a source that adds nothing by itself.
func (t *turns) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	t.queue = queue
	close(t.runs)
	return nil
}

// add puts SecretSyncs into the queue, once there is one.
func (t *turns) add(requests []reconcile.Request) {
	select {
	case <-t.runs:
	default:
		return
	}
	for _, request := range requests {
		t.queue.Add(request)
	}
}

// Notify has SecretSyncs looked at now, as a change event concerns them: AWS is asked anew, once for all of
// them that follow one secret. It returns nil once they are in the queue.
func (c *Controller) Notify(ctx context.Context, names []types.NamespacedName, failure RotationFailure) error {
	select {
	case <-c.turns.runs:
	case <-ctx.Done():
		return ctx.Err()
	}
	requests := make([]reconcile.Request, 0, len(names))
	for _, name := range names {
		c.memories.tell(name, c.Clock.Now(), failure)
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	priority := priorityEvent
	if prioritized, ok := c.turns.queue.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		prioritized.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, requests...)
	} else {
		for _, request := range requests {
			c.turns.queue.Add(request)
		}
	}
	if c.turns.queue.ShuttingDown() {
		return context.Canceled // Nobody will come to it.
	}
	return ctx.Err()
}

// tell keeps news until the next pass takes them.
func (m *memories) tell(name types.NamespacedName, at time.Time, failure RotationFailure) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	latest := m.news[name]
	latest.at = at
	if failure.ARN != "" {
		latest.failed = withFailure(latest.failed, failure.ARN, failure.At)
	}
	m.news[name] = latest
}

// withFailure notes a failure, unless a later one is known: events come in any order.
func withFailure(known map[string]time.Time, arn string, at time.Time) map[string]time.Time {
	if known == nil {
		known = map[string]time.Time{}
	}
	if at.After(known[arn]) {
		known[arn] = at
	}
	for len(known) > failuresMost {
		oldest := arn
		for other, failed := range known {
			if failed.Before(known[oldest]) {
				oldest = other
			}
		}
		delete(known, oldest)
	}
	return known
}

// hear puts the news of a SecretSync into its memory.
func (m *memories) hear(p *pass) {
	name := client.ObjectKeyFromObject(p.sync)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	latest, told := m.news[name]
	if !told {
		return
	}
	delete(m.news, name)
	p.memory.told = latest.at
	for arn, at := range latest.failed {
		p.memory.rotationsFailed = withFailure(p.memory.rotationsFailed, arn, at)
	}
}

// maxAge is how old an answer may be that was found for another SecretSync. A poll, and the repair of a Secret, can share
// one that is not very old. After an event whatever was asked since it came will do, so that of those who follow one
// secret one alone asks; in the same way after an answer that was out of date, and after a failure. An edit of the spec
// and a request for a refresh want to know how things are now.
func (c *Controller) maxAge(p *pass) time.Duration {
	if p.trigger == triggerSpec || refreshRequested(p.sync) {
		return 0
	}
	m, now := p.memory, c.Clock.Now()
	age := sharedNews
	if p.trigger == triggerPoll || p.trigger == triggerDrift {
		age = time.Duration(sharedPart * float64(c.interval(p.sync)))
	}
	if m.failures > 0 {
		age = min(age, now.Sub(m.triedAt))
	}
	news := []time.Time{m.told, m.restored}
	if m.pursuit.due(now) {
		news = append(news, m.pursuit.next)
	}
	for _, since := range news {
		if !since.IsZero() {
			age = min(age, now.Sub(since), sharedNews)
		}
	}
	return max(age, 0)
}

// polls is how often a SecretSync is polled, before jitter: more seldom than it asks for while change events
// are known to come. Zero is for those that are not polled.
func (c *Controller) polls(secretSync *v1alpha1.SecretSync) time.Duration {
	interval := c.interval(secretSync)
	if c.ChangesAlive == nil || !c.ChangesAlive() {
		return interval
	}
	return max(interval, min(stretchTimes*interval, stretchMost))
}

// looks says whether a SecretSync looks for secrets. What an event tells of may not be listed yet.
func (p *pass) looks() bool {
	return slices.ContainsFunc(p.sync.Spec.DataFrom, func(from v1alpha1.DataFrom) bool { return from.Find != nil })
}

// nextTickOrSooner is when to ask AWS first about what is in sync: at the next poll; or once within the operator's
// own interval, where that would be later and events are relied on, as one may have been lost when the process
// before ended.
func (c *Controller) nextTickOrSooner(p *pass, now time.Time) time.Time {
	soon := now.Add(somewhereWithin(max(c.PollInterval, pollSlot)))
	switch interval := c.interval(p.sync); {
	case interval == 0:
		return soon
	case c.ChangesAlive != nil && interval > c.PollInterval:
		return earlier(soon, c.nextTick(p, now))
	}
	return c.nextTick(p, now)
}
