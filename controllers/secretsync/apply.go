package secretsync

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/target"
)

// apply writes the Secret. It says whether another writer has touched it meanwhile, with an error too.
func (c *Controller) apply(ctx context.Context, a *attempt, set *resolve.Set, content assemble.Content) (write *status.Write, touched bool, err error) {
	if err := c.addFinalizer(ctx, a.secretSync); err != nil {
		return nil, false, err
	}
	if !a.inTurn && heavyToWrite(content.Data) {
		return nil, false, c.inTurn(a, resolve.ErrTooLarge)
	}
	digests := c.digester.Of(content.Data)
	changes, err := c.compare(ctx, a, digests)
	if err != nil {
		return nil, false, err
	}
	a.state.writes.Begin()
	result, err := c.secrets.Apply(ctx, desired(a, set, content))
	now := c.options.Clock.Now()
	touched = a.state.writes.End(result.ResourceVersion, now)
	if err != nil {
		a.rewritten(result)
		return nil, touched, err
	}
	if result.Former != nil {
		changes = a.state.content.TakenOver(c.digester, a.secretSync, result.Former, digests)
	}
	write = &status.Write{
		Result: &result, At: now, Keys: content.Keys, PreviousKeys: content.PreviousKeys, Notes: content.Notes, Changes: changes,
	}
	a.state.content.Wrote(digests)
	c.written(ctx, a, write)
	c.unmark(a, set, content.Data)
	return write, touched, nil
}

// written notes what a write of the Secret means for later reconciles, of other SecretSyncs too.
func (c *Controller) written(ctx context.Context, a *attempt, write *status.Write) {
	secretSync := a.secretSync
	if !write.Changed() {
		a.state.seen.Note(*write.Result)
		return
	}
	if secretSync.Status.Secret != nil && !secretSync.WrittenBySpec() { // An edited spec may leave keys to others.
		c.inserter.Add(c.wakeAll(ctx, client.ObjectKey{Namespace: secretSync.Namespace, Name: secretSync.TargetName()}, secretSync.Name, true))
	}
	if a.trigger == schedule.Drift {
		a.state.fight.Repaired(write.At, write.Result.OverriddenManagers)
	}
}

// rewritten notes a Secret whose update was refused after the records of its fields had been rewritten: that was no edit
// by others.
func (a *attempt) rewritten(result target.Result) {
	if written := a.secretSync.Status.Secret; written != nil && result.ResourceVersion != "" && written.UID == result.UID {
		a.state.seen.Note(result)
	}
}

// compare finds what is about to change in the Secret that status has.
func (c *Controller) compare(ctx context.Context, a *attempt, digests ownwrites.Digests) (ownwrites.Changes, error) {
	written := a.secretSync.Status.Secret
	if written == nil || written.Name != a.secretSync.TargetName() {
		return ownwrites.Changes{}, nil
	}
	return a.state.content.Compare(c.digester, written, digests, func() (map[string][]byte, error) {
		return c.secrets.Values(ctx, a.secretSync.Namespace, written.Name)
	})
}

// desired is the Secret as the spec asks for it, and the one that it replaces.
func desired(a *attempt, set *resolve.Set, content assemble.Content) target.Desired {
	wanted := assemble.Desired(a.secretSync, set, content)
	wanted.Found = a.found.State
	if written := a.state.seen.Secret().Latest(a.secretSync.Status.Secret); written != nil && written.Name == wanted.Name {
		wanted.Previous = written
	}
	return wanted
}
