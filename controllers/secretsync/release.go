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
func (c *Controller) guardMerge(ctx context.Context, sync *v1alpha1.SecretSync) error {
	patched := sync.DeepCopy()
	if !guards(sync) || !controllerutil.AddFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	return c.patchFinalizers(ctx, sync, patched)
}

// unguardMerge takes the finalizer off where it is no longer called for: when nothing of ours is left in
// somebody else's Secret, and not before.
func (c *Controller) unguardMerge(ctx context.Context, sync *v1alpha1.SecretSync) error {
	patched := sync.DeepCopy()
	if guards(sync) || !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	return c.patchFinalizers(ctx, sync, patched)
}

func guards(sync *v1alpha1.SecretSync) bool {
	return sync.Spec.Target.Merges() && !sync.Spec.Target.Retains()
}

func (c *Controller) patchFinalizers(ctx context.Context, sync, patched *v1alpha1.SecretSync) error {
	patch := client.MergeFromWithOptions(sync, client.MergeFromWithOptimisticLock{})
	if err := c.Client.Patch(ctx, patched, patch); err != nil {
		return fmt.Errorf("patching finalizers: %w", err)
	}
	sync.Finalizers, sync.ResourceVersion = patched.Finalizers, patched.ResourceVersion
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
	former, sync := p.before.Status.Secret, p.sync
	if former == nil || former.Name == sync.TargetName() {
		return nil
	}
	switch merged := former.CreationPolicy == v1alpha1.CreationPolicyMerge; {
	case merged && sync.Spec.Target.Retains():
		return nil
	case merged:
		return c.secrets.Release(ctx, sync.Namespace, former.Name, sync.Name, c.still(sync))
	case sync.Spec.Target.Retains():
		_, err := c.secrets.Disown(ctx, sync.Namespace, former.Name, sync.UID, c.still(sync))
		return err
	}
	heir, err := c.heir(ctx, sync, former.Name)
	switch {
	case err != nil:
		return err
	case heir != nil: // It waits for a Secret of that name, which pods then never miss.
		handed, err := c.secrets.HandOver(ctx, sync.Namespace, former.Name, sync.Name, heir, c.still(sync))
		if err != nil || handed {
			return err
		}
	}
	return c.secrets.Delete(ctx, sync.Namespace, former.Name, sync.Name, c.still(sync))
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
func (c *Controller) release(ctx context.Context, sync *v1alpha1.SecretSync, memory *memory) (reconcile.Result, error) {
	memory.nextLook.set(time.Time{})
	patched := sync.DeepCopy()
	if !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return reconcile.Result{}, nil
	}
	if err := c.takeOut(ctx, sync); err != nil {
		p := c.begin(sync, memory)
		f := explain(err)
		if f == nil || f.heals != byEdit || f.reason == v1alpha1.ReasonAdmissionDenied {
			p.err = err
			return c.report(ctx, p)
		}
		c.send(p, corev1.EventTypeWarning, eventFailed, "Release", "The keys stay in the Secret: "+f.message)
		ctrl.LoggerFrom(ctx).Info("keys stay in the Secret", "reason", f.reason, "message", f.message)
	}
	return reconcile.Result{}, client.IgnoreNotFound(c.patchFinalizers(ctx, sync, patched))
}

func (c *Controller) takeOut(ctx context.Context, sync *v1alpha1.SecretSync) error {
	if sync.Unreadable != nil {
		return unreadable(sync) // Whether the keys are to be retained is not known.
	}
	if sync.Spec.Target.Retains() {
		return nil
	}
	for _, name := range merged(sync) {
		if err := c.secrets.Release(ctx, sync.Namespace, name, sync.Name, c.still(sync)); err != nil {
			return err
		}
	}
	return nil
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
