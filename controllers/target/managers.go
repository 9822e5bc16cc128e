package target

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// createdByUs says whether the Secret still records our create as an update, beside our apply. An
// apply can't take a key out that such a record holds too.
func createdByUs(applied *metav1.PartialObjectMetadata, owner string) bool {
	return slices.ContainsFunc(applied.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldOwner(owner) && entry.Operation == metav1.ManagedFieldsOperationUpdate
	})
}

// drops says whether an update may take out something that an earlier write has put in. Labels and
// annotations come with the spec, so that a new generation of it may drop some.
func drops(desired Desired) bool {
	previous := desired.Previous
	if previous == nil || previous.Generation != desired.Generation {
		return true
	}
	return slices.ContainsFunc(previous.Keys, func(key string) bool {
		_, stays := desired.Data[key]
		return !stays
	})
}

// takeOver turns the record of our create into one of an apply, and applies once more. It happens at
// most once in the life of a Secret, at the first update that drops something: creating costs one
// call that way, and so does each update that only gives keys other values.
func (w *Writer) takeOver(ctx context.Context, desired Desired, state State, applied *metav1.PartialObjectMetadata) (*metav1.PartialObjectMetadata, error) {
	manager := FieldOwner(desired.Owner)
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(applied, sets.New(manager), manager)
	if err != nil || len(patch) == 0 {
		return applied, err
	}
	if err := w.Client.Patch(ctx, applied, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return applied, err
	}
	return w.apply(ctx, desired, state, takeFields{force: true})
}
