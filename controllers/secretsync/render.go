package secretsync

import (
	"context"
	"slices"

	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/assemble"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// render makes the keys of the Secret from the values, and checks what must be so of them.
func (c *Controller) render(ctx context.Context, a *attempt, set *resolve.Set) (assemble.Content, error) {
	work := render.Work{Budget: set.Budget(ctx), Patterns: c.patterns}
	defer c.heavy.Limit(work.Budget, a.secretSync.Namespace)()
	content, err := assemble.Make(work, a.secretSync, set)
	if err != nil {
		return assemble.Content{}, err
	}
	if err := c.checkNulls(ctx, a, set, content.Nulls); err != nil {
		return assemble.Content{}, err
	}
	return content, nil
}

// checkNulls refuses keys that null in AWS would empty, by what the Secret holds now. It reads the Secret only if there
// are such keys. Versions that were published before are not checked: a repair writes them again.
func (c *Controller) checkNulls(ctx context.Context, a *attempt, set *resolve.Set, nulls []string) error {
	written := a.secretSync.Status.Secret
	if len(nulls) == 0 || written == nil || written.Name != a.secretSync.TargetName() || a.secretSync.WrittenBySpec() && set.InSync() {
		return nil
	}
	nulled := slices.DeleteFunc(slices.Clone(nulls), func(key string) bool { return !slices.Contains(written.Keys, key) })
	if len(nulled) == 0 {
		return nil
	}
	present, err := c.secrets.Values(ctx, a.secretSync.Namespace, written.Name)
	if err != nil {
		return err
	}
	return render.CheckNulls(&a.secretSync.Spec, nulled, present)
}
