package secretsync

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// RotationFailure is a failed rotation that a change event reports.
type RotationFailure struct {
	// ARN is the full ARN of the secret; empty where the event reports no failure.
	ARN string
	// At is when it failed.
	At time.Time
}

// Notify has SecretSyncs reconciled now, as a change event concerns them: AWS is asked again, once for all of them that
// follow one secret. It returns nil once they are in the queue.
func (c *Controller) Notify(ctx context.Context, names []types.NamespacedName, failure RotationFailure) error {
	if err := c.inserter.Wait(ctx); err != nil {
		return err
	}
	requests := make([]reconcile.Request, 0, len(names))
	for _, name := range names {
		c.changes.record(name, c.options.Clock.Now(), failure)
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	if !c.inserter.AddWithPriority(schedule.PriorityEvent, requests) {
		return context.Canceled // No worker takes them any more.
	}
	return ctx.Err()
}

// pendingChange is what change events have reported for a SecretSync.
type pendingChange struct {
	// at is when the latest of them came.
	at time.Time
	// failed are when AWS said last that it could not rotate a secret, by its ARN.
	failed map[string]time.Time
}

// pendingChanges are those that no reconcile has taken yet. Any goroutine may call its methods.
type pendingChanges struct {
	mutex  sync.Mutex
	byName map[types.NamespacedName]pendingChange
}

func newPendingChanges() *pendingChanges {
	return &pendingChanges{byName: map[types.NamespacedName]pendingChange{}}
}

// record keeps a change until the next reconcile takes it.
func (p *pendingChanges) record(name types.NamespacedName, at time.Time, failure RotationFailure) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	latest := p.byName[name]
	latest.at = at
	if failure.ARN != "" {
		latest.failed = withFailure(latest.failed, failure.ARN, failure.At)
	}
	p.byName[name] = latest
}

// take gives the change of a SecretSync, once.
func (p *pendingChanges) take(name types.NamespacedName) (pendingChange, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	latest, known := p.byName[name]
	delete(p.byName, name)
	return latest, known
}

func (p *pendingChanges) forget(name types.NamespacedName) { p.take(name) }
