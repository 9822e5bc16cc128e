package target

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// swapsMost is how many SecretSyncs may exchange their Secrets in one circle.
const swapsMost = 10

// holder is a Secret that names a SecretSync as its owner, and that SecretSync.
type holder struct {
	secret *metav1.PartialObjectMetadata
	// sync is nil where there is none of that name.
	sync *v1alpha1.SecretSync
}

// takeOver handles a Secret of another owner. It takes the Secret over if SecretSyncs exchange their Secrets, and fails
// otherwise.
func (w *Writer) takeOver(ctx context.Context, desired Desired, state State) (Result, error) {
	if state.Owner == "" {
		return Result{}, unmanaged(desired, state)
	}
	found, err := w.holderOf(ctx, desired.Namespace, desired.Name)
	if err != nil {
		return Result{}, err
	}
	if found.secret == nil || string(found.secret.UID) != state.UID || found.owner() != state.Owner {
		return Result{}, gone(desired.Name)
	}
	circle, err := w.inCircle(ctx, desired, found)
	if err != nil {
		return Result{}, err
	}
	if !circle {
		return Result{}, foreign(desired, state, found)
	}
	return w.exchange(ctx, desired, found)
}

// holderOf reads a Secret and the SecretSync that it names as its owner from the API server itself: the cache may hold
// the SecretSyncs of one shard only.
func (w *Writer) holderOf(ctx context.Context, namespace, name string) (holder, error) {
	secret := SecretMetadata()
	err := w.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret)
	switch {
	case apierrors.IsNotFound(err):
		return holder{}, nil
	case err != nil:
		return holder{}, explain(err, reading(namespace, name))
	}
	found := holder{secret: secret}
	if found.owner() == "" {
		return found, nil
	}
	var syncs v1alpha1.SecretSyncList // The operator's Role lets it list SecretSyncs, not get one.
	err = w.Live.List(ctx, &syncs, client.InNamespace(namespace), client.MatchingFields{metav1.ObjectNameField: found.owner()})
	if err != nil {
		return holder{}, fmt.Errorf("reading SecretSync %s: %w", found.owner(), err)
	}
	if len(syncs.Items) > 0 {
		found.sync = &syncs.Items[0]
	}
	return found, nil
}

func (h holder) owner() string { return h.secret.Annotations[v1alpha1.AnnotationOwner] }

// collected says that the garbage collector deletes the Secret with a SecretSync, by its owner reference.
func (h holder) collected() bool {
	controller := metav1.GetControllerOf(h.secret)
	return controller != nil && controller.Kind == "SecretSync"
}

// moved says that the SecretSync that owns the Secret has another target now, and deletes this Secret once it has that.
func (h holder) moved() bool {
	return h.sync != nil && h.sync.DeletionTimestamp.IsZero() && h.sync.TargetName() != h.secret.Name &&
		metav1.IsControlledBy(h.secret, h.sync) && !h.sync.Spec.Target.Retains() &&
		!h.sync.Spec.Suspend && h.sync.Spec.Mode != v1alpha1.SyncModeObserve
}

// inCircle says whether SecretSyncs wait for each other's Secrets in a circle: the Secret's owner waits for a Secret
// whose owner waits, and so on, for the Secret of the SecretSync desired. If the chain ends elsewhere, its last member
// waits for no other and releases its Secret by itself.
func (w *Writer) inCircle(ctx context.Context, desired Desired, first holder) (bool, error) {
	next := first
	for range swapsMost {
		if !next.moved() || next.sync.Spec.Target.Merges() {
			return false, nil
		}
		var err error
		if next, err = w.holderOf(ctx, desired.Namespace, next.sync.TargetName()); err != nil || next.secret == nil || next.owner() == "" {
			return false, err
		}
		if next.owner() == desired.Owner {
			return next.moved(), nil
		}
	}
	return false, nil
}

// exchange takes a Secret over: first the records of its field managers, which changes nothing else, then all the rest
// in a single call. At all times the Secret exists and has its former keys or its new ones. Its former owner no longer
// changes it, as the Secret names another owner.
func (w *Writer) exchange(ctx context.Context, desired Desired, found holder) (Result, error) {
	if err := w.inheritFields(ctx, found.secret, found.owner(), desired.Owner); err != nil {
		return Result{}, explain(err, updating(desired))
	}
	state := State{Exists: true, UID: string(found.secret.UID), ResourceVersion: found.secret.ResourceVersion}
	answer, err := w.apply(ctx, desired, state, true)
	if err != nil {
		return Result{}, explain(err, updating(desired))
	}
	return outcome(state, answer, nil), nil
}

// inheritFields gives the fields of a Secret that one SecretSync holds to another SecretSync.
func (w *Writer) inheritFields(ctx context.Context, secret *metav1.PartialObjectMetadata, from, to string) error {
	former := FieldOwner(from)
	applied := former + appliedBy
	for n := range secret.ManagedFields {
		if entry := &secret.ManagedFields[n]; entry.Manager == former && entry.Operation == metav1.ManagedFieldsOperationApply {
			// upgrade turns records of updates into one of an apply.
			entry.Manager, entry.Operation = applied, metav1.ManagedFieldsOperationUpdate
		}
	}
	return w.upgrade(ctx, to, secret, former, applied)
}

// HandOver gives a Secret that a SecretSync no longer targets to a SecretSync that waits for it. The content stays: the
// new owner writes it later. The result is false if the new owner could not write the Secret, or if the former owner
// does not own it.
func (w *Writer) HandOver(ctx context.Context, namespace, name, from string, to *v1alpha1.SecretSync, recheck Recheck) (bool, error) {
	handing := request{verb: "update", namespace: namespace, name: name}
	whole := &corev1.Secret{}
	err := w.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, whole)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, explain(err, reading(namespace, name))
	}
	if whole.Annotations[v1alpha1.AnnotationOwner] != from || whole.Type != to.Spec.Target.TypeOrDefault() ||
		whole.Immutable != nil && *whole.Immutable {
		return false, nil
	}
	if err := recheck(ctx); err != nil {
		return false, err
	}
	secret := SecretMetadata()
	whole.ObjectMeta.DeepCopyInto(&secret.ObjectMeta)
	if err := w.inheritFields(ctx, secret, from, to.Name); err != nil {
		return false, explain(err, handing)
	}
	before := secret.DeepCopy()
	secret.Annotations[v1alpha1.AnnotationOwner] = to.Name
	secret.OwnerReferences = slices.DeleteFunc(secret.OwnerReferences, func(reference metav1.OwnerReference) bool {
		return reference.Controller != nil && *reference.Controller
	})
	if !to.Spec.Target.Retains() {
		secret.OwnerReferences = append(secret.OwnerReferences, OwnerReference(to))
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := w.Client.Patch(ctx, secret, patch, client.FieldOwner(FieldOwner(to.Name))); err != nil {
		return false, explain(err, handing)
	}
	return true, nil
}

// OwnerReference makes the garbage collector delete a Secret with the SecretSync. It does not block the deletion of its
// owner: that would need a permission on finalizers, which the operator needs for nothing else.
func OwnerReference(secretSync *v1alpha1.SecretSync) metav1.OwnerReference {
	reference := metav1.NewControllerRef(secretSync, v1alpha1.GroupVersion.WithKind("SecretSync"))
	reference.BlockOwnerDeletion = nil
	return *reference
}

// appliedBy is a suffix that keeps the record of an apply apart from that of a create by the same field manager, while
// both are renamed.
const appliedBy = "/applied"

// unmanaged is the error for a Secret that no SecretSync owns.
func unmanaged(desired Desired, state State) error {
	return &Error{Reason: v1alpha1.ReasonTargetConflict, ConflictingSecret: state, Message: fmt.Sprintf(
		"Secret %q exists and was not made by SecretSync: choose another spec.target.name, delete the Secret, "+
			"annotate it with %s=%s to hand it over, or set spec.target.creationPolicy: Merge to add keys to it",
		desired.Name, v1alpha1.AnnotationOwner, desired.Owner)}
}

// foreign is the error for a Secret of another SecretSync. The advice depends on whether that SecretSync still targets
// the Secret.
func foreign(desired Desired, state State, found holder) error {
	refused := &Error{Reason: v1alpha1.ReasonTargetConflict, ConflictingSecret: state}
	handOver := fmt.Sprintf(`"kubectl annotate secret %s -n %s --overwrite %s=%s" hands it over with its content, or delete the Secret, or choose another spec.target.name`,
		desired.Name, desired.Namespace, v1alpha1.AnnotationOwner, desired.Owner)
	secretSync := found.sync
	controller := metav1.GetControllerOf(found.secret)
	switch gone := secretSync == nil || controller != nil && controller.UID != secretSync.UID; {
	case gone && found.collected():
		refused.Message = fmt.Sprintf("Secret %q belonged to SecretSync %q, which was deleted: it is created again once Kubernetes has deleted it",
			desired.Name, state.Owner)
	case gone:
		refused.Message = fmt.Sprintf("Secret %q was kept when SecretSync %q was deleted: %s", desired.Name, state.Owner, handOver)
	case secretSync.TargetName() != desired.Name && controller == nil:
		refused.Message = fmt.Sprintf("Secret %q was kept when SecretSync %q moved to Secret %q: %s", desired.Name, state.Owner, secretSync.TargetName(), handOver)
	case secretSync.TargetName() != desired.Name:
		refused.Message = fmt.Sprintf("Secret %q belongs to SecretSync %q, which deletes it once it has written Secret %q: see why SecretSync %q does not do so, or choose another spec.target.name",
			desired.Name, state.Owner, secretSync.TargetName(), state.Owner)
	case secretSync.Spec.Target.Merges() && controller == nil:
		refused.Message = fmt.Sprintf("Secret %q was kept when SecretSync %q came to merge keys into it: %s", desired.Name, state.Owner, handOver)
	default:
		refused.Message = fmt.Sprintf("Secret %q belongs to SecretSync %q: choose another spec.target.name, or delete one of the two SecretSyncs",
			desired.Name, state.Owner)
	}
	return refused
}
