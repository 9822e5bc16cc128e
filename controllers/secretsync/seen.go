package secretsync

import (
	"context"
	"encoding/json"
	"errors"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// A Secret that others edit without touching what is ours gets a new resourceVersion each time. That it was found to
// be as desired is remembered here, and gets into status with the next status that is written for another reason, or
// when the process stops: a tool that annotates each Secret every few seconds would otherwise have status written as
// often. A process that is killed leaves the former resourceVersion in status; the next one then reads the value
// once, finds the Secret as desired, and writes nothing.

// lastSeen is the Secret as it was last known to be as desired: by status, or by a later look.
func (m *memory) lastSeen(written *v1alpha1.SecretStatus) *v1alpha1.SecretStatus {
	seen := m.seen.Load()
	if written == nil || seen == nil || seen.UID != written.UID || older(seen.ResourceVersion, written.ResourceVersion) {
		return written
	}
	latest := *written
	latest.ResourceVersion = seen.ResourceVersion
	return &latest
}

// onlySeen says whether status would be written for nothing but that the Secret was seen to be as desired.
func (p *pass) onlySeen() bool {
	before, now, seen := p.before.Status, p.sync.Status, p.memory.seen.Load()
	if seen == nil || before.Secret == nil || now.Secret == nil || now.Secret.ResourceVersion != seen.ResourceVersion {
		return false
	}
	former := *now.Secret
	former.ResourceVersion = before.Secret.ResourceVersion
	now.Secret = &former
	return equality.Semantic.DeepEqual(before, now)
}

// noteRewrite notes the resourceVersion of a Secret whose update was refused after the records of its fields had been
// rewritten: that was no edit by others.
func (p *pass) noteRewrite(result target.Result) {
	if written := p.sync.Status.Secret; written != nil && result.ResourceVersion != "" && written.UID == result.UID {
		written.ResourceVersion = result.ResourceVersion
	}
}

// saveSeen writes into status what was only remembered, when the process stops.
func (c *Controller) saveSeen(ctx context.Context) error {
	var problems []error
	for name, remembered := range c.memories.all() {
		seen := remembered.seen.Load()
		if seen == nil {
			continue
		}
		secretSync := &v1alpha1.SecretSync{}
		err := c.Client.Get(ctx, name, secretSync)
		if err == nil {
			err = c.saveSeenOf(ctx, secretSync, remembered.uid, seen)
		}
		if apierrors.IsConflict(err) { // The watch is behind, or another process has written status since.
			if secretSync, err = c.live(ctx, name); err == nil && secretSync != nil {
				err = c.saveSeenOf(ctx, secretSync, remembered.uid, seen)
			}
		}
		if client.IgnoreNotFound(err) != nil && !isAnother(err) && !apierrors.IsConflict(err) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// saveSeenOf writes the resourceVersion of a Secret into a status that has an older one of it.
func (c *Controller) saveSeenOf(ctx context.Context, secretSync *v1alpha1.SecretSync, uid types.UID, seen *target.Result) error {
	written := secretSync.Status.Secret
	if secretSync.UID != uid || written == nil || written.UID != seen.UID || !older(written.ResourceVersion, seen.ResourceVersion) {
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
	return c.Client.Status().Patch(ctx, secretSync, client.RawPatch(types.JSONPatchType, encoded))
}
