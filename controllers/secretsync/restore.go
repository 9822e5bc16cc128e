package secretsync

import (
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// restoreLogged is how often at most the log says that objects went back in time.
const restoreLogged = time.Minute

// restore has a SecretSync that is older than it was reconciled as if nothing were known of it.
func (c *Controller) restore(secretSync client.Object) {
	name, now := client.ObjectKeyFromObject(secretSync), c.options.Clock.Now()
	c.states.restore(name, secretSync.GetUID(), now)
	c.deferred.forget(name)
	if c.options.Rollouts != nil {
		c.options.Rollouts.Forget(name.Namespace, name.Name)
	}
	if last := c.lastRestore.get(); now.Sub(last) >= restoreLogged {
		c.lastRestore.set(now)
		ctrl.Log.WithName("secretsync").Info("objects are older than they were, as after a restore of etcd from a backup: "+
			"AWS and the Secret of each of them are checked again", "namespace", name.Namespace, "name", name.Name)
	}
}

// restores lets those updates through by which the watch takes an object back to an older state. It does so where it
// begins again after a restore of etcd, and never else. An object that a restore brings back comes as a new one.
func (c *Controller) restores() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(created event.CreateEvent) bool {
			switch secretSync, ok := created.Object.(*v1alpha1.SecretSync); {
			case ok && created.IsInInitialList:
				c.states.of(client.ObjectKeyFromObject(secretSync), secretSync.UID).since.set(time.Time{})
			case ok:
				c.appeared(secretSync)
			}
			return false
		},
		UpdateFunc: func(update event.UpdateEvent) bool {
			back := ownwrites.Older(update.ObjectNew.GetResourceVersion(), update.ObjectOld.GetResourceVersion())
			if back {
				c.restore(update.ObjectNew)
			}
			return back
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// appeared has AWS asked soon where a SecretSync comes with the status of one that is in sync: it was restored, or handed
// over by another operator, and that status may be old.
func (c *Controller) appeared(secretSync *v1alpha1.SecretSync) {
	if secretSync.InSync() {
		soon := c.options.Clock.Now().Add(schedule.Within(schedule.RestoredWithin))
		c.states.of(client.ObjectKeyFromObject(secretSync), secretSync.UID).schedule.SetNext(soon)
	}
}
