package target

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Apply makes the Secret as desired, completely or not at all. Errors are of type *Error, or the context's.
//
// Each write has a precondition: for a create, that there is no Secret; for all others, the UID and the resourceVersion
// of the state that was found before the values were read. A Secret that was written since then may have values of a
// newer version, by a process that has taken over, and is never overwritten: the error is Raced, and the caller starts
// again and reads the Secret and the values once more.
func (w *Writer) Apply(ctx context.Context, desired Desired) (Result, error) {
	if err := refuse(desired); err != nil {
		return Result{}, err
	}
	state := desired.Found
	switch {
	case desired.Merge:
		result, err := w.merge(ctx, desired, &state)
		return result, keyInTheWay(err, state)
	case !state.Exists:
		return w.create(ctx, desired)
	case !ours(desired, state):
		return w.takeOver(ctx, desired, state)
	}
	result, err := w.update(ctx, desired, &state)
	if replaceable(desired, err) {
		former := result.Former
		result, err = w.replace(ctx, desired, state)
		result.Former = former
	}
	return result, err
}

// merge adds the keys to a Secret that the SecretSync does not manage.
func (w *Writer) merge(ctx context.Context, desired Desired, state *State) (Result, error) {
	if !state.Exists {
		return Result{}, missing(desired)
	}
	if err := w.refuseUnasked(desired, *state); err != nil {
		return Result{}, err
	}
	return w.update(ctx, desired, state)
}

// create makes a new Secret. A create, unlike an apply, can't overwrite a Secret that another client created a moment
// ago.
func (w *Writer) create(ctx context.Context, desired Desired) (Result, error) {
	secret := secretOf(desired)
	err := w.Client.Create(ctx, secret, client.FieldOwner(FieldOwner(desired.Owner)))
	if apierrors.IsAlreadyExists(err) && admission(err, creating(desired)) == nil {
		return w.meet(ctx, desired)
	}
	if err != nil {
		return Result{}, explain(err, creating(desired))
	}
	return Result{Outcome: Created, UID: string(secret.UID), ResourceVersion: secret.ResourceVersion}, nil
}

// Secret is the Secret that Apply creates, or the error by which Apply refuses it. Of a Secret to merge into, it has what
// the SecretSync adds.
func Secret(desired Desired) (*corev1.Secret, error) {
	if err := refuse(desired); err != nil {
		return nil, err
	}
	secret := secretOf(desired)
	if desired.Merge {
		secret.Type, secret.Immutable, secret.Annotations, secret.OwnerReferences = "", nil, nil, nil
	}
	return secret, nil
}

// secretOf is the Secret to create.
func secretOf(desired Desired) *corev1.Secret {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   desired.Namespace,
			Name:        desired.Name,
			Labels:      labels(desired),
			Annotations: annotations(desired),
		},
		Type: desired.Type,
		Data: desired.Data,
	}
	if desired.Immutable {
		secret.Immutable = &desired.Immutable
	}
	if desired.OwnerReference != nil {
		secret.OwnerReferences = []metav1.OwnerReference{*desired.OwnerReference}
	}
	return secret
}

// meet handles a Secret that did not exist before the values were read: the SecretSync's own, which may have been
// written since, from newer values, or that of another owner.
func (w *Writer) meet(ctx context.Context, desired Desired) (Result, error) {
	state, err := w.Current(ctx, desired.Namespace, desired.Name)
	if err != nil {
		return Result{}, err
	}
	if !state.Exists {
		return Result{}, gone(desired.Name)
	}
	if !ours(desired, state) {
		return w.takeOver(ctx, desired, state)
	}
	return Result{}, changedSince(desired.Name)
}

// update writes an existing Secret, unless it is as desired already, and returns what it held if that is not known.
// If the update has changed the resourceVersion before it failed, Result and state have the new one.
//
// A Secret that was changed since the last write is read once: to find out by an apply that there is nothing to write
// would take one write, or two.
func (w *Writer) update(ctx context.Context, desired Desired, state *State) (Result, error) {
	var former *FormerContent
	var handed keyHandOver
	dropping := drops(desired)
	if !asLeft(desired, *state) || dropping || !mergedBefore(desired, *state) {
		secret, err := w.read(ctx, desired, *state)
		if err != nil {
			return Result{}, err
		}
		if desired.Merge {
			handed = keysHandedOver(secret.Annotations, desired.Owner)
			dropping = dropping || dropsHandedOver(desired, handed, secret)
		}
		if !mergedBefore(desired, *state) {
			if err := refuseMerge(desired, secret); err != nil {
				return Result{}, err
			}
		}
		former = formerIn(desired, *state, secret)
		if asDesired(desired, secret) {
			return Result{Outcome: Unchanged, UID: string(secret.UID), ResourceVersion: secret.ResourceVersion, Former: former}, nil
		}
	}
	result, err := w.overwrite(ctx, desired, state, handed, dropping)
	result.Former = former
	return result, err
}

// read reads the Secret of a state, with its values. One that has changed since then is an error.
func (w *Writer) read(ctx context.Context, desired Desired, state State) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: desired.Namespace, Name: desired.Name}, secret)
	switch {
	case err != nil:
		return nil, explain(err, reading(desired.Namespace, desired.Name))
	case string(secret.UID) != state.UID:
		return nil, gone(desired.Name)
	case secret.ResourceVersion != state.ResourceVersion:
		return nil, changedSince(desired.Name)
	}
	return secret, nil
}

// overwrite applies the desired fields over an existing Secret, and takes the keys that were handed over. Dropping says
// that the apply may remove fields.
func (w *Writer) overwrite(ctx context.Context, desired Desired, state *State, handed keyHandOver, dropping bool) (Result, error) {
	untouched, before := asLeft(desired, *state), state.ResourceVersion
	if dropping {
		if err := w.claim(ctx, desired, state); err != nil {
			return Result{}, explain(err, updating(desired))
		}
	}
	result, err := w.write(ctx, desired, *state, untouched && !desired.Merge, handed)
	if err != nil && untouched && state.ResourceVersion != before {
		result = Result{UID: state.UID, ResourceVersion: state.ResourceVersion}
	}
	return result, err
}

// write applies the desired fields. A Secret that is unchanged since the last write takes a single call. Otherwise the
// first apply is without force: its conflicts name the field managers that edited our fields. Fields are dropped by the
// same call that writes the rest.
func (w *Writer) write(ctx context.Context, desired Desired, state State, untouched bool, handed keyHandOver) (Result, error) {
	if untouched {
		applied, err := w.apply(ctx, desired, state, true)
		return w.finish(ctx, desired, state, applied, nil, err)
	}
	applied, err := w.apply(ctx, desired, state, false)
	var overridden []string
	if conflicts := conflictsOf(err); len(conflicts) > 0 {
		if err := refusable(desired, handed, conflicts); err != nil {
			return Result{}, err
		}
		overridden = othersOf(conflicts, FieldOwner(desired.Owner))
		applied, err = w.apply(ctx, desired, state, true)
	}
	return w.finish(ctx, desired, state, applied, overridden, err)
}

// ours says whether the Secret belongs to the SecretSync: by the owner annotation, or, if that was removed, by the UID
// of the Secret that was written before.
func ours(desired Desired, state State) bool {
	if state.Owner != "" || desired.Previous == nil {
		return state.Owner == desired.Owner
	}
	return desired.Previous.UID == state.UID && desired.Previous.CreationPolicy == v1alpha1.CreationPolicyOwner
}

// asLeft says whether the Secret is untouched since we wrote it.
func asLeft(desired Desired, state State) bool {
	return desired.Previous != nil &&
		desired.Previous.UID == state.UID && desired.Previous.ResourceVersion == state.ResourceVersion
}

// finish ends an update.
func (w *Writer) finish(ctx context.Context, desired Desired, state State,
	applied *metav1.PartialObjectMetadata, overridden []string, err error,
) (Result, error) {
	if secondController(err) {
		applied, err = w.inherit(ctx, desired, state, err)
	}
	if err != nil {
		return Result{}, explain(err, updating(desired))
	}
	return outcome(state, applied, overridden), nil
}

func outcome(state State, applied *metav1.PartialObjectMetadata, overridden []string) Result {
	result := Result{
		Outcome:            Updated,
		UID:                string(applied.UID),
		ResourceVersion:    applied.ResourceVersion,
		OverriddenManagers: overridden,
	}
	if state.ResourceVersion == result.ResourceVersion {
		result.Outcome = Unchanged
	}
	return result
}

// apply applies the desired fields to a Secret that is still in that state. With force it also takes fields that other
// field managers hold. An apply without the UID would create a Secret that was deleted meanwhile.
func (w *Writer) apply(ctx context.Context, desired Desired, state State, force bool) (*metav1.PartialObjectMetadata, error) {
	secret := corev1ac.Secret(desired.Name, desired.Namespace).
		WithUID(types.UID(state.UID)).
		WithResourceVersion(state.ResourceVersion).
		WithLabels(labels(desired)).
		WithData(desired.Data)
	if !desired.Merge {
		secret.WithType(desired.Type).WithAnnotations(annotations(desired))
		if desired.Immutable {
			secret.WithImmutable(true)
		}
	}
	if reference := desired.OwnerReference; reference != nil && !desired.Merge {
		secret.WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion(reference.APIVersion).WithKind(reference.Kind).
			WithName(reference.Name).WithUID(reference.UID).WithController(true))
	}
	return w.send(ctx, secret, desired.Owner, force)
}

// send applies a configuration and asks for metadata alone: the values need not travel back, but the managed fields do,
// which apply configurations leave out.
func (w *Writer) send(ctx context.Context, secret *corev1ac.SecretApplyConfiguration, owner string, force bool) (*metav1.PartialObjectMetadata, error) {
	body, err := json.Marshal(secret)
	if err != nil {
		return nil, errors.New("encoding a Secret failed") // The cause might quote a value.
	}
	answer := SecretMetadata()
	answer.Namespace, answer.Name = *secret.Namespace, *secret.Name
	options := []client.PatchOption{client.FieldOwner(FieldOwner(owner))}
	if force {
		options = append(options, client.ForceOwnership)
	}
	return answer, w.Client.Patch(ctx, answer, client.RawPatch(types.ApplyPatchType, body), options...)
}

// labels are those to set. A Secret that keys are merged into gets only the label by which the operator watches it.
func labels(desired Desired) map[string]string {
	all := map[string]string{}
	if !desired.Merge {
		maps.Copy(all, desired.Labels)
	}
	all[v1alpha1.LabelManaged] = "true"
	return all
}

func annotations(desired Desired) map[string]string {
	all := maps.Clone(desired.Annotations)
	if all == nil {
		all = map[string]string{}
	}
	all[v1alpha1.AnnotationOwner] = desired.Owner
	return all
}
