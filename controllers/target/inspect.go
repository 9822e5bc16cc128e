package target

import (
	"context"
)

// Inspect tells what Apply would meet, and writes nothing: the Secret as it is, with its values. Errors are
// those that Apply would give, but for a Secret that belongs to somebody else: State tells of that.
func (w *Writer) Inspect(ctx context.Context, desired Desired) (State, map[string][]byte, error) {
	if err := refuse(desired); err != nil {
		return State{}, nil, err
	}
	state, err := w.Current(ctx, desired.Namespace, desired.Name)
	if err != nil || !state.Exists && !desired.Merge {
		return state, nil, err
	}
	if !state.Exists {
		return state, nil, missing(desired)
	}
	if desired.Merge {
		if err := w.refuseHost(ctx, desired, state); err != nil {
			return state, nil, err
		}
	}
	values, err := w.Values(ctx, desired.Namespace, desired.Name)
	return state, values, err
}

// Ours says whether Apply would take the Secret for the SecretSync's own.
func Ours(desired Desired, state State) bool { return ours(desired, state) }
