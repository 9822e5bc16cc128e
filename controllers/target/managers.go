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

// createdByUs says whether the Secret still records our create as an update, beside our apply. An apply can't remove a
// key that such a record holds too.
func createdByUs(applied *metav1.PartialObjectMetadata, owner string) bool {
	return slices.ContainsFunc(applied.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldOwner(owner) && entry.Operation == metav1.ManagedFieldsOperationUpdate
	})
}

// claim makes sure that the next apply can drop fields: it turns the record of our create, if there is one, into the
// record of an apply. This happens at most once in the life of a Secret, at the first update that drops something, and
// changes nothing else. So a create costs one call, and so does each update that only changes values. Keys that were handed
// over to the SecretSync are handed back instead of dropped.
func (w *Writer) claim(ctx context.Context, desired Desired, state *State) error {
	found, err := w.managers(ctx, desired, *state)
	if err != nil {
		return err
	}
	if desired.Merge {
		err = w.handBack(ctx, desired.Owner, found, keysHandedOver(found.Annotations, desired.Owner).dropped(desired))
	}
	if err == nil && createdByUs(found, desired.Owner) {
		err = w.upgrade(ctx, desired.Owner, found)
	}
	state.ResourceVersion = found.ResourceVersion // Of what was written so far, also before an error.
	return err
}

// managers reads which field manager holds which fields of a Secret that is still in that state.
func (w *Writer) managers(ctx context.Context, desired Desired, state State) (*metav1.PartialObjectMetadata, error) {
	found := SecretMetadata()
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: desired.Namespace, Name: desired.Name}, found)
	if apierrors.IsNotFound(err) || err == nil && string(found.UID) != state.UID {
		return nil, gone(desired.Name)
	}
	if err == nil && found.ResourceVersion != state.ResourceVersion {
		return nil, changedSince(desired.Name)
	}
	return found, err
}

// upgrade turns the records of our create, and of the other field managers named, into records of an apply, and updates
// found. Its patch has the resourceVersion of found as a precondition.
func (w *Writer) upgrade(ctx context.Context, owner string, found *metav1.PartialObjectMetadata, others ...string) error {
	manager := FieldOwner(owner)
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(found, sets.New(others...).Insert(manager), manager)
	if err != nil || len(patch) == 0 {
		return err
	}
	return w.Client.Patch(ctx, found, client.RawPatch(types.JSONPatchType, patch))
}

// inherit takes over a Secret that a former SecretSync of the name created and that the garbage collector
// has not removed yet. The record of its create keeps the former owner beside the new one, and the API server refuses
// two. If the other owner has nothing to do with the SecretSync, the refusal stands.
func (w *Writer) inherit(ctx context.Context, desired Desired, state State, refusal error) (*metav1.PartialObjectMetadata, error) {
	found, err := w.managers(ctx, desired, state)
	switch {
	case err != nil:
		return nil, err
	case !createdByUs(found, desired.Owner):
		return nil, refusal
	}
	if err := w.upgrade(ctx, desired.Owner, found); err != nil {
		return nil, err
	}
	state.ResourceVersion = found.ResourceVersion
	return w.apply(ctx, desired, state, true)
}

// drops says whether an update may remove something that an earlier write has added. The names of labels and annotations
// come from the spec, so a new generation of it may drop some, unless they come from values.
func drops(desired Desired) bool {
	previous := desired.Previous
	if previous == nil || previous.Generation != desired.Generation || desired.MetadataFromValues {
		return true
	}
	return slices.ContainsFunc(previous.Keys, func(key string) bool {
		_, stays := desired.Data[key]
		return !stays
	})
}
