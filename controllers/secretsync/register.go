package secretsync

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/queue"
)

// Register adds the controller and its watches to a manager.
func (c *Controller) Register(ctx context.Context, manager ctrl.Manager) error {
	err := manager.GetFieldIndexer().IndexField(ctx, &v1alpha1.SecretSync{}, targetIndex, func(object client.Object) []string {
		return []string{object.(*v1alpha1.SecretSync).TargetName()}
	})
	if err != nil {
		return fmt.Errorf("indexing SecretSyncs by target: %w", err)
	}
	if err := errors.Join(manager.Add(c), c.options.Metrics.watch(c)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(manager).
		Named("secretsync").
		// No other process writes status: its changes need no reconcile.
		For(&v1alpha1.SecretSync{}, builder.WithPredicates(predicate.Or(c.restores(),
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, deletionStarted()))).
		WatchesRawSource(c.inserter).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.writersOf), builder.WithPredicates(c.changedByOthers())).
		Watches(&v1alpha1.SecretSync{}, handler.EnqueueRequestsFromMapFunc(c.rivalsOf), freesSecret()).
		WithOptions(c.controllerOptions(manager.GetLogger())).
		WithLogConstructor(logConstructor(manager.GetLogger().WithName("secretsync"))).
		Complete(c.traced())
}

// controllerOptions are those of controller-runtime.
func (c *Controller) controllerOptions(log logr.Logger) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: c.options.Workers, NewQueue: queue.New(c.shares, c.gone, log), ReconciliationTimeout: reconcileWithin,
	}
}

// deletionStarted lets the update through by which the deletion of a SecretSync with a finalizer begins.
func deletionStarted() predicate.Predicate {
	deleting := func(object client.Object) bool { return !object.GetDeletionTimestamp().IsZero() }
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(update event.UpdateEvent) bool {
			return deleting(update.ObjectNew) && !deleting(update.ObjectOld)
		},
	}
}

// changedByOthers keeps out what the watch shows of the operator's own writes of Secrets. A deletion is never one, even
// where the watch has missed it and shows the Secret as it was.
func (c *Controller) changedByOthers() predicate.Predicate {
	owner := func(secret client.Object) *objectState {
		return c.states.known(types.NamespacedName{Namespace: secret.GetNamespace(), Name: secret.GetAnnotations()[v1alpha1.AnnotationOwner]})
	}
	others := func(secret client.Object) bool {
		known := owner(secret)
		return known == nil || !known.writes.Own(secret.GetResourceVersion())
	}
	return predicate.Funcs{
		CreateFunc: func(created event.CreateEvent) bool { return others(created.Object) },
		UpdateFunc: func(update event.UpdateEvent) bool {
			if ownwrites.Older(update.ObjectNew.GetResourceVersion(), update.ObjectOld.GetResourceVersion()) {
				if known := owner(update.ObjectOld); known != nil { // After a restore of etcd.
					known.writes.Forget()
					known.seen.Clear()
				}
			}
			return others(update.ObjectNew)
		},
	}
}
