package assemble

import (
	"errors"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

// withPrevious adds the former values under names of their own, and gives these, sorted. A former version that lacks what
// the spec asks for is left out, as is one that could not be published itself, or not beside the present one: it must not
// keep the present one, which may fix it, from being published.
func withPrevious(work render.Work, spec *v1alpha1.SecretSyncSpec, set *resolve.Set, data map[string][]byte) (both map[string][]byte, previousKeys []string, err error) {
	if !slices.ContainsFunc(set.Former, func(input *resolve.Input) bool { return !input.Absent }) {
		return data, nil, nil
	}
	former, err := renderFormer(work, spec, set)
	if out, err := leftOut(err); out || err != nil {
		return data, nil, err
	}
	both, err = render.WithPrevious(data, former, spec.KeepPrevious.Suffix)
	if err != nil {
		return nil, nil, err
	}
	_, err = publishable(work, spec, both)
	if out, err := leftOut(err); out || err != nil {
		return data, nil, err
	}
	for key := range both {
		if _, present := data[key]; !present {
			previousKeys = append(previousKeys, key)
		}
	}
	slices.Sort(previousKeys)
	return both, previousKeys, nil
}

// leftOut says whether an error of the former values leaves them out. Where it is one of the reconcile and not of the
// values, it is given back: what was done with the present ones is no reason to take the former ones out.
func leftOut(err error) (bool, error) {
	_, unusable := errors.AsType[*render.Error](err)
	_, exceeded := errors.AsType[*pattern.Exceeded](err)
	if exceeded || !unusable {
		return false, err
	}
	return true, nil
}

// renderFormer makes the keys of the former values, where they could be published.
func renderFormer(work render.Work, spec *v1alpha1.SecretSyncSpec, set *resolve.Set) (map[string][]byte, error) {
	lenient := forFormer(spec)
	made, err := render.Render(work, lenient, inputsOf(set, func(input *resolve.Input) *source.Value {
		was := set.PreviousOf(input)
		if was == nil || was.Absent {
			return nil
		}
		return &was.Fetched.Value
	}))
	if err != nil {
		return nil, err
	}
	_, err = publishable(work, lenient, made.Data)
	return made.Data, err
}

// forFormer is a spec that takes what there is.
func forFormer(spec *v1alpha1.SecretSyncSpec) *v1alpha1.SecretSyncSpec {
	lenient := spec.DeepCopy()
	for i := range lenient.Data {
		lenient.Data[i].Optional = true
	}
	for i := range lenient.DataFrom {
		lenient.DataFrom[i].Optional = true
	}
	if lenient.Template != nil {
		lenient.Template.Metadata = nil // Labels and annotations are those of the present values.
	}
	if lenient.Guards != nil {
		lenient.Guards.RequiredKeys = nil
	}
	return lenient
}
