package target

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// conflict is a field of ours that another field manager holds with another value.
type conflict struct {
	manager string
	// field is the path as the API server writes it, for example .data.password.
	field string
}

// conflictsOf lists the field conflicts in the API server's refusal of an apply without force.
func conflictsOf(err error) []conflict {
	var conflicts []conflict
	for _, cause := range causes(err) {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			conflicts = append(conflicts, conflict{manager: managerIn(cause.Message), field: cause.Field})
		}
	}
	return conflicts
}

// managerIn takes the name out of `conflict with "kubectl-edit" using v1`.
func managerIn(message string) string {
	_, rest, _ := strings.Cut(message, `"`)
	manager, _, _ := strings.Cut(rest, `"`)
	return manager
}

// othersOf names the field managers of conflicts, without our own: to the API server, our create and our apply are two
// managers of that name.
func othersOf(conflicts []conflict, own string) []string {
	var managers []string
	for _, c := range conflicts {
		if c.manager != own {
			managers = append(managers, c.manager)
		}
	}
	slices.Sort(managers)
	return slices.Compact(managers)
}

// refusable is the error for conflicts that force must not resolve. In a Secret that the SecretSync owns, all its
// fields are restored. In any other, a key stays with its field manager if that is another SecretSync, or if this
// SecretSync never wrote it and it was not handed over.
func refusable(desired Desired, handed keyHandOver, conflicts []conflict) error {
	if !desired.Merge {
		return nil
	}
	var manager string
	var refused []string
	for _, c := range conflicts {
		if c.manager == FieldOwner(desired.Owner) {
			continue
		}
		key, isKey := strings.CutPrefix(c.field, ".data.")
		if !isKey {
			return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
				"field %s of Secret %q belongs to field manager %q: remove it from the Secret", c.field, desired.Name, c.manager)}
		}
		if other := ownerOfManager(c.manager); other != "" {
			return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
				"key %q of Secret %q is written by SecretSync %q: take the key out of one of the two", key, desired.Name, other)}
		}
		if !wroteBefore(desired, key) && !slices.Contains(handed.keys, key) {
			manager, refused = cmp.Or(manager, c.manager), append(refused, key)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	refused = slices.Compact(refused)
	return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf("key %q of Secret %q belongs to field manager %q: choose another key, or %s",
		refused[0], desired.Name, manager, handed.remedy(desired, refused))}
}

// refuseHeld is the error for keys, of a Secret that the SecretSync does not manage, that other field managers hold; or
// nil. The API server alone would accept an apply with the same value, and so confirm a guess to a user who may not
// read the Secret.
func refuseHeld(desired Desired, host *corev1.Secret) error {
	own, handed := FieldOwner(desired.Owner), keysHandedOver(host.Annotations, desired.Owner)
	var conflicts []conflict
	for _, key := range neverWritten(desired) {
		if _, there := host.Data[key]; !there {
			continue
		}
		holders := holdersOf(host.ManagedFields, key)
		switch {
		case slices.Contains(holders, own):
			continue
		case len(holders) == 0:
			holders = []string{"unknown"} // The records were cleared.
		}
		for _, manager := range holders {
			conflicts = append(conflicts, conflict{manager: manager, field: ".data." + key})
		}
	}
	return refusable(desired, handed, conflicts)
}

// holdersOf are the field managers that hold a key, as the Secret records them (page "Server-Side Apply" of the
// Kubernetes documentation).
func holdersOf(records []metav1.ManagedFieldsEntry, key string) (managers []string) {
	for _, record := range records {
		var fields struct {
			Data map[string]json.RawMessage `json:"f:data"`
		}
		// A record without fields has nothing to read.
		if json.Unmarshal(record.FieldsV1.GetRawBytes(), &fields) != nil {
			continue
		}
		if _, holds := fields.Data["f:"+key]; holds {
			managers = append(managers, record.Manager)
		}
	}
	return managers
}

// neverWritten are the keys desired that no earlier write has put in, sorted.
func neverWritten(desired Desired) (keys []string) {
	for key := range desired.Data {
		if !wroteBefore(desired, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func wroteBefore(desired Desired, key string) bool {
	previous := desired.Previous
	return previous != nil && previous.Name == desired.Name && slices.Contains(previous.Keys, key)
}

func missing(desired Desired) error {
	return &Error{Reason: v1alpha1.ReasonTargetNotFound, Message: fmt.Sprintf(
		"Secret %q does not exist: with spec.target.creationPolicy: Merge its owner has to create it, or use creationPolicy Owner", desired.Name)}
}

// keyInTheWay adds the Secret to an error for one of its keys.
func keyInTheWay(err error, state State) error {
	refused, ok := errors.AsType[*Error](err)
	if ok && (refused.Reason == v1alpha1.ReasonTargetConflict || refused.Reason == v1alpha1.ReasonMergeNotAllowed) {
		refused.ConflictingSecret, refused.KeyConflict = state, true
	}
	return err
}

// changedSince is the error for a Secret that was written after it was found, and so perhaps from newer values.
func changedSince(name string) error {
	return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Raced: true, Message: fmt.Sprintf(
		"Secret %q changed while it was being written: trying again", name)}
}

func gone(name string) error {
	return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Raced: true, Message: fmt.Sprintf(
		"Secret %q disappeared while it was being written: trying again", name)}
}
