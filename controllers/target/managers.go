package target

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// inherit takes over a Secret that a former SecretSync of the name created and that the garbage collector
// has not removed yet: the record of its create keeps the former owner beside the new one, and the API
// server refuses two. Where the other owner is somebody else's, the refusal stands.
func (w *Writer) inherit(ctx context.Context, desired Desired, state State, refusal error) (*metav1.PartialObjectMetadata, error) {
	found := SecretMetadata()
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: desired.Namespace, Name: desired.Name}, found)
	switch {
	case apierrors.IsNotFound(err), err == nil && string(found.UID) != state.UID:
		return nil, gone(desired)
	case err != nil:
		return nil, err
	case !createdByUs(found, desired.Owner):
		return nil, refusal
	}
	return w.takeOver(ctx, desired, state, found)
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
