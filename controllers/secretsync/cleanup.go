package secretsync

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/target"
)

// cleanUp removes what a former spec left behind: the Secret of a former name, and the finalizer. The write says whether
// something is left.
func (c *Controller) cleanUp(ctx context.Context, a *attempt, write *status.Write) error {
	if err := c.leaveFormer(ctx, a.secretSync); err != nil {
		write.Leftover = true
		return err
	}
	return c.removeFinalizer(ctx, a.secretSync)
}

// leaveFormer gives up the Secret of a former name.
func (c *Controller) leaveFormer(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	former, namespace := secretSync.Status.Secret, secretSync.Namespace
	if former == nil || former.Name == secretSync.TargetName() {
		return nil
	}
	switch merged := former.CreationPolicy == v1alpha1.CreationPolicyMerge; {
	case merged && secretSync.Spec.Target.Retains():
		return nil
	case merged:
		return c.secrets.Release(ctx, namespace, former.Name, secretSync.Name, c.still(secretSync))
	case secretSync.Spec.Target.Retains():
		_, err := c.secrets.Disown(ctx, namespace, former.Name, secretSync.UID, c.still(secretSync))
		return err
	}
	heir, err := c.heir(ctx, secretSync, former.Name)
	switch {
	case err != nil:
		return err
	case heir != nil: // It waits for a Secret of that name, which pods then never miss.
		handed, err := c.secrets.HandOver(ctx, namespace, former.Name, secretSync.Name, heir, c.still(secretSync))
		if err != nil || handed {
			return err
		}
	}
	return c.secrets.Delete(ctx, namespace, former.Name, secretSync.Name, c.still(secretSync))
}

// heir is the SecretSync that is to have a Secret which its owner no longer wants; nil where none waits for it.
func (c *Controller) heir(ctx context.Context, owner *v1alpha1.SecretSync, secret string) (*v1alpha1.SecretSync, error) {
	claimants, err := c.claimants(ctx, owner.Namespace, secret)
	if err != nil {
		return nil, err
	}
	claimants = slices.DeleteFunc(slices.Clone(claimants), func(claimant v1alpha1.SecretSync) bool {
		return claimant.Name == owner.Name || claimant.Deleting() || claimant.Spec.Target.Merges() || claimant.Spec.Suspend || claimant.Observes()
	})
	if len(claimants) == 0 {
		return nil, nil
	}
	first := slices.MinFunc(claimants, func(a, b v1alpha1.SecretSync) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return first.DeepCopy(), nil
}

// disown frees a Secret that is to outlive its SecretSync from the garbage collector, where the reconcile could not write
// it: a user may ask for Retain because the secret in AWS is gone for good, and delete the SecretSync next. It says
// whether another writer has touched the Secret meanwhile.
func (c *Controller) disown(ctx context.Context, a *attempt, write *status.Write) (touched bool, err error) {
	secretSync, written := a.secretSync, a.secretSync.Status.Secret
	checked := secretSync.Unreadable == nil && (a.trigger != schedule.None || a.once || secretSync.Spec.Suspend)
	if !checked || write != nil || written == nil || !secretSync.Spec.Target.Retains() ||
		written.CreationPolicy == v1alpha1.CreationPolicyMerge || secretSync.WrittenBySpec() {
		return false, nil
	}
	a.state.writes.Begin()
	freed, err := c.secrets.Disown(ctx, secretSync.Namespace, written.Name, secretSync.UID, c.still(secretSync))
	touched = a.state.writes.End(freed.After, c.options.Clock.Now())
	if freed.After != "" && freed.Before == written.ResourceVersion {
		a.state.seen.Note(target.Result{UID: written.UID, ResourceVersion: freed.After})
	}
	return touched, err
}

// still is asked before something is removed from a Secret, once that was read: it is an error where the SecretSync is no
// longer as this reconcile has read it. A removal that was decided on before an edit would otherwise take away what was
// written after it.
func (c *Controller) still(secretSync *v1alpha1.SecretSync) target.Recheck {
	return func(ctx context.Context) error {
		secretSyncs := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "secretsyncs"}
		live, err := c.live(ctx, client.ObjectKeyFromObject(secretSync))
		switch {
		case err != nil:
			return err
		case live == nil || live.UID != secretSync.UID:
			return apierrors.NewNotFound(secretSyncs, secretSync.Name)
		case live.Generation != secretSync.Generation || live.Deleting() != secretSync.Deleting():
			return apierrors.NewConflict(secretSyncs, secretSync.Name, fmt.Errorf("generation %d is no longer the latest", secretSync.Generation))
		}
		return nil
	}
}
