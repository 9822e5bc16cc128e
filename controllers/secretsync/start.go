package secretsync

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

// attempt is what a reconcile starts from.
type attempt struct {
	// secretSync as it was read, but for finalizers that this reconcile has set; readAt is its resourceVersion then.
	secretSync *v1alpha1.SecretSync
	readAt     string
	state      *objectState
	// began is when the reconcile did: answers of AWS may be as old as that.
	began time.Time
	// abridged says that the SecretSync itself is too large for the cache, inTurn that it is the one reconcile of its
	// namespace over a large SecretSync.
	abridged, inTurn bool
	// trigger is why AWS is asked; None where it is not.
	trigger schedule.Trigger
	// once says that the mode is Once and that the Secret was written before.
	once bool
	// found is the Secret as it was before AWS is asked.
	found ownwrites.Found
}

// start finds out whether there is anything to do. Most often there is not: after a restart of the operator, and for
// reconciles that its own writes set off. An error comes with the attempt: it is the outcome.
func (c *Controller) start(ctx context.Context, secretSync *v1alpha1.SecretSync, state *objectState, abridged bool) (*attempt, error) {
	name, now := client.ObjectKeyFromObject(secretSync), c.options.Clock.Now()
	a := &attempt{
		secretSync: secretSync, readAt: secretSync.ResourceVersion, state: state, began: now,
		abridged: abridged, inTurn: c.shares.IsLarge(name),
	}
	if err := readable(secretSync); err != nil {
		return a, err
	}
	if changed, ok := c.changes.take(name); ok {
		state.schedule.Changed(changed.at)
		state.rotations.failed(changed.failed)
	}
	a.began = state.unfinished.resume(a)
	if secretSync.Spec.Suspend {
		c.suspend(a)
		return a, nil
	}
	state.schedule.Start(func() time.Time {
		return c.polls.First(secretSync, resolve.NewSet(resolve.Request{SecretSync: secretSync}), now)
	})
	c.unblock(ctx, a)
	found, err := ownwrites.Detect(ctx, c.secrets, secretSync, &state.writes, &state.seen, now)
	if err != nil {
		return a, err
	}
	if a.once, err = c.writtenOnce(ctx, secretSync, found.State); a.once || err != nil {
		a.found.State = found.State
		state.schedule.Rest(now)
		return a, err
	}
	if found.Drifted && lost(secretSync, found.State) {
		if ended, err := c.ended(ctx, secretSync); ended || err != nil {
			return a, err
		}
	}
	a.found, a.trigger = found, state.schedule.Trigger(secretSync, found.Drifted, now)
	if a.trigger == schedule.None {
		return a, nil
	}
	a.found.State, err = c.findSecret(ctx, a)
	return a, err
}

// readable is the failure of a spec that is too large, or of which a field can't be read.
func readable(secretSync *v1alpha1.SecretSync) error {
	if size := secretSync.Spec.Size(); size > v1alpha1.SpecMostBytes {
		return failure.SpecTooLarge(size)
	}
	if secretSync.Unreadable != nil {
		return failure.Unreadable(*secretSync.Unreadable)
	}
	return nil
}

// suspend forgets what was planned.
func (c *Controller) suspend(a *attempt) {
	a.state.schedule.Suspend()
	a.state.blockage.clear()
	c.secretWatches.end(client.ObjectKeyFromObject(a.secretSync))
}

// lost says whether a Secret that was its SecretSync's is not any more: deleted, or without its owner reference.
func lost(secretSync *v1alpha1.SecretSync, found target.State) bool {
	return !found.Exists || secretSync.OwnsSecret() && found.Controller != secretSync.UID
}

// ended says whether the SecretSync is being deleted, or is gone, which the watch may not have shown yet. Kubernetes'
// garbage collector takes Secrets away, or sets them free where they are to be orphaned, only once that is so: to write
// such a Secret again would undo what the user asked for.
func (c *Controller) ended(ctx context.Context, secretSync *v1alpha1.SecretSync) (bool, error) {
	live, err := c.live(ctx, client.ObjectKeyFromObject(secretSync))
	if err != nil {
		return false, err
	}
	return live == nil || live.UID != secretSync.UID || live.Deleting(), nil
}

// findSecret is the Secret as it is before AWS is asked. The write has that state for a precondition, so that it never
// replaces what was written since, perhaps of a newer version and by a replica that has taken over from this one: a
// process can be stopped at any point for longer than its lease runs, and does not notice. After such a race the
// reconcile begins again with the Secret, as well as the SecretSync, that the API server has now.
func (c *Controller) findSecret(ctx context.Context, a *attempt) (target.State, error) {
	found, secretSync := a.found.State, a.secretSync
	if secretSync.Observes() {
		return found, nil
	}
	namespace, name := secretSync.Namespace, secretSync.TargetName()
	if a.state.cache.racing() {
		return c.secrets.Current(ctx, namespace, name)
	}
	if !found.Exists { // Otherwise drift was looked for in it.
		var err error
		if found, err = c.secrets.Find(ctx, namespace, name, secretSync.Spec.Target.Merges()); err != nil {
			return found, err
		}
	}
	if a.found.Lags { // The watch is yet to show what this process wrote itself.
		found.ResourceVersion = a.state.seen.Secret().Latest(secretSync.Status.Secret).ResourceVersion
	}
	return found, nil
}
