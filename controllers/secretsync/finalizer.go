package secretsync

import (
	"context"
	"fmt"
	"slices"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// addFinalizer sets the finalizer before the first key is merged into a Secret of another owner.
func (c *Controller) addFinalizer(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	patched := secretSync.DeepCopy()
	if !needsFinalizer(secretSync) || !controllerutil.AddFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	return c.patchFinalizers(ctx, secretSync, patched)
}

// removeFinalizer takes the finalizer off where it is no longer needed: when no key of the SecretSync is left in a Secret
// of another owner, and not before.
func (c *Controller) removeFinalizer(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	patched := secretSync.DeepCopy()
	if needsFinalizer(secretSync) || !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return nil
	}
	return c.patchFinalizers(ctx, secretSync, patched)
}

func needsFinalizer(secretSync *v1alpha1.SecretSync) bool {
	return secretSync.Spec.Target.Merges() && !secretSync.Spec.Target.Retains()
}

func (c *Controller) patchFinalizers(ctx context.Context, secretSync, patched *v1alpha1.SecretSync) error {
	patch := client.MergeFromWithOptions(secretSync, client.MergeFromWithOptimisticLock{})
	if err := c.options.Client.Patch(ctx, patched, patch); err != nil {
		return fmt.Errorf("patching finalizers: %w", err)
	}
	secretSync.Finalizers, secretSync.ResourceVersion = patched.Finalizers, patched.ResourceVersion
	return nil
}

// finalize ends the life of a SecretSync. Its own Secret is deleted by the owner reference; only keys that were merged
// into a Secret of another owner have to be taken out.
//
// What time can heal is tried again, and status says so; so is what a policy, a webhook or a quota of the cluster does not
// allow, as others can change that. What the API server refuses for good, as it does for a Secret that is immutable, holds
// the deletion up no longer: the keys stay, and an event says so.
func (c *Controller) finalize(ctx context.Context, secretSync *v1alpha1.SecretSync, state *objectState) (reconcile.Result, error) {
	state.schedule.Stop()
	patched := secretSync.DeepCopy()
	if !controllerutil.RemoveFinalizer(patched, v1alpha1.FinalizerMerge) {
		return reconcile.Result{}, nil
	}
	if err := c.takeOut(ctx, secretSync); err != nil {
		failed := failure.Explain(err)
		if !failed.IsTerminal() || failed.Reason == v1alpha1.ReasonAdmissionDenied {
			a := &attempt{secretSync: secretSync, readAt: secretSync.ResourceVersion, state: state, began: c.options.Clock.Now()}
			return c.report(ctx, &report{attempt: a, syncResult: syncResult{outcome: status.Outcome{SecretSync: secretSync}, err: err}})
		}
		c.send(secretSync, status.Warning(status.EventFailed, status.ActionRelease, "The keys stay in the Secret: "+failed.Message))
		ctrl.LoggerFrom(ctx).Error(nil, "keys stay in the Secret", "reason", failed.Reason, "message", failed.Message)
	}
	return reconcile.Result{}, client.IgnoreNotFound(c.patchFinalizers(ctx, secretSync, patched))
}

// takeOut removes the keys that were merged.
func (c *Controller) takeOut(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	if secretSync.Unreadable != nil {
		return failure.Unreadable(*secretSync.Unreadable) // Whether the keys are to be retained is not known.
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

// merged are the Secrets that may have keys of the SecretSync: the one in status, and that of the spec, in case the
// operator was killed between writing it and reporting that.
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
