package secretsync

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// guardMerge sets the finalizer before the first key is put into somebody else's Secret.
func (c *Controller) guardMerge(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	patched := secretSync.DeepCopy()
	if !guards(secretSync) || !controllerutil.AddFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	return c.patchFinalizers(ctx, secretSync, patched)
}

// unguardMerge takes the finalizer off where it is no longer called for: when nothing of ours is left in
// somebody else's Secret, and not before.
func (c *Controller) unguardMerge(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	patched := secretSync.DeepCopy()
	if guards(secretSync) || !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	return c.patchFinalizers(ctx, secretSync, patched)
}

func guards(secretSync *v1alpha1.SecretSync) bool {
	return secretSync.Spec.Target.Merges() && !secretSync.Spec.Target.Retains()
}

func (c *Controller) patchFinalizers(ctx context.Context, secretSync, patched *v1alpha1.SecretSync) error {
	patch := client.MergeFromWithOptions(secretSync, client.MergeFromWithOptimisticLock{})
	if err := c.Client.Patch(ctx, patched, patch); err != nil {
		return fmt.Errorf("patching finalizers: %w", err)
	}
	secretSync.Finalizers, secretSync.ResourceVersion = patched.Finalizers, patched.ResourceVersion
	return nil
}

// tidy removes what a former spec left behind: the Secret of a former name, and the finalizer.
func (c *Controller) tidy(ctx context.Context, p *pass) error {
	if err := c.leave(ctx, p); err != nil {
		p.untidy = true
		return err
	}
	return c.unguardMerge(ctx, p.sync)
}

func (c *Controller) leave(ctx context.Context, p *pass) error {
	former, secretSync := p.before.Status.Secret, p.sync
	if former == nil || former.Name == secretSync.TargetName() {
		return nil
	}
	switch merged := former.CreationPolicy == v1alpha1.CreationPolicyMerge; {
	case merged && secretSync.Spec.Target.Retains():
		return nil
	case merged:
		return c.secrets.Release(ctx, secretSync.Namespace, former.Name, secretSync.Name, c.still(secretSync))
	case secretSync.Spec.Target.Retains():
		_, err := c.secrets.Disown(ctx, secretSync.Namespace, former.Name, secretSync.UID, c.still(secretSync))
		return err
	}
	heir, err := c.heir(ctx, secretSync, former.Name)
	switch {
	case err != nil:
		return err
	case heir != nil: // It waits for a Secret of that name, which pods then never miss.
		handed, err := c.secrets.HandOver(ctx, secretSync.Namespace, former.Name, secretSync.Name, heir, c.still(secretSync))
		if err != nil || handed {
			return err
		}
	}
	return c.secrets.Delete(ctx, secretSync.Namespace, former.Name, secretSync.Name, c.still(secretSync))
}

// keep frees a Secret that is to outlive its SecretSync from the garbage collector, where the pass could
// not write it: whoever asks for Retain may do so because the secret in AWS is gone for good, and deletes
// the SecretSync next.
func (c *Controller) keep(ctx context.Context, p *pass) error {
	written := p.sync.Status.Secret
	if p.sync.Unreadable != nil {
		return nil
	}
	looked := p.trigger != triggerNone || p.sync.Spec.Suspend
	if !looked || p.applied != nil || written == nil || !p.sync.Spec.Target.Retains() ||
		written.CreationPolicy == v1alpha1.CreationPolicyMerge || writtenBySpec(p.sync) {
		return nil
	}
	c.memories.beginWrite(p.memory)
	freed, err := c.secrets.Disown(ctx, p.sync.Namespace, written.Name, p.sync.UID, c.still(p.sync))
	p.touched = c.memories.endWrite(p.memory, freed.After)
	if freed.After != "" && freed.Before == written.ResourceVersion {
		written.ResourceVersion = freed.After
	}
	return err
}

// release ends the life of a SecretSync. Its own Secret goes by the owner reference; only keys that
// were merged into somebody else's Secret have to be taken out.
//
// What time can heal is tried again, and status says so; so is what a policy, a webhook or a quota of the cluster
// does not allow, as others can change that. What the API server refuses for good, as it does
// for a Secret that is immutable, holds nobody up: the keys stay, and an event says so.
func (c *Controller) release(ctx context.Context, secretSync *v1alpha1.SecretSync, memory *memory) (reconcile.Result, error) {
	memory.nextLook.set(time.Time{})
	patched := secretSync.DeepCopy()
	if !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return reconcile.Result{}, nil
	}
	if err := c.takeOut(ctx, secretSync); err != nil {
		p := c.begin(secretSync, memory)
		f := explain(err)
		if f == nil || f.heals != byEdit || f.reason == v1alpha1.ReasonAdmissionDenied {
			p.err = err
			return c.report(ctx, p)
		}
		c.send(p, corev1.EventTypeWarning, eventFailed, "Release", "The keys stay in the Secret: "+f.message)
		ctrl.LoggerFrom(ctx).Info("keys stay in the Secret", "reason", f.reason, "message", f.message)
	}
	return reconcile.Result{}, client.IgnoreNotFound(c.patchFinalizers(ctx, secretSync, patched))
}

func (c *Controller) takeOut(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	if secretSync.Unreadable != nil {
		return unreadable(secretSync) // Whether the keys are to be retained is not known.
	}
	if secretSync.Spec.Target.Retains() {
		return nil
	}
	for _, name := range merged(secretSync) {
		if err := c.secrets.Release(ctx, secretSync.Namespace, name, secretSync.Name, c.still(secretSync)); err != nil {
			return err
		}
	}
	return nil
}

// merged are the Secrets that may have keys of the SecretSync: the one in status, and that of the
// spec, in case the operator was killed between writing it and saying so.
func merged(secretSync *v1alpha1.SecretSync) []string {
	var names []string
	if written := secretSync.Status.Secret; written != nil && written.CreationPolicy == v1alpha1.CreationPolicyMerge {
		names = append(names, written.Name)
	}
	if secretSync.Spec.Target.Merges() && !slices.Contains(names, secretSync.TargetName()) {
		names = append(names, secretSync.TargetName())
	}
	return names
}
