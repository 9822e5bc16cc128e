package assemble

import (
	"maps"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

// Content is what a Secret is to hold.
type Content struct {
	Data map[string][]byte
	// Labels and Annotations are those of spec.template.metadata.
	Labels, Annotations map[string]string
	// Keys are those of Data, PreviousKeys those of them that hold former values, both sorted.
	Keys, PreviousKeys []string
	// Nulls are the keys that are empty because of a null in AWS. They must not empty a key of the Secret that has a value
	// (render.CheckNulls).
	Nulls []string
	// Notes are what is worth knowing of Data.
	Notes render.Notes
}

// Make makes the keys of the Secret from the values of a set, and checks what must be so of them. Errors are of type
// *render.Error, or those of the budget and its context.
func Make(work render.Work, secretSync *v1alpha1.SecretSync, set *resolve.Set) (Content, error) {
	spec := &secretSync.Spec
	inputs := inputsOf(set, func(input *resolve.Input) *source.Value {
		if input.Absent {
			return nil
		}
		return &input.Fetched.Value
	})
	inputs.SyncedKeys = syncedKeys(secretSync)
	made, err := render.Render(work, spec, inputs)
	if err != nil {
		return Content{}, err
	}
	data := made.Data
	notes, err := publishable(work, spec, data)
	if err != nil {
		return Content{}, err
	}
	if err := render.CheckKeysRemain(data, inputs.SyncedKeys); err != nil {
		return Content{}, err
	}
	data, previousKeys, err := withPrevious(work, spec, set, data)
	return Content{
		Data: data, Labels: made.Labels, Annotations: made.Annotations,
		Keys: slices.Sorted(maps.Keys(data)), PreviousKeys: previousKeys, Nulls: made.Nulls, Notes: notes,
	}, err
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

// inputsOf sorts values by the entries of the spec that are made from them.
func inputsOf(set *resolve.Set, valueOf func(*resolve.Input) *source.Value) render.Inputs {
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
