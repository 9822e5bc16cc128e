package secretsync

import (
	"context"
	"errors"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

const (
	// flushWithin bounds how long a stop waits for reports that were put off.
	flushWithin = 20 * time.Second
	// promptReports of polls follow at once, promptPerSecond more each second; the others are a burst, whose
	// reports wait for burstWait, and up to half as long again, and so on until no Secret of it has been
	// written for burstLull, for burstMost altogether.
	promptReports, promptPerSecond  = 10, 2
	burstWait, burstLull, burstMost = 2 * time.Second, time.Second, 15 * time.Second
)

// putReportOff keeps the report of a pass that has written the Secret for when no other Secret waits
// to be written: where thousands are to be synced, programs get their Secrets first, and status and
// events, which cost the API server more than the Secrets do, come after. Where nothing waits the
// report follows at once.
//
// A SecretSync that merges into the Secret of another owner reports at once: status says what is to be taken out again.
// So does a SecretSync that is large, as reports that wait keep it in memory.
func (c *Controller) putReportOff(p *pass) bool {
	if p.err != nil || p.applied == nil || p.applied.Outcome == target.Unchanged || p.sync.Spec.Target.Merges() || p.memory.large {
		return false
	}
	return c.memories.putUnreported(p)
}

// reportAfter is when to come back for a report that was put off. Whatever goes before it in the queue
// needs no wait. Polls come after it there, which keeps reports from waiting for ever where polls never
// end; but where polls find that many secrets have changed at once, the Secrets still come first.
func (c *Controller) reportAfter(p *pass) time.Duration {
	now := c.Clock.Now()
	if p.trigger != triggerPoll || c.prompt.AllowN(now, 1) {
		return 0
	}
	p.burst = now
	c.lastOfBurst.set(now)
	return burstWait + somewhereWithin(burstWait/2)
}

// bursting says whether the burst that a pass belongs to goes on.
func (c *Controller) bursting(written *pass) bool {
	now := c.Clock.Now()
	return !written.burst.IsZero() && now.Sub(written.burst) < burstMost && now.Sub(c.lastOfBurst.get()) < burstLull
}

// reportLate reports a pass that was put off. What came meanwhile, an edit of the spec or of the Secret,
// came with this very turn: so there is another one.
func (c *Controller) reportLate(ctx context.Context, secretSync *v1alpha1.SecretSync, written *pass) (reconcile.Result, error) {
	waiting := secretSync.Generation != written.sync.Generation || refreshRequested(secretSync) // Somebody is.
	if c.bursting(written) && !waiting && c.memories.putUnreported(written) {
		return again(burstWait+somewhereWithin(burstWait/2), priorityReport), nil
	}
	if _, err := c.reportWritten(ctx, written); err != nil {
		return reconcile.Result{}, err
	}
	return again(0, priorityReport), nil
}

// reportWritten reports a pass that has written the Secret, even while the process stops: the next one
// would write again what is not in status. A report that fails is kept for the next try; a pass that failed itself
// with nothing to report is not, or nothing else would ever be done.
func (c *Controller) reportWritten(ctx context.Context, written *pass) (reconcile.Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	result, err := c.report(ctx, written)
	if err != nil && (written.err == nil || explain(written.err) != nil) {
		c.memories.putUnreported(written)
	}
	return result, err
}

// putUnreported keeps a pass, unless the process stops and nobody would come back to it.
func (m *memories) putUnreported(p *pass) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.stopping {
		return false
	}
	p.data = nil // Values are not kept.
	for _, one := range p.all() {
		one.fetched.Value, one.observation.Value = source.Value{}, nil
	}
	p.memory.unreported = p
	return true
}

// takeUnreported gives the pass that still has to be reported, once.
func (m *memories) takeUnreported(of *memory) *pass {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	written := of.unreported
	of.unreported = nil
	return written
}

// allUnreported takes all passes that still have to be reported, and has no more put off.
func (m *memories) allUnreported() []*pass {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.stopping = true
	var all []*pass
	for _, one := range m.byName {
		if one.unreported != nil {
			all = append(all, one.unreported)
			one.unreported = nil
		}
	}
	return all
}

// Start reports, when the manager stops, what was written and not yet reported: what is not in status
// would be fetched and written again by the next process. It waits for passes that are under way: what is remembered of a
// SecretSync is for one at a time.
func (c *Controller) Start(ctx context.Context) error {
	<-ctx.Done()
	c.awaits.stop()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	left := c.passes.stop(flush)
	var problems []error
	for _, written := range c.memories.allUnreported() {
		if _, busy := left[client.ObjectKeyFromObject(written.sync)]; busy {
			continue
		}
		if _, err := c.report(flush, written); err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, c.saveSeen(flush))
	if err := errors.Join(problems...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "status of some SecretSyncs could not be written before the stop")
	}
	return nil
}
