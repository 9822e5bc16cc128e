package secretsync

import (
	"context"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
)

// render makes the keys of the Secret from the values, and holds them against what must be so of them.
func (c *Controller) render(ctx context.Context, p *pass) error {
	if err := stillFound(p); err != nil {
		return err
	}
	work, leave := c.work(ctx, p)
	defer leave()
	spec := &p.sync.Spec
	material := materialOf(p, func(one *input) *source.Value {
		if one.absent {
			return nil
		}
		return &one.fetched.Value
	})
	material.SyncedKeys = syncedKeys(p.sync)
	data, err := render.Render(work, spec, material)
	if err != nil {
		return err
	}
	notes, err := publishable(work, spec, data)
	if err != nil {
		return err
	}
	if err := render.CheckKeysRemain(data, material.SyncedKeys); err != nil {
		return err
	}
	if data, err = withPrevious(work, p, data); err != nil {
		return err
	}
	p.data, p.notes, p.keys = data, notes, slices.Sorted(maps.Keys(data))
	return nil
}

// syncedKeys are the keys that the present spec has written. Of one that was edited since there are none: the edit
// asks for whatever it leads to, as does a SecretSync that was recreated.
func syncedKeys(secretSync *v1alpha1.SecretSync) []string {
	if !writtenBySpec(secretSync) {
		return nil
	}
	return secretSync.Status.Secret.Keys
}

// publishable holds keys against what must be so of them: by the type of the Secret, the spec's guards, and the
// size that Kubernetes allows.
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

// materialOf sorts values by the entries of the spec that are made from them.
func materialOf(p *pass, valueOf func(*input) *source.Value) render.Inputs {
	var material render.Inputs
	if whole := p.entries.whole; whole != nil {
		material.Source = valueOf(whole)
		return material
	}
	material.Data = make([]*source.Value, len(p.entries.data))
	for n, one := range p.entries.data {
		material.Data[n] = valueOf(one)
	}
	material.DataFrom = make([][]render.NamedValue, len(p.entries.dataFrom))
	for n, many := range p.entries.dataFrom {
		for _, one := range many {
			if value := valueOf(one); value != nil {
				material.DataFrom[n] = append(material.DataFrom[n], render.NamedValue{Name: one.name, Value: *value})
			}
		}
	}
	return material
}
