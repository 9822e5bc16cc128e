package secretsync

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// whole reads a SecretSync of which the cache keeps a part from the API server. It gives nil where there is nothing to
// do, where the object is not the one any more that the pass is for, as its own event brings another pass, and where its
// turn among the large ones is to come.
//
// A SecretSync that is suspended, as its status says already, is not read: many large ones cost nothing.
func (c *Controller) whole(ctx context.Context, kept *v1alpha1.SecretSync) (*v1alpha1.SecretSync, reconcile.Result, error) {
	name := client.ObjectKeyFromObject(kept)
	if suspendedBefore(kept) {
		return nil, reconcile.Result{}, nil
	}
	if c.shares.mark(name, true) {
		return nil, again(0, 0), nil
	}
	live, err := c.live(ctx, name)
	if err != nil || live == nil || live.UID != kept.UID {
		return nil, reconcile.Result{}, err
	}
	live.ManagedFields, live.Labels, live.OwnerReferences = nil, nil, nil // None is asked for, and they may be large.
	return live, reconcile.Result{}, nil
}

// suspendedBefore says whether status has it that the present spec is suspended.
func suspendedBefore(secretSync *v1alpha1.SecretSync) bool {
	ready := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReady)
	return secretSync.Spec.Suspend && !goes(secretSync) && secretSync.Unreadable == nil && secretSync.Status.ObservedGeneration == secretSync.Generation &&
		ready != nil && ready.Reason == v1alpha1.ReasonSuspended
}
