package target

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Recheck fails if the reason for a removal no longer holds. It is called after the Secret was read and before anything
// is removed, because the Secret may have been written again since the removal was decided. A write after the read is
// caught by the precondition.
type Recheck func(ctx context.Context) error

// Release removes the keys that the SecretSync has merged into a Secret; the rest stays, and so do keys that were handed
// over to it. It does nothing if there is no Secret.
func (w *Writer) Release(ctx context.Context, namespace, name, owner string, recheck Recheck) error {
	return tries(func() error { return w.release(ctx, namespace, name, owner, recheck) })
}

func (w *Writer) release(ctx context.Context, namespace, name, owner string, recheck Recheck) error {
	found := SecretMetadata()
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return explain(err, reading(namespace, name))
	}
	if err := recheck(ctx); err != nil {
		return err
	}
	if err := w.handBack(ctx, owner, found, keysHandedOver(found.Annotations, owner).keys); err != nil {
		return explain(err, request{verb: "update", namespace: namespace, name: name})
	}
	nothing := corev1ac.Secret(name, namespace).WithUID(found.UID).WithResourceVersion(found.ResourceVersion)
	if _, err := w.send(ctx, nothing, owner, true); err != nil {
		return explain(err, request{verb: "update", namespace: namespace, name: name})
	}
	return nil
}

// Disowned has the resourceVersions of a Secret before and after its owner reference was removed. It is zero if there
// was none to remove.
type Disowned struct{ Before, After string }

// Disown removes the owner reference of the SecretSync with that UID from a Secret, so that the garbage collector does
// not delete it with the SecretSync. The rest of the Secret stays as it is.
func (w *Writer) Disown(ctx context.Context, namespace, name string, owner types.UID, recheck Recheck) (Disowned, error) {
	secret := SecretMetadata()
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		return Disowned{}, nil
	}
	if err != nil {
		return Disowned{}, explain(err, reading(namespace, name))
	}
	before := secret.DeepCopy()
	secret.OwnerReferences = slices.DeleteFunc(secret.OwnerReferences, func(reference metav1.OwnerReference) bool {
		return reference.UID == owner
	})
	if len(secret.OwnerReferences) == len(before.OwnerReferences) {
		return Disowned{}, nil
	}
	if err := recheck(ctx); err != nil {
		return Disowned{}, err
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := w.Client.Patch(ctx, secret, patch); err != nil {
		return Disowned{}, explain(err, request{verb: "update", namespace: namespace, name: name})
	}
	return Disowned{Before: before.ResourceVersion, After: secret.ResourceVersion}, nil
}

// Delete deletes a Secret that belongs to the SecretSync, and leaves any other as it is.
func (w *Writer) Delete(ctx context.Context, namespace, name, owner string, recheck Recheck) error {
	return tries(func() error { return w.deleteOwn(ctx, namespace, name, owner, recheck) })
}

// removalTries is how often a removal is tried while other clients write the Secret at the same time.
const removalTries = 3

// tries repeats a removal that was raced. The removal reads and checks the Secret each time.
func tries(remove func() error) (err error) {
	for range removalTries {
		if err = remove(); !raced(err) {
			return err
		}
	}
	return err
}

func raced(err error) bool {
	met, ok := errors.AsType[*Error](err)
	return ok && met.Raced
}

func (w *Writer) deleteOwn(ctx context.Context, namespace, name, owner string, recheck Recheck) error {
	state, err := w.Current(ctx, namespace, name)
	if err != nil || !state.Exists || state.Owner != owner {
		return err
	}
	if err := recheck(ctx); err != nil {
		return err
	}
	return w.deleteIn(ctx, namespace, name, state)
}

// deleteIn deletes a Secret that is still in that state. It does nothing if there is no Secret.
func (w *Writer) deleteIn(ctx context.Context, namespace, name string, state State) error {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	uid := types.UID(state.UID)
	// The resourceVersion too: another SecretSync may have taken the Secret over since it was read.
	err := w.Client.Delete(ctx, secret, client.Preconditions{UID: &uid, ResourceVersion: &state.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return explain(err, request{verb: "delete", namespace: namespace, name: name})
	}
	return nil
}
