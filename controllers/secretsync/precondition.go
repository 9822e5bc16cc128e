package secretsync

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// findSecret notes the Secret as it is before AWS is asked. The write has that state for a precondition, so that it never
// replaces what was written since, perhaps of a newer version and by a replica that has taken over from this one: a
// process can be stopped at any point for longer than its lease runs, and does not notice. After such a race the pass
// begins again with the Secret, as well as the SecretSync, that the API server has now.
func (c *Controller) findSecret(ctx context.Context, p *pass) (err error) {
	if observes(p.sync) {
		return nil
	}
	name := p.sync.TargetName()
	switch {
	case p.memory.races > 0:
		p.found, err = c.secrets.Current(ctx, p.sync.Namespace, name)
		return err
	case !p.found.Exists: // Otherwise decide has looked.
		if p.found, err = c.secrets.Find(ctx, p.sync.Namespace, name, p.sync.Spec.Target.Merges()); err != nil {
			return err
		}
	}
	if p.lags { // The watch is yet to bring what this process wrote itself.
		p.found.ResourceVersion = p.memory.lastSeen(p.sync.Status.Secret).ResourceVersion
	}
	return nil
}

// still is asked before something is removed from a Secret, once that was read: it is an error where the SecretSync is
// no longer as this pass has read it. A removal that was decided on before an edit would otherwise take away what was
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
		case live.Generation != secretSync.Generation || goes(live) != goes(secretSync):
			return apierrors.NewConflict(secretSyncs, secretSync.Name, fmt.Errorf("generation %d is no longer the latest", secretSync.Generation))
		}
		return nil
	}
}
