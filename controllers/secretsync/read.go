package secretsync

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// read gives the SecretSync to reconcile, and whether it is so large that the cache keeps a part of it alone. It gives nil
// where there is nothing to do yet, and when to come back.
func (c *Controller) read(ctx context.Context, name types.NamespacedName) (secretSync *v1alpha1.SecretSync, large bool, wait reconcile.Result, err error) {
	cached := &v1alpha1.SecretSync{}
	// Spec and status are the cache's own, and nothing in them is changed: a write copies them first.
	if err := c.options.Client.Get(ctx, name, cached, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			c.forget(name)
			return nil, false, reconcile.Result{}, nil
		}
		return nil, false, reconcile.Result{}, fmt.Errorf("reading SecretSync: %w", err)
	}
	secretSync, wait = c.upToDate(ctx, cached)
	if secretSync != nil {
		c.states.of(name, secretSync.UID).conditions.read(&secretSync.Status)
	}
	if secretSync == nil || secretSync.Abridged == nil {
		return secretSync, false, wait, nil
	}
	secretSync, wait, err = c.whole(ctx, secretSync)
	return secretSync, true, wait, err
}

// upToDate gives the SecretSync in the cache, or, where that has been older for long than what this process wrote last or
// another process may have written the Secret, the API server's own. It gives nil, and when to come back, while the watch
// may still bring it.
//
// Where the API server's own is older, too, etcd was restored from a backup. All that is remembered of the SecretSync is
// of another past then, and is forgotten.
func (c *Controller) upToDate(ctx context.Context, cached *v1alpha1.SecretSync) (*v1alpha1.SecretSync, reconcile.Result) {
	name := client.ObjectKeyFromObject(cached)
	lag := &c.states.of(name, cached.UID).cache
	switch fresh, wait := lag.judge(cached, c.options.Clock.Now()); fresh {
	case upToDate:
		return cached, reconcile.Result{}
	case lagging:
		return nil, again(wait, schedule.PriorityPoll)
	}
	live, err := c.live(ctx, name)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("the watch lags, and the API server does not answer either: trying again", "error", err.Error())
		return nil, again(nextLagWait, schedule.PriorityPoll)
	}
	if live == nil {
		c.forgetState(name)
		return nil, reconcile.Result{} // The watch will show that it is gone.
	}
	if live.UID != cached.UID || lag.olderThanWritten(live.ResourceVersion) || ownwrites.Older(live.ResourceVersion, cached.ResourceVersion) {
		c.restore(live)
	}
	return live, reconcile.Result{}
}

// live reads a SecretSync from the API server itself; nil where there is none. It asks for a list of one, for which the
// permissions of the watch are enough.
func (c *Controller) live(ctx context.Context, name client.ObjectKey) (*v1alpha1.SecretSync, error) {
	var found v1alpha1.SecretSyncList
	err := c.options.Live.List(ctx, &found, client.InNamespace(name.Namespace), client.MatchingFields{"metadata.name": name.Name})
	if err != nil {
		return nil, fmt.Errorf("reading SecretSync from the API server: %w", err)
	}
	if len(found.Items) == 0 {
		return nil, nil
	}
	return &found.Items[0], nil
}

// whole reads a SecretSync of which the cache keeps a part from the API server. It gives nil where there is nothing to do,
// where the object is no longer the one that the reconcile is for, as its own event brings another one, and where its turn
// among the large ones is to come.
//
// A SecretSync that is suspended, as its status says already, is not read: many large ones cost nothing.
func (c *Controller) whole(ctx context.Context, kept *v1alpha1.SecretSync) (*v1alpha1.SecretSync, reconcile.Result, error) {
	name := client.ObjectKeyFromObject(kept)
	if suspendedBefore(kept) {
		return nil, reconcile.Result{}, nil
	}
	if c.shares.Mark(name, true) {
		return nil, again(0, 0), nil
	}
	live, err := c.live(ctx, name)
	if err != nil || live == nil || live.UID != kept.UID {
		return nil, reconcile.Result{}, err
	}
	live.ManagedFields, live.Labels, live.OwnerReferences = nil, nil, nil // None is used, and they may be large.
	return live, reconcile.Result{}, nil
}

// suspendedBefore says whether status has it that the present spec is suspended.
func suspendedBefore(secretSync *v1alpha1.SecretSync) bool {
	ready := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReady)
	return secretSync.Spec.Suspend && !secretSync.Deleting() && secretSync.Unreadable == nil &&
		secretSync.Status.ObservedGeneration == secretSync.Generation && ready != nil && ready.Reason == v1alpha1.ReasonSuspended
}

// gone says whether a SecretSync no longer exists, and forgets what is remembered of it then.
func (c *Controller) gone(name types.NamespacedName) bool {
	err := c.options.Client.Get(context.Background(), name, &v1alpha1.SecretSync{}, client.UnsafeDisableDeepCopy)
	if !apierrors.IsNotFound(err) {
		return false
	}
	c.forget(name)
	return true
}

// forgetState forgets the state of a SecretSync, and what the next reconcile would take.
func (c *Controller) forgetState(name types.NamespacedName) {
	c.states.forget(name)
	c.deferred.forget(name)
	c.changes.forget(name)
	c.wakes.forget(name)
}

// forget forgets all that is remembered of a SecretSync.
func (c *Controller) forget(name types.NamespacedName) {
	c.forgetState(name)
	c.secretWatches.end(name)
	c.shares.Mark(name, false)
	if c.options.Rollouts != nil {
		c.options.Rollouts.Forget(name.Namespace, name.Name)
	}
}
