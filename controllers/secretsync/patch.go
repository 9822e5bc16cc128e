package secretsync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// write writes status if it changed. A SecretSync that is gone needs none, nor does another one that was made
// under its name since.
func (c *Controller) write(ctx context.Context, p *pass) error {
	fit(&p.sync.Status)
	if equality.Semantic.DeepEqual(p.before.Status, p.sync.Status) || p.onlySeen() {
		return nil
	}
	p.dateSources()
	changed, err := c.writeOver(ctx, p)
	switch {
	case apierrors.IsNotFound(err), isAnother(err):
		return nil
	case err != nil:
		return fmt.Errorf("patching status: %w", err)
	}
	p.memory.statusWritten = changed.ResourceVersion
	p.memory.seen.Store(nil) // It is in status now, or a later write is.
	return nil
}

// writeOver writes status over the one that the pass has read. An edit of spec or metadata in the meantime does not keep
// it from that; another status does, which a process has written that has taken over from this one: that is an error of
// the kind Conflict, and nothing of the pass is reported.
func (c *Controller) writeOver(ctx context.Context, p *pass) (*v1alpha1.SecretSync, error) {
	changed, err := c.patchStatus(ctx, p.sync, p.sync.ResourceVersion)
	for tries := 1; apierrors.IsConflict(err) && tries < statusTries; tries++ {
		live, problem := c.live(ctx, client.ObjectKeyFromObject(p.sync))
		if problem != nil {
			return nil, problem
		}
		if live == nil || live.UID != p.sync.UID || !equality.Semantic.DeepEqual(live.Status, p.before.Status) {
			return nil, err
		}
		changed, err = c.patchStatus(ctx, p.sync, live.ResourceVersion)
	}
	return changed, err
}

// statusTries is how often a status is written while others edit the SecretSync at the same time.
const statusTries = 4

func (c *Controller) patchStatus(ctx context.Context, secretSync *v1alpha1.SecretSync, resourceVersion string) (*v1alpha1.SecretSync, error) {
	patch, err := statusPatch(secretSync, resourceVersion)
	if err != nil {
		return nil, err
	}
	changed := secretSync.DeepCopy()
	return changed, c.Client.Status().Patch(ctx, changed, patch)
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// statusPatch puts the whole status in the place of the one that is there, and does so for the object with that UID and
// at that resourceVersion alone: another replica may have taken over and written a newer one. What was found out about an
// object that is gone would otherwise end up in the one that has its name now: of metadata, the API server looks at the
// resourceVersion alone when a status is merged, and that changes with every edit.
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

// isAnother says whether the API server refused a patch because the object has another UID. A status that it finds
// invalid has causes, which name fields.
func isAnother(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && apierrors.IsInvalid(err) && (status.ErrStatus.Details == nil || len(status.ErrStatus.Details.Causes) == 0)
}
