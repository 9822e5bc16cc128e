package secretsync

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const (
	// passWithin is a pass' deadline. Its calls end with it, and it is tried again. Most passes take less than a second;
	// one over hundreds of secrets, in a region that is slow, takes longest.
	passWithin = 4 * time.Minute
	// stuckAfter is for how long a pass must be under way, which has failed to end by its deadline and the report of that,
	// for the queue to count as stuck; or a SecretSync be overdue while no pass has ended.
	stuckAfter = 5 * time.Minute
)

// passes are those that are under way.
type passes struct {
	mutex sync.Mutex
	began map[types.NamespacedName]time.Time
	// ended is closed when the last one has ended after the stop; nil until then.
	ended chan struct{}
}

// begin notes that a pass begins; none does after the stop.
func (p *passes) begin(name types.NamespacedName, now time.Time) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.ended != nil {
		return false
	}
	if p.began == nil {
		p.began = map[types.NamespacedName]time.Time{}
	}
	p.began[name] = now
	return true
}

func (p *passes) end(name types.NamespacedName) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.began, name)
	if p.ended != nil && len(p.began) == 0 {
		close(p.ended)
	}
}

// stop has no more passes begin, and waits until those under way have ended, or ctx has. It says which have not.
func (p *passes) stop(ctx context.Context) (left map[types.NamespacedName]time.Time) {
	select {
	case <-p.stopped():
	case <-ctx.Done():
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return maps.Clone(p.began)
}

func (p *passes) stopped() chan struct{} {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.ended == nil {
		p.ended = make(chan struct{})
		if len(p.began) == 0 {
			close(p.ended)
		}
	}
	return p.ended
}

// longest is the pass that has been under way for longest, and for how long; zero where there is none.
func (p *passes) longest(now time.Time) (name types.NamespacedName, most time.Duration) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for other, began := range p.began {
		if since := now.Sub(began); since > most {
			name, most = other, since
		}
	}
	return name, most
}

// finishLate gives a pass that was ended by its deadline the time to say so in status.
func (c *Controller) finishLate(ctx context.Context, p *pass) (reconcile.Result, error) {
	if p.err != nil && explain(p.err) == nil {
		p.err = &failure{reason: v1alpha1.ReasonSourceFailed, heals: byTime, message: fmt.Sprintf(
			"the pass did not end within %s, as AWS or the Kubernetes API server answers too slowly: it is tried again; if it lasts, see the operator's "+
				"metric secretsync_aws_call_duration_seconds, or divide the SecretSync into several with fewer secrets each", passWithin)}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	return c.finish(ctx, p)
}

// CheckWatch is a readiness check: it fails when the watch has shown a SecretSync for long as it was before the
// operator's last write of it.
func (c *Controller) CheckWatch(*http.Request) error {
	now := c.Clock.Now()
	if behind := c.memories.mostStale(now); behind >= stuckAfter {
		return fmt.Errorf("the watch of the API server does not move: %d SecretSyncs are shown as they were before the operator's last write, one of them for %s: "+
			"restart the API server if etcd was restored from a backup, then the operator", c.memories.stale(now), behind.Round(time.Second))
	}
	return nil
}

// Check is a check of readiness and of liveness: it fails when a pass hangs, or when SecretSyncs wait and the queue does
// not move. Passes that take long and end are not in its way.
func (c *Controller) Check(*http.Request) error {
	now := c.Clock.Now()
	if name, since := c.passes.longest(now); since >= stuckAfter {
		return fmt.Errorf("the pass over SecretSync %s hangs: it began %s ago and should have ended within %s: "+
			"the operator has to be restarted; if it hangs again, suspend that SecretSync", name, since.Round(time.Second), passWithin)
	}
	overdue, idle := c.memories.mostOverdue(now), now.Sub(c.lastPass.get())
	if overdue < stuckAfter || idle < stuckAfter {
		return nil
	}
	return fmt.Errorf("the queue does not move: a SecretSync is overdue by %s, the last pass ended %s ago",
		overdue.Round(time.Second), idle.Round(time.Second))
}
