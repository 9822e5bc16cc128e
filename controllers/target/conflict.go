package target

import (
	"fmt"
	"slices"
	"strings"

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

// othersOf names the field managers of conflicts, but not our own: as the creator of the Secret, it
// is another one to the API server than as the one that applies.
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

// refusable is the error for conflicts that force must not resolve. In a Secret of our own every
// field of ours is ours to restore. In somebody else's, a key that another SecretSync holds, or that
// we never wrote, stays theirs.
func refusable(desired Desired, conflicts []conflict) error {
	if !desired.Merge {
		return nil
	}
	for _, c := range conflicts {
		if c.manager == FieldOwner(desired.Owner) {
			continue
		}
		key := strings.TrimPrefix(c.field, ".data.")
		if other := ownerOfManager(c.manager); other != "" {
			return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
				"key %q of Secret %q is written by SecretSync %q: take the key out of one of the two", key, desired.Name, other)}
		}
		if !wroteBefore(desired, key) {
			return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
				"key %q of Secret %q belongs to field manager %q: choose another key, or remove that one from the Secret", key, desired.Name, c.manager)}
		}
	}
	return nil
}

func wroteBefore(desired Desired, key string) bool {
	previous := desired.Previous
	return previous != nil && previous.Name == desired.Name && slices.Contains(previous.Keys, key)
}

func foreign(desired Desired, state State) error {
	if state.Owner != "" {
		return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
			"Secret %q belongs to SecretSync %q: choose another spec.target.name, or delete one of the two SecretSyncs", desired.Name, state.Owner)}
	}
	return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
		"Secret %q exists and was not made by SecretSync: choose another spec.target.name, delete the Secret, "+
			"annotate it with %s=%s to hand it over, or set spec.target.creationPolicy: Merge to add keys to it",
		desired.Name, v1alpha1.AnnotationOwner, desired.Owner)}
}

func missing(desired Desired) error {
	return &Error{Reason: v1alpha1.ReasonTargetNotFound, Message: fmt.Sprintf(
		"Secret %q does not exist: with spec.target.creationPolicy: Merge its owner has to create it, or use creationPolicy Owner", desired.Name)}
}

func gone(name string) error {
	return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Raced: true, Message: fmt.Sprintf(
		"Secret %q disappeared while it was being written: trying again", name)}
}
