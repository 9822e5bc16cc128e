package secretsync

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
)

// flushWithin bounds how long a stop waits for reports that were deferred.
const flushWithin = 20 * time.Second

// Start reports, when the manager stops, what was written and not yet reported: what is not in status would be fetched and
// written again by the next process. It waits for reconciles that are running: the state of a SecretSync is for one
// goroutine at a time.
func (c *Controller) Start(ctx context.Context) error {
	<-ctx.Done()
	c.secretWatches.stop()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
	defer cancel()
	running := c.running.Stop(flush)
	var errs []error
	for _, deferred := range c.deferred.stop(running) {
		if _, err := c.report(flush, deferred); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.saveSeen(flush))
	if err := errors.Join(errs...); err != nil {
		ctrl.LoggerFrom(ctx).Info("status of some SecretSyncs could not be written before the stop: the next start reconciles them", "error", err.Error())
	}
	return nil
}

// saveSeen writes into status what was only remembered of Secrets that are as desired.
func (c *Controller) saveSeen(ctx context.Context) error {
	var errs []error
	for name, known := range c.states.all() {
		seen := known.seen.Secret()
		if seen.ResourceVersion == "" {
			continue
		}
		secretSync := &v1alpha1.SecretSync{}
		err := c.options.Client.Get(ctx, name, secretSync)
		if err == nil {
			err = c.saveSeenOf(ctx, secretSync, known.uid, seen)
		}
		if apierrors.IsConflict(err) { // The watch is behind, or another process has written status since.
			var live *v1alpha1.SecretSync
			if live, err = c.live(ctx, name); err == nil && live != nil {
				err = c.saveSeenOf(ctx, live, known.uid, seen)
			}
		}
		if client.IgnoreNotFound(err) != nil && !c.replaced(ctx, secretSync, err) && !apierrors.IsConflict(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// saveSeenOf writes the resourceVersion of a Secret into a status that has an older one of it.
func (c *Controller) saveSeenOf(ctx context.Context, secretSync *v1alpha1.SecretSync, uid types.UID, seen ownwrites.Secret) error {
	written := secretSync.Status.Secret
	if secretSync.UID != uid || written == nil || written.UID != seen.UID || !ownwrites.Older(written.ResourceVersion, seen.ResourceVersion) {
		return nil
	}
	encoded, err := json.Marshal([]operation{
		{"test", "/metadata/uid", uid},
		{"replace", "/metadata/resourceVersion", secretSync.ResourceVersion},
		{"replace", "/status/secret/resourceVersion", seen.ResourceVersion},
	})
	if err != nil {
		return err
	}
	return c.options.Client.Status().Patch(ctx, secretSync, client.RawPatch(types.JSONPatchType, encoded))
}
