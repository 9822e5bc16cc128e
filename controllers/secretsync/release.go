package secretsync

import (
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// guardMerge sets the finalizer before the first key is put into somebody else's Secret, and takes
// it off where it is no longer called for.
func (c *Controller) guardMerge(ctx context.Context, sync *v1alpha1.SecretSync) error {
	patched := sync.DeepCopy()
	changed := false
	if sync.Spec.Target.Merges() && !sync.Spec.Target.Retains() {
		changed = controllerutil.AddFinalizer(patched, v1alpha1.FinalizerMerge)
	} else {
		changed = controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge)
	}
	if !changed {
		return nil
	}
	return c.patchFinalizers(ctx, sync, patched)
}

func (c *Controller) patchFinalizers(ctx context.Context, sync, patched *v1alpha1.SecretSync) error {
	patch := client.MergeFromWithOptions(sync.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if err := c.Client.Patch(ctx, patched, patch); err != nil {
		return fmt.Errorf("patching finalizers: %w", err)
	}
	sync.Finalizers, sync.ResourceVersion = patched.Finalizers, patched.ResourceVersion
	return nil
}

// tidy removes what a former spec left behind: the Secret of a former name.
func (c *Controller) tidy(ctx context.Context, p *pass) error {
	former := p.before.Status.Secret
	if former == nil || former.Name == p.sync.TargetName() || p.sync.Spec.Target.Retains() {
		return nil
	}
	if former.CreationPolicy == v1alpha1.CreationPolicyMerge {
		return c.secrets.Release(ctx, p.sync.Namespace, former.Name, p.sync.Name)
	}
	return c.secrets.Delete(ctx, p.sync.Namespace, former.Name, p.sync.Name)
}

// release ends the life of a SecretSync. Its own Secret goes by the owner reference; only keys that
// were merged into somebody else's Secret have to be taken out.
func (c *Controller) release(ctx context.Context, sync *v1alpha1.SecretSync) error {
	patched := sync.DeepCopy()
	if !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	if !sync.Spec.Target.Retains() {
		for _, name := range merged(sync) {
			if err := c.secrets.Release(ctx, sync.Namespace, name, sync.Name); err != nil {
				return err
			}
		}
	}
	return client.IgnoreNotFound(c.patchFinalizers(ctx, sync, patched))
}

// merged are the Secrets that may have keys of the SecretSync: the one in status, and that of the
// spec, in case the operator was killed between writing it and saying so.
func merged(sync *v1alpha1.SecretSync) []string {
	var names []string
	if written := sync.Status.Secret; written != nil && written.CreationPolicy == v1alpha1.CreationPolicyMerge {
		names = append(names, written.Name)
	}
	if sync.Spec.Target.Merges() && !slices.Contains(names, sync.TargetName()) {
		names = append(names, sync.TargetName())
	}
	return names
}
