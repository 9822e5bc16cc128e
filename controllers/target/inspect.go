package target

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Inspection is what Apply would find.
type Inspection struct {
	State
	// Keys are the names of all keys of the Secret.
	Keys []string
	// Values are those that may be compared with what is desired: all of a Secret that the SecretSync owns; of any other,
	// those that it wrote and no other client has written since. Otherwise a user who may create SecretSyncs, but not read
	// Secrets, could have guesses compared with the values of others.
	Values map[string][]byte
}

// Inspect says what Apply would find, and writes nothing. Errors are those of Apply, except for a Secret that belongs
// to another owner: State says so.
func (w *Writer) Inspect(ctx context.Context, desired Desired) (Inspection, error) {
	if err := refuse(desired); err != nil {
		return Inspection{}, err
	}
	state, err := w.Current(ctx, desired.Namespace, desired.Name)
	if err != nil || !state.Exists && !desired.Merge {
		return Inspection{}, err
	}
	if !state.Exists {
		return Inspection{}, missing(desired)
	}
	secret := &corev1.Secret{}
	err = w.Live.Get(ctx, types.NamespacedName{Namespace: desired.Namespace, Name: desired.Name}, secret)
	switch {
	case err != nil:
		return Inspection{}, explain(err, reading(desired.Namespace, desired.Name))
	case string(secret.UID) != state.UID:
		return Inspection{}, gone(desired.Name)
	}
	if desired.Merge {
		if err := w.refuseUnasked(desired, state); err != nil {
			return Inspection{}, err
		}
		if err := refuseMerge(desired, secret); err != nil {
			return Inspection{}, err
		}
	}
	return Inspection{State: state, Keys: slices.Sorted(maps.Keys(secret.Data)), Values: mayCompare(desired, state, secret)}, nil
}

// mayCompare gives the values that may be compared with what is desired.
func mayCompare(desired Desired, state State, secret *corev1.Secret) map[string][]byte {
	values := maps.Clone(secret.Data)
	if !desired.Merge && ours(desired, state) {
		return values
	}
	maps.DeleteFunc(values, func(key string, _ []byte) bool {
		return !desired.Merge || !slices.Contains(holdersOf(secret.ManagedFields, key), FieldOwner(desired.Owner))
	})
	return values
}

// formerIn is what a write is about to change in a Secret that is not the one that was written last: one that is
// taken over from a former SecretSync, from a backup, or from its user. It is nil for any other.
func formerIn(desired Desired, state State, secret *corev1.Secret) *FormerContent {
	if desired.Previous != nil && desired.Previous.UID == state.UID {
		return nil
	}
	values := mayCompare(desired, state, secret)
	maps.DeleteFunc(values, func(key string, _ []byte) bool {
		_, stays := desired.Data[key]
		return !stays && !slices.Contains(holdersOf(secret.ManagedFields, key), FieldOwner(desired.Owner))
	})
	if desired.Merge && len(values) == 0 {
		return nil // The SecretSync has no keys in it yet.
	}
	former := &FormerContent{Values: values}
	for _, record := range secret.ManagedFields {
		if record.Manager == FieldOwner(desired.Owner) && record.Time != nil && record.Time.After(former.Written) {
			former.Written = record.Time.Time
		}
	}
	return former
}

// Ours says whether Apply would take the Secret for the SecretSync's own.
func Ours(desired Desired, state State) bool { return ours(desired, state) }
