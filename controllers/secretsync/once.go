package secretsync

import (
	"context"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// writtenOnce says whether the mode is Once and the Secret was written before, so that there is nothing to do. The Secret
// itself tells, by its annotations: status may be of a time before an operator was killed, or be lost in a move to another
// cluster. found is the Secret that status has, as the watch last saw it.
func (c *Controller) writtenOnce(ctx context.Context, secretSync *v1alpha1.SecretSync, found target.State) (bool, error) {
	if !secretSync.Once() || secretSync.RefreshRequested() {
		return false, nil
	}
	written := secretSync.Status.Secret
	if written != nil && written.Name != secretSync.TargetName() {
		return false, nil // The Secret was renamed.
	}
	if written != nil && found.Exists && found.UID == written.UID {
		// A refresh that was requested of the present spec, and has failed, is tried again.
		failing := secretSync.FailureReason() != "" && secretSync.Status.ObservedGeneration == secretSync.Generation
		return !failing, nil
	}
	return c.secrets.Written(ctx, secretSync.Namespace, secretSync.TargetName(), secretSync.Name)
}
