package secretsync

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

const (
	// promptReports of polls follow at once, promptPerSecond more each second; the others are a burst, whose reports wait
	// for burstWait, and up to half as long again, and so on until no Secret of it has been written for burstLull, for
	// maxBurst altogether.
	promptReports, promptPerSecond = 10, 2
	burstWait, burstLull, maxBurst = 2 * time.Second, time.Second, 15 * time.Second
)

// deferredReports are reports of Secrets that are written, while status does not say so yet. Any goroutine may call its
// methods.
type deferredReports struct {
	mutex  sync.Mutex
	byName map[types.NamespacedName]*report
	// stopping says that the process ends, and nothing is deferred any more.
	stopping bool
	// prompt bounds the reports of polls that follow at once; lastOfBurst is when the last Secret was written whose report
	// does not.
	prompt      *rate.Limiter
	lastOfBurst time.Time
}

func newDeferredReports() *deferredReports {
	return &deferredReports{byName: map[types.NamespacedName]*report{}, prompt: rate.NewLimiter(promptPerSecond, promptReports)}
}

// put keeps a report for the next reconcile of its SecretSync. It is false where the process stops, and no reconcile would
// follow. Values are not kept.
func (d *deferredReports) put(r *report) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.stopping {
		return false
	}
	if r.outcome.Set != nil {
		r.outcome.Set.DropValues()
	}
	d.byName[client.ObjectKeyFromObject(r.secretSync)] = r
	return true
}

// take gives the report of a SecretSync that still has to be made, once.
func (d *deferredReports) take(name types.NamespacedName, uid types.UID) *report {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	deferred := d.byName[name]
	delete(d.byName, name)
	if deferred == nil || deferred.secretSync.UID != uid {
		return nil
	}
	return deferred
}

func (d *deferredReports) forget(name types.NamespacedName) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	delete(d.byName, name)
}

// stop takes all reports that still have to be made, but for those of these SecretSyncs, and has no more deferred.
func (d *deferredReports) stop(but map[types.NamespacedName]time.Time) []*report {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.stopping = true
	var all []*report
	for name, deferred := range d.byName {
		if _, running := but[name]; !running {
			all = append(all, deferred)
			delete(d.byName, name)
		}
	}
	return all
}

// wait is when to come back for a report. Whatever goes before it in the queue needs no wait. Polls come after it there,
// which keeps reports from waiting for ever where polls never end; but where polls find that many secrets have changed at
// once, the Secrets still come first.
func (d *deferredReports) wait(r *report, now time.Time) time.Duration {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if r.trigger != schedule.Poll || d.prompt.AllowN(now, 1) {
		return 0
	}
	r.burst, d.lastOfBurst = now, now
	return burstWait + schedule.Within(burstWait/2)
}

// bursting says whether the burst that a report belongs to goes on.
func (d *deferredReports) bursting(r *report, now time.Time) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return !r.burst.IsZero() && now.Sub(r.burst) < maxBurst && now.Sub(d.lastOfBurst) < burstLull
}

// deferReport keeps the report of a reconcile that has written the Secret for when no other Secret waits to be written:
// where thousands are to be synced, programs get their Secrets first, and status and events, which cost the API server
// more than the Secrets do, come after. Where nothing waits the report follows at once.
//
// A SecretSync that merges into the Secret of another owner reports at once: status says what is to be taken out again. So
// does a SecretSync that is large, as reports that wait keep it in memory.
func (c *Controller) deferReport(r *report) bool {
	if r.err != nil || !r.outcome.Write.Changed() || r.secretSync.Spec.Target.Merges() || r.abridged {
		return false
	}
	return c.deferred.put(r)
}

// reportDeferred makes a report that was deferred. What came meanwhile, an edit of the spec or of the Secret, came with
// this very reconcile: so there is another one.
func (c *Controller) reportDeferred(ctx context.Context, secretSync *v1alpha1.SecretSync, deferred *report) (reconcile.Result, error) {
	awaited := secretSync.Generation != deferred.secretSync.Generation || secretSync.RefreshRequested() // A user waits.
	if !awaited && c.deferred.bursting(deferred, c.options.Clock.Now()) && c.deferred.put(deferred) {
		return again(burstWait+schedule.Within(burstWait/2), schedule.PriorityReport), nil
	}
	if _, err := c.reportWritten(ctx, deferred); err != nil {
		return reconcile.Result{}, err
	}
	return again(0, schedule.PriorityReport), nil
}

// reportWritten reports a reconcile that has written the Secret, even while the process stops: the next one would write
// again what is not in status. A report that fails is kept for the next try; a reconcile that failed itself with nothing
// to report is not, or nothing else would ever be done.
func (c *Controller) reportWritten(ctx context.Context, written *report) (reconcile.Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	result, err := c.report(ctx, written)
	if err != nil && (written.err == nil || failure.Explain(written.err) != nil) {
		c.deferred.put(written)
	}
	return result, err
}
