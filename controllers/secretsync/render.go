package secretsync

import (
	"context"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

// secretContent is what a Secret is to hold.
type secretContent struct {
	data map[string][]byte
	// keys are those of data, previousKeys those of them that hold former values, both sorted.
	keys, previousKeys []string
	// notes are what is worth knowing of data.
	notes render.Notes
}

// render makes the keys of the Secret from the values, and checks what must be so of them.
func (c *Controller) render(ctx context.Context, a *attempt, set *resolve.Set) (secretContent, error) {
	work := render.Work{Budget: set.Budget(ctx), Patterns: c.patterns}
	defer c.heavy.Limit(work.Budget, a.secretSync.Namespace)()
	spec := &a.secretSync.Spec
	inputs := renderInputs(set, func(input *resolve.Input) *source.Value {
		if input.Absent {
			return nil
		}
		return &input.Fetched.Value
	})
	inputs.SyncedKeys = syncedKeys(a.secretSync)
	made, err := render.Render(work, spec, inputs)
	if err != nil {
		return secretContent{}, err
	}
	data := made.Data
	notes, err := publishable(work, spec, data)
	if err != nil {
		return secretContent{}, err
	}
	if err := render.CheckKeysRemain(data, inputs.SyncedKeys); err != nil {
		return secretContent{}, err
	}
	if err := c.checkNulls(ctx, a, set, made.Nulls); err != nil {
		return secretContent{}, err
	}
	data, previousKeys, err := withPrevious(work, spec, set, data)
	return secretContent{data: data, keys: slices.Sorted(maps.Keys(data)), previousKeys: previousKeys, notes: notes}, err
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

// syncedKeys are the keys that the present spec has written. Of one that was edited since there are none: the edit asks
// for whatever it leads to, as does a SecretSync that was recreated.
func syncedKeys(secretSync *v1alpha1.SecretSync) []string {
	if !secretSync.WrittenBySpec() {
		return nil
	}
	return secretSync.Status.Secret.Keys
}

// publishable checks what must be so of keys: by the type of the Secret, by the guards of the spec, and by the size that
// Kubernetes allows.
func publishable(work render.Work, spec *v1alpha1.SecretSyncSpec, data map[string][]byte) (notes render.Notes, err error) {
	if !spec.Target.Merges() {
		if notes, err = render.CheckType(work, spec.Target.TypeOrDefault(), data); err != nil {
			return notes, err
		}
	}
	if err := render.CheckGuards(work, spec.Guards, data); err != nil {
		return notes, err
	}
	return notes, render.CheckSize(data)
}

// renderInputs sorts values by the entries of the spec that are made from them.
func renderInputs(set *resolve.Set, valueOf func(*resolve.Input) *source.Value) render.Inputs {
	var inputs render.Inputs
	if whole := set.Entries.Whole; whole != nil {
		inputs.Source = valueOf(whole)
		return inputs
	}
	inputs.Data = make([]*source.Value, len(set.Entries.Data))
	for n, input := range set.Entries.Data {
		inputs.Data[n] = valueOf(input)
	}
	inputs.DataFrom = make([][]render.NamedValue, len(set.Entries.DataFrom))
	for n, many := range set.Entries.DataFrom {
		for _, input := range many {
			if value := valueOf(input); value != nil {
				inputs.DataFrom[n] = append(inputs.DataFrom[n], render.NamedValue{Name: input.Name, Value: *value})
			}
		}
	}
	return inputs
}
