package secretsync

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// statusTries is how often a status is written while others edit the SecretSync at the same time.
const statusTries = 4

// writeStatus writes the status of a SecretSync if it changed. A SecretSync that is gone needs none, nor does another one
// that was created under its name since.
func (c *Controller) writeStatus(ctx context.Context, r *report, after *v1alpha1.SecretSync) error {
	before := &r.secretSync.Status
	if !status.Changed(before, &after.Status, r.state.seen.Secret()) {
		return nil
	}
	after.Status.Operator = c.options.Operator
	status.DateSources(&r.outcome, &after.Status)
	changed, err := c.writeOver(ctx, after, before)
	switch {
	case apierrors.IsNotFound(err), c.replaced(ctx, after, err):
		return nil
	case err != nil:
		return fmt.Errorf("patching status: %w", err)
	}
	r.state.cache.wrote(changed.ResourceVersion)
	r.wroteStatus(after)
	r.state.seen.Clear() // It is in status now, or a later write is.
	return nil
}

// writeOver writes status over the one that the reconcile has read. An edit of spec or metadata in the meantime does not
// keep it from that; another status does, which a process has written that has taken over from this one: that is an error
// of the kind Conflict, and nothing of the reconcile is reported.
func (c *Controller) writeOver(ctx context.Context, after *v1alpha1.SecretSync, before *v1alpha1.SecretSyncStatus) (*v1alpha1.SecretSync, error) {
	changed, err := c.patchStatus(ctx, after, after.ResourceVersion)
	for tries := 1; apierrors.IsConflict(err) && tries < statusTries; tries++ {
		live, failed := c.live(ctx, client.ObjectKeyFromObject(after))
		if failed != nil {
			return nil, failed
		}
		if live == nil || live.UID != after.UID || !status.Equal(&live.Status, before) {
			return nil, err
		}
		changed, err = c.patchStatus(ctx, after, live.ResourceVersion)
	}
	return changed, err
}

func (c *Controller) patchStatus(ctx context.Context, secretSync *v1alpha1.SecretSync, resourceVersion string) (*v1alpha1.SecretSync, error) {
	patch, err := statusPatch(secretSync, resourceVersion)
	if err != nil {
		return nil, err
	}
	changed := secretSync.DeepCopy()
	return changed, c.options.Client.Status().Patch(ctx, changed, patch)
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// statusPatch replaces the whole status, and does so for the object with that UID and at that resourceVersion alone:
// another replica may have taken over and written a newer one. What was found out about an object that is gone would
// otherwise end up in the one that has its name now: of metadata, the API server looks at the resourceVersion alone when a
// status is merged, and that changes with every edit.
func statusPatch(secretSync *v1alpha1.SecretSync, resourceVersion string) (client.Patch, error) {
	var operations []operation
	if secretSync.UID != "" {
		operations = append(operations, operation{"test", "/metadata/uid", secretSync.UID})
	}
	if resourceVersion != "" { // Set rather than tested: the API server's answer is a conflict then.
		operations = append(operations, operation{"replace", "/metadata/resourceVersion", resourceVersion})
	}
	operations = append(operations, operation{"add", "/status", secretSync.Status})
	encoded, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encoding status: %w", err)
	}
	return client.RawPatch(types.JSONPatchType, encoded), nil
}

// replaced says whether the API server refused a patch of a SecretSync because that is gone, or another one has its name:
// the patch tests the UID. The API server calls a test that fails an invalid request, as it calls a status that it does
// not accept, so that the SecretSync itself is read to tell the two apart.
func (c *Controller) replaced(ctx context.Context, secretSync *v1alpha1.SecretSync, err error) bool {
	if !apierrors.IsInvalid(err) {
		return false
	}
	live, failed := c.live(ctx, client.ObjectKeyFromObject(secretSync))
	return failed == nil && (live == nil || live.UID != secretSync.UID)
}
