package model

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// foreignHand records what another field manager did to Secrets.
type foreignHand struct {
	// writes are the resourceVersions of its writes; deleted are the Secrets that it deleted.
	writes  map[string]bool
	deleted map[types.UID]bool
	// states are the keys after its writes since the last settling.
	states map[place][]map[string]string
}

func newForeignHand() *foreignHand {
	return &foreignHand{writes: map[string]bool{}, deleted: map[types.UID]bool{}, states: map[place][]map[string]string{}}
}

const (
	// foreignManager is the field manager of the foreign hand.
	foreignManager = "another-writer"
	// foreignValue is the prefix of its values, foreignKey that of the keys that it adds.
	foreignValue, foreignKey = "foreign-", "foreign."
)

// withoutForeign leaves out the keys with a value of the foreign hand.
func withoutForeign(keys map[string]string) map[string]string {
	kept := maps.Clone(keys)
	maps.DeleteFunc(kept, func(_, value string) bool { return strings.HasPrefix(value, foreignValue) })
	return kept
}

func (r *run) foreignValueNow() []byte {
	return []byte(strings.Replace(r.value("the foreign hand"), "model-", foreignValue, 1))
}

func keysOf(secret *corev1.Secret) map[string]string {
	keys := map[string]string{}
	for key, value := range secret.Data {
		keys[key] = string(value)
	}
	return keys
}

// secretAt reads a Secret; nil if it does not exist.
func (r *run) secretAt(at place) *corev1.Secret {
	r.Helper()
	found := &corev1.Secret{}
	err := r.env.Client.Get(r.Context(), client.ObjectKey{Namespace: at.namespace, Name: at.name}, found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	r.must(err)
	return found
}

// touch edits a Secret as another program, if it exists.
func (r *run) touch(at place, change func(*corev1.Secret)) {
	r.Helper()
	found := r.secretAt(at)
	if found == nil || found.Immutable != nil && *found.Immutable {
		return
	}
	before := found.DeepCopy()
	change(found)
	err := r.env.Client.Patch(r.Context(), found, client.MergeFrom(before), client.FieldOwner(foreignManager))
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) && r.isFrozen(at) {
		return // The operator has deleted it meanwhile, or created an immutable one.
	}
	r.must(err)
	r.foreign.wrote(found)
}

// isFrozen says whether a Secret is immutable.
func (r *run) isFrozen(at place) bool {
	r.Helper()
	found := r.secretAt(at)
	return found == nil || found.Immutable != nil && *found.Immutable
}

func (f *foreignHand) wrote(secret *corev1.Secret) {
	at := place{secret.Namespace, secret.Name}
	f.writes[secret.ResourceVersion] = true
	f.states[at] = append(f.states[at], keysOf(secret))
}

func (r *run) remove(at place) {
	r.Helper()
	found := r.secretAt(at)
	if found == nil {
		return
	}
	r.foreign.deleted[found.UID] = true
	uid := found.UID
	err := r.env.Client.Delete(r.Context(), found, client.Preconditions{UID: &uid})
	if apierrors.IsConflict(err) {
		return // The operator has recreated it meanwhile.
	}
	r.must(client.IgnoreNotFound(err))
}

// anyOwned draws a Secret that a SecretSync owns, or may have owned.
func (r *run) anyOwned() place {
	of, _ := anyOf(r, r.slots, func(s *slot) bool { return !s.merge })
	if r.chance(80) {
		return place{of.namespace, of.spec.target}
	}
	return place{of.namespace, pick(r, of.names()...)}
}

// nth gives a key of a Secret by a number that was drawn before the number of keys was known.
func nth(secret *corev1.Secret, number int) (key string, found bool) {
	keys := slices.Sorted(maps.Keys(secret.Data))
	if len(keys) == 0 {
		return "", false
	}
	return keys[number%len(keys)], true
}

func (r *run) editKey() bool {
	at, number, value := r.anyOwned(), r.random.IntN(8), r.foreignValueNow()
	r.note("a foreign hand edits a key of Secret %s", at)
	r.touch(at, func(secret *corev1.Secret) {
		if key, found := nth(secret, number); found {
			secret.Data[key] = value
		}
	})
	return true
}

func (r *run) dropKey() bool {
	at, number := r.anyOwned(), r.random.IntN(8)
	r.note("a foreign hand takes a key out of Secret %s", at)
	r.touch(at, func(secret *corev1.Secret) {
		if key, found := nth(secret, number); found {
			delete(secret.Data, key)
		}
	})
	return true
}

func (r *run) addKey() bool {
	at, value := r.anyOwned(), r.foreignValueNow()
	r.note("a foreign hand adds a key to Secret %s", at)
	r.touch(at, func(secret *corev1.Secret) {
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[foreignKey+"added"] = value
	})
	return true
}

func (r *run) deleteSecret() bool {
	at := r.anyOwned()
	r.note("a foreign hand deletes Secret %s", at)
	r.remove(at)
	return true
}

func (r *run) dropLabel() bool {
	at := r.anyOwned()
	if r.chance(20) {
		at = place{pick(r, r.namespaces...), sharedName}
	}
	r.note("a foreign hand takes the label off Secret %s", at)
	r.touch(at, func(secret *corev1.Secret) { delete(secret.Labels, v1alpha1.LabelManaged) })
	return true
}

// createShared creates the Secret that SecretSyncs of a namespace merge into, if it does not exist.
func (r *run) createShared(namespace string) {
	r.Helper()
	if r.secretAt(place{namespace, sharedName}) != nil {
		return
	}
	r.note("a foreign hand makes Secret %s/%s", namespace, sharedName)
	made := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: sharedName, Annotations: map[string]string{v1alpha1.AnnotationMergeFrom: "*"}},
		Data:       map[string][]byte{foreignKey + "theirs": r.foreignValueNow()},
	}
	r.must(r.env.Client.Create(r.Context(), made, client.FieldOwner(foreignManager)))
	r.foreign.wrote(made)
}

// playWithShared edits, deletes or recreates the shared Secret.
func (r *run) playWithShared() bool {
	at, value, deletes := place{pick(r, r.namespaces...), sharedName}, r.foreignValueNow(), r.chance(30)
	switch there := r.secretAt(at) != nil; {
	case !there:
		r.createShared(at.namespace)
	case deletes:
		r.note("a foreign hand deletes Secret %s", at)
		r.remove(at)
	default:
		r.note("a foreign hand edits a key of its own in Secret %s", at)
		r.touch(at, func(secret *corev1.Secret) { secret.Data[foreignKey+"theirs"] = value })
	}
	return true
}

// editMerged edits a key that a SecretSync has merged. The SecretSync must have been in sync for a while: as long as
// its status does not list the key, it would rightly treat the key as foreign.
func (r *run) editMerged() bool {
	of, found := anyOf(r, r.slots, func(s *slot) bool { return s.merge && s.exists && s.calm })
	if !found {
		return false
	}
	key, value := pick(r, of.spec.data...).Key, r.foreignValueNow()
	r.note("a foreign hand edits key %s of Secret %s/%s", key, of.namespace, sharedName)
	r.touch(place{of.namespace, sharedName}, func(secret *corev1.Secret) {
		if _, there := secret.Data[key]; there {
			secret.Data[key] = value
		}
	})
	of.editedInShared = true
	return true
}
