package secretsync

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// trigger says why a pass asks AWS.
type trigger string

const (
	triggerNone    trigger = ""
	triggerSpec    trigger = "spec"    // the spec is new or was edited
	triggerRefresh trigger = "refresh" // the refresh annotation was changed
	triggerDrift   trigger = "drift"   // the Secret was edited or deleted
	triggerEvent   trigger = "event"   // a change event of AWS concerns the SecretSync, or AWS has not caught up with one
	triggerRestore trigger = "restore" // the SecretSync went back in time, as by a restore of etcd
	triggerPoll    trigger = "poll"    // the poll, or the next try, is due
)

// decide ends the pass where there is nothing to do, which is most passes: those after a restart of
// the operator, and those that our own writes set off.
func (c *Controller) decide(ctx context.Context, p *pass) error {
	c.memories.hear(p)
	p.resume()
	if p.sync.Spec.Suspend {
		p.memory.nextLook.set(time.Time{})
		p.memory.failures, p.memory.told = 0, time.Time{}
		p.memory.blocked, p.memory.pursuit = blockage{}, pursuit{}
		c.awaits.end(client.ObjectKeyFromObject(p.sync))
		p.done = true
		return nil
	}
	now := c.Clock.Now()
	if p.memory.nextLook.get().IsZero() {
		p.memory.nextLook.set(c.firstLook(p, now))
	}
	c.unblock(ctx, p)
	seen, drifted, err := c.drifted(ctx, p)
	if err != nil {
		return err
	}
	if drifted && lost(p.sync, seen) {
		if p.done, err = c.ends(ctx, p.sync); err != nil || p.done {
			return err
		}
	}
	p.drifted, p.found = drifted, seen
	p.trigger = why(p, drifted, now)
	if p.done = p.trigger == triggerNone; p.done {
		return nil
	}
	return c.findSecret(ctx, p)
}

// why is the first reason to ask AWS that holds.
func why(p *pass, drifted bool, now time.Time) trigger {
	switch {
	case p.sync.Generation != p.sync.Status.ObservedGeneration:
		return triggerSpec
	case drifted:
		return triggerDrift // Even where a refresh is requested: the version alone would not tell.
	case refreshRequested(p.sync):
		return triggerRefresh
	case p.memory.eventDue(now):
		return triggerEvent
	case !now.Before(p.memory.nextLook.get()) && !p.memory.restored.IsZero():
		return triggerRestore
	case !now.Before(p.memory.nextLook.get()):
		return triggerPoll
	}
	return triggerNone
}

// eventDue says whether AWS is to be asked for what a change event has told of. After a failure that waits for the next
// try, unless the event came after that pass began: what AWS said in it may be from before the event.
func (m *memory) eventDue(now time.Time) bool {
	waiting := m.failures > 0 && now.Before(m.nextLook.get())
	return !m.told.IsZero() && (!waiting || !m.told.Before(m.triedAt)) || m.pursuit.due(now) && !waiting
}

func refreshRequested(secretSync *v1alpha1.SecretSync) bool {
	token := refreshOf(secretSync)
	return token != "" && token != secretSync.Status.LastHandledRefresh
}

// firstLook is when to ask AWS first in this process. What was in sync when the operator stopped is
// asked for at its own moment of the interval, so that a start is no stampede; the rest at once.
func (c *Controller) firstLook(p *pass, now time.Time) time.Time {
	if !inSyncBefore(p.sync) {
		return now
	}
	first := c.nextTickOrSooner(p, now)
	if until := p.sync.Status.PreviousUntil; until != nil {
		first = earlier(first, until.Time)
	}
	return first
}

// inSyncBefore says whether status tells of a Secret that was in sync with the present spec.
func inSyncBefore(secretSync *v1alpha1.SecretSync) bool {
	return writtenBySpec(secretSync) && meta.IsStatusConditionTrue(secretSync.Status.Conditions, v1alpha1.ConditionReady)
}

// writtenBySpec says whether the Secret was written by the present spec.
func writtenBySpec(secretSync *v1alpha1.SecretSync) bool {
	return secretSync.Status.Secret != nil && secretSync.Status.Secret.Generation == secretSync.Generation
}

// drifted says whether the Secret was touched by others since it was written, and how it is. The resourceVersion in
// status tells, so that nothing is read while it was not.
func (c *Controller) drifted(ctx context.Context, p *pass) (target.State, bool, error) {
	written := p.memory.lastSeen(p.sync.Status.Secret)
	if written == nil || written.Name != p.sync.TargetName() {
		return target.State{}, false, nil
	}
	seen, err := c.secrets.Cached(ctx, p.sync.Namespace, written.Name)
	if err != nil || !touched(written, seen) {
		return seen, false, err
	}
	same := seen.Exists && seen.UID == written.UID
	switch behind := same && older(seen.ResourceVersion, written.ResourceVersion); {
	case behind && c.memories.wroteLast(p.memory, written.ResourceVersion) && c.Clock.Now().Sub(p.memory.wrote) < cacheLagMost:
		p.lags = true // Our own write is on its way. If it never comes, a later pass finds out.
		return seen, false, nil
	case same && !behind:
		return seen, true, nil
	}
	// Gone from the watch, or another: deleted, without its label, or not there yet after our own write. Or older
	// than status says: it may have been restored from a backup without its SecretSync.
	seen, err = c.secrets.Current(ctx, p.sync.Namespace, written.Name)
	if older(seen.ResourceVersion, written.ResourceVersion) {
		p.memory.seen.Store(nil) // What was seen of it is of another past.
	}
	return seen, touched(written, seen), err
}

// lost says whether a Secret that was its SecretSync's is not any more: deleted, or without its owner reference.
func lost(secretSync *v1alpha1.SecretSync, seen target.State) bool {
	return !seen.Exists || owns(secretSync) && seen.Controller != secretSync.UID
}

// ends says whether the SecretSync is being deleted, or is gone, which the watch may not have brought yet. Kubernetes'
// garbage collector takes Secrets away, or sets them free where they are to be orphaned, only once that is so: to write
// such a Secret again would undo what was asked for.
func (c *Controller) ends(ctx context.Context, secretSync *v1alpha1.SecretSync) (bool, error) {
	live, err := c.live(ctx, client.ObjectKeyFromObject(secretSync))
	if err != nil {
		return false, err
	}
	return live == nil || live.UID != secretSync.UID || goes(live), nil
}

func touched(written *v1alpha1.SecretStatus, seen target.State) bool {
	return !seen.Exists || seen.UID != written.UID || seen.ResourceVersion != written.ResourceVersion
}
