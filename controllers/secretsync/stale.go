package secretsync

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const (
	// restoredWithin is how soon a SecretSync that went back in time is checked: many do at once.
	restoredWithin = 10 * time.Second
	// restoreLogged is how often at most the log says that objects went back in time.
	restoreLogged = time.Minute
)

// upToDate gives the SecretSync to work on: the one in the cache, or, where that has been older for long than what
// this process wrote last or another process may have written the Secret, the API server's own. It gives nil, and when
// to come back, while the watch may still bring it.
//
// Where the API server's own is older, too, etcd was restored from a backup. All that is remembered of the SecretSync
// is of another past then, and is forgotten.
func (c *Controller) upToDate(ctx context.Context, cached *v1alpha1.SecretSync) (*v1alpha1.SecretSync, reconcile.Result) {
	name := client.ObjectKeyFromObject(cached)
	memory, now := c.memories.of(name, cached.UID), c.Clock.Now()
	ahead, since := memory.ahead(cached), memory.behind.get()
	switch doubted := memory.doubted(cached) || memory.races > 0; {
	case !ahead && !doubted:
		if !since.IsZero() {
			memory.behind.set(time.Time{})
		}
		return cached, reconcile.Result{}
	case ahead && since.IsZero():
		memory.behind.set(now)
		return nil, again(cacheLag, priorityPoll)
	case ahead && !doubted && now.Sub(since) < cacheLagMost:
		return nil, again(cacheLagNext, priorityPoll)
	}
	live, err := c.live(ctx, name)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "the watch lags, and the API server does not answer either: trying again")
		return nil, again(cacheLagNext, priorityPoll)
	}
	if live == nil {
		c.memories.forget(name)
		return nil, reconcile.Result{} // The watch will say that it is gone.
	}
	if live.UID != cached.UID || older(live.ResourceVersion, memory.statusWritten) || older(live.ResourceVersion, cached.ResourceVersion) {
		c.goneBack(live)
	}
	return live, reconcile.Result{}
}

// live reads a SecretSync from the API server itself; nil where there is none. It asks for a list of one, for which
// the permissions of the watch are enough.
func (c *Controller) live(ctx context.Context, name client.ObjectKey) (*v1alpha1.SecretSync, error) {
	var found v1alpha1.SecretSyncList
	err := c.Live.List(ctx, &found, client.InNamespace(name.Namespace), client.MatchingFields{"metadata.name": name.Name})
	if err != nil {
		return nil, fmt.Errorf("reading SecretSync from the API server: %w", err)
	}
	if len(found.Items) == 0 {
		return nil, nil
	}
	return &found.Items[0], nil
}

// goneBack has a SecretSync that is older than it was looked at as if nothing were known of it.
func (c *Controller) goneBack(sync client.Object) {
	name, now := client.ObjectKeyFromObject(sync), c.Clock.Now()
	c.memories.restored(name, sync.GetUID(), now)
	if c.Rollouts != nil {
		c.Rollouts.Forget(name.Namespace, name.Name)
	}
	if last := c.lastRestore.get(); now.Sub(last) >= restoreLogged {
		c.lastRestore.set(now)
		ctrl.Log.WithName("secretsync").Info("objects are older than they were, as after a restore of etcd from a backup: "+
			"AWS and the Secret of each of them are checked again", "first", name)
	}
}

// restores lets those updates through by which the watch takes an object back to an older state. It does so where it
// begins again after a restore of etcd, and never else. An object that a restore brings back comes as a new one.
func (c *Controller) restores() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(created event.CreateEvent) bool {
			switch secretSync, ok := created.Object.(*v1alpha1.SecretSync); {
			case ok && created.IsInInitialList:
				c.memories.of(client.ObjectKeyFromObject(secretSync), secretSync.UID).since.set(time.Time{})
			case ok:
				c.appeared(secretSync)
			}
			return false
		},
		UpdateFunc: func(update event.UpdateEvent) bool {
			back := older(update.ObjectNew.GetResourceVersion(), update.ObjectOld.GetResourceVersion())
			if back {
				c.goneBack(update.ObjectNew)
			}
			return back
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// appeared has AWS asked soon where a SecretSync comes with the status of one that is in sync: it was restored, or
// given over by another operator, and that status may be old.
func (c *Controller) appeared(secretSync *v1alpha1.SecretSync) {
	if inSyncBefore(secretSync) {
		soon := c.Clock.Now().Add(somewhereWithin(restoredWithin))
		c.memories.of(client.ObjectKeyFromObject(secretSync), secretSync.UID).nextLook.set(soon)
	}
}
