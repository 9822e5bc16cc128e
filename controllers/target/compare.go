package target

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// asDesired says whether there is nothing to write: the Secret has all desired fields, and no field of ours that is no
// longer desired. Fields of others do not matter. The field managers matter too: a later apply removes only fields that
// are ours by the API server's records.
func asDesired(desired Desired, secret *corev1.Secret) bool {
	held := fieldsOf(FieldOwner(desired.Owner), secret.ManagedFields)
	if !containsAll(secret.Labels, labels(desired)) || !contains(secret.Data, desired.Data, bytes.Equal) ||
		!sameKeys(held.data, desired.Data) || !sameKeys(held.labels, labels(desired)) {
		return false
	}
	if desired.Merge {
		return len(held.annotations) == 0 && len(held.owners) == 0
	}
	immutable := secret.Immutable != nil && *secret.Immutable
	return secret.Type == desired.Type && (immutable || !desired.Immutable) && (desired.Immutable || !held.immutable) &&
		containsAll(secret.Annotations, annotations(desired)) && sameKeys(held.annotations, annotations(desired)) &&
		owned(desired, secret, held)
}

// owned says whether the Secret has the owner reference desired, and no other one of ours.
func owned(desired Desired, secret *corev1.Secret, held heldFields) bool {
	wanted := desired.OwnerReference
	if wanted == nil {
		return len(held.owners) == 0
	}
	return len(held.owners) == 1 && held.owners[wanted.UID] &&
		slices.ContainsFunc(secret.OwnerReferences, func(there metav1.OwnerReference) bool {
			return there.UID == wanted.UID && there.APIVersion == wanted.APIVersion && there.Kind == wanted.Kind && there.Name == wanted.Name &&
				there.Controller != nil && *there.Controller
		})
}

// heldFields are the fields of a Secret that a field manager holds.
type heldFields struct {
	data, labels, annotations map[string]bool
	owners                    map[types.UID]bool
	immutable                 bool
}

// fieldsOf lists the fields that a field manager holds, by any operation (page "Server-Side Apply" of the
// Kubernetes documentation).
func fieldsOf(manager string, records []metav1.ManagedFieldsEntry) heldFields {
	held := heldFields{data: map[string]bool{}, labels: map[string]bool{}, annotations: map[string]bool{}, owners: map[types.UID]bool{}}
	for _, record := range records {
		var recorded struct {
			Data      map[string]json.RawMessage `json:"f:data"`
			Immutable json.RawMessage            `json:"f:immutable"`
			Metadata  struct {
				Labels      map[string]json.RawMessage `json:"f:labels"`
				Annotations map[string]json.RawMessage `json:"f:annotations"`
				Owners      map[string]json.RawMessage `json:"f:ownerReferences"`
			} `json:"f:metadata"`
		}
		if record.Manager != manager || json.Unmarshal(record.FieldsV1.GetRawBytes(), &recorded) != nil {
			continue
		}
		held.immutable = held.immutable || recorded.Immutable != nil
		addNames(held.data, recorded.Data)
		addNames(held.labels, recorded.Metadata.Labels)
		addNames(held.annotations, recorded.Metadata.Annotations)
		for element := range recorded.Metadata.Owners {
			var key struct {
				UID types.UID `json:"uid"`
			}
			if list, isElement := strings.CutPrefix(element, "k:"); isElement && json.Unmarshal([]byte(list), &key) == nil {
				held.owners[key.UID] = true
			}
		}
	}
	return held
}

// addNames adds the names of the fields of a map; "." stands for the map itself.
func addNames(to map[string]bool, recorded map[string]json.RawMessage) {
	for name := range recorded {
		if field, isField := strings.CutPrefix(name, "f:"); isField {
			to[field] = true
		}
	}
}

func containsAll(there, wanted map[string]string) bool {
	return contains(there, wanted, func(a, b string) bool { return a == b })
}

func contains[V any](there, wanted map[string]V, equal func(a, b V) bool) bool {
	for name, value := range wanted {
		if is, known := there[name]; !known || !equal(is, value) {
			return false
		}
	}
	return true
}

func sameKeys[V any](held map[string]bool, wanted map[string]V) bool {
	return maps.EqualFunc(held, wanted, func(bool, V) bool { return true })
}
