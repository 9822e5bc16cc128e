package target

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// fieldOwnerPrefix leads the field manager of every SecretSync, so that SecretSyncs recognise each other's.
const fieldOwnerPrefix = "secretsync.dev/"

// Writer writes Secrets.
type Writer struct {
	// Client writes, and reads metadata of Secrets from the cache that the controller watches.
	Client client.Client
	// Live reads single Secrets from the API server itself. The cache holds metadata of labelled Secrets only.
	Live client.Reader
	// MergeWithoutConsent lets keys be merged into Secrets whose annotation does not allow it.
	MergeWithoutConsent bool
}

// Desired is a Secret as it should be.
type Desired struct {
	Namespace, Name string
	// Owner is the name of the SecretSync, which names its field manager too.
	Owner string
	// OwnerReference makes the garbage collector remove the Secret with the SecretSync; nil keeps it.
	OwnerReference *metav1.OwnerReference
	Type           corev1.SecretType
	Labels         map[string]string
	Annotations    map[string]string
	// MetadataFromValues says that the names of labels or annotations come from values, so that any write may drop some.
	MetadataFromValues bool
	Data               map[string][]byte
	// Generation of the spec that all this follows from.
	Generation int64
	// Immutable marks the Secret as immutable.
	Immutable bool
	// Recreate deletes and recreates a Secret that the SecretSync owns, if Kubernetes does not let it change as desired.
	Recreate bool
	// Merge adds the keys to a Secret that the SecretSync does not manage, instead of owning it.
	Merge bool
	// Previous is the Secret as it was written last; nil if it never was.
	Previous *v1alpha1.SecretStatus
	// Found is the state that Find returned before the values were read. The write replaces this state of the Secret and
	// no other.
	Found State
}

// State is what is known of a Secret without its values.
type State struct {
	Exists               bool
	UID, ResourceVersion string
	// Owner is the SecretSync that the Secret names as its owner; empty if no SecretSync owns it.
	Owner string
	// Controller is the UID of the controller in the Secret's owner references; empty if there is none.
	Controller types.UID
	// MergeFrom is the Secret's annotation that names the SecretSyncs which may merge keys into it.
	MergeFrom string
}

// Outcome says what a write did.
type Outcome string

// Outcomes of a write.
const (
	Created   Outcome = "Created"
	Updated   Outcome = "Updated"
	Unchanged Outcome = "Unchanged"
)

// Result is what a write did, and the Secret after it.
type Result struct {
	Outcome              Outcome
	UID, ResourceVersion string
	// OverriddenManagers are the field managers whose edits of our fields were undone.
	OverriddenManagers []string
	// Former is what the write found in a Secret that belongs to the SecretSync but is not the one written last; nil if
	// there was no such Secret.
	Former *FormerContent
}

// FormerContent is what a Secret held before it was taken over.
type FormerContent struct {
	// Values of the keys that the write has written or removed.
	Values map[string][]byte
	// Written is when a SecretSync of that name changed the Secret last; zero if that is not known.
	Written time.Time
}

// Find returns the state of a Secret that is to be written, before the values for it are read. It costs no request: the
// cache has each Secret that a SecretSync has written. Only a Secret to merge into is read from the API server if the
// cache does not have it. A Secret of another owner is found by the create.
func (w *Writer) Find(ctx context.Context, namespace, name string, merge bool) (State, error) {
	state, err := w.Cached(ctx, namespace, name)
	if err != nil || state.Exists || !merge {
		return state, err
	}
	return w.Current(ctx, namespace, name)
}

// Cached is the state of a Secret as the watch last saw it. A Secret without our label is not in the cache.
func (w *Writer) Cached(ctx context.Context, namespace, name string) (State, error) {
	return readState(ctx, w.Client, namespace, name)
}

// Current is the state of a Secret as the API server knows it now, whatever its owner.
func (w *Writer) Current(ctx context.Context, namespace, name string) (State, error) {
	return readState(ctx, w.Live, namespace, name)
}

func readState(ctx context.Context, reader client.Reader, namespace, name string) (State, error) {
	metadata := SecretMetadata()
	// What the cache has is only read: a copy would be a quarter of the garbage of a poll that finds nothing new.
	err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, metadata, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		return State{}, nil
	case err != nil:
		return State{}, explain(err, reading(namespace, name))
	}
	found := State{
		Exists:          true,
		UID:             string(metadata.UID),
		ResourceVersion: metadata.ResourceVersion,
		Owner:           metadata.Annotations[v1alpha1.AnnotationOwner],
		MergeFrom:       metadata.Annotations[v1alpha1.AnnotationMergeFrom],
	}
	if controller := metav1.GetControllerOfNoCopy(metadata); controller != nil {
		found.Controller = controller.UID
	}
	return found, nil
}

// Written says whether the API server has a Secret that a SecretSync of that name owns and has written.
func (w *Writer) Written(ctx context.Context, namespace, name, owner string) (bool, error) {
	metadata := SecretMetadata()
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, metadata)
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, explain(err, reading(namespace, name))
	}
	return metadata.Annotations[v1alpha1.AnnotationOwner] == owner && metadata.Annotations[v1alpha1.AnnotationVersionID] != "", nil
}

// SecretMetadata is an empty object by which metadata of Secrets is read and watched, without values.
func SecretMetadata() *metav1.PartialObjectMetadata {
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return metadata
}

// fieldOwnerMost is how long Kubernetes lets the name of a field manager be.
const fieldOwnerMost = 128

// FieldOwner is the field manager of the SecretSync of that name. The end of a name that is too long is replaced by a
// digest: two SecretSyncs that merge into the same Secret must have different field managers.
func FieldOwner(owner string) string {
	manager := fieldOwnerPrefix + owner
	if len(manager) <= fieldOwnerMost {
		return manager
	}
	digest := sha256.Sum256([]byte(owner))
	end := "-" + hex.EncodeToString(digest[:8])
	return manager[:fieldOwnerMost-len(end)] + end
}

// ownerOfManager is the SecretSync whose field manager this is, or empty.
func ownerOfManager(manager string) string {
	owner, ours := strings.CutPrefix(manager, fieldOwnerPrefix)
	if !ours {
		return ""
	}
	return owner
}

// Values reads the values of a Secret; none if it does not exist.
func (w *Writer) Values(ctx context.Context, namespace, name string) (map[string][]byte, error) {
	secret := &corev1.Secret{}
	err := w.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, reading(namespace, name))
	}
	return secret.Data, nil
}
