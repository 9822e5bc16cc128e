// Package failure says why a reconcile could not do what the spec asks for, and what can end that: the one table
// that turns an error of another package into the reason of a condition and a class of retry.
//
// It may import api/v1alpha1, render, source, target and the package resolve beside it.
package failure

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// Class says what can end a failure.
type Class int

const (
	// Terminal failures last until a user edits the SecretSync, the Secret or something in AWS. They turn Ready
	// false and Stalled true, and are checked again slowly, as edits in AWS are not watched.
	Terminal Class = iota
	// Transient failures may end by themselves. They are retried with backoff, and leave Ready true while the last
	// value is fresh.
	Transient
	// Contested failures are fights with another field manager, or with another operator. They turn Ready false at once, and
	// are retried after a truce.
	Contested
)

// Failure is why a reconcile did not end well, in the words that users read.
type Failure struct {
	// Reason is one of the reasons of api/v1alpha1.
	Reason string
	// Message says what was refused, where, and what to do next. It never holds a value.
	Message string
	Class   Class
	// RetryAfter is the wait that the other side asked for; zero leaves it to the schedule.
	RetryAfter time.Duration
	// RequestID is AWS's id of the request that it refused; empty for none.
	RequestID string
	// Refusal is what AWS refused, for programs; nil for none.
	Refusal *source.Refusal
}

// Error is the message, led by the reason.
func (f *Failure) Error() string { return f.Reason + ": " + f.Message }

// IsTerminal says whether only an edit can end the failure; false for nil.
func (f *Failure) IsTerminal() bool { return f != nil && f.Class == Terminal }

// Explain turns an error of another package into a Failure. It is nil for errors that say nothing about the
// SecretSync: those of the context, and those of the API server that concern the SecretSync itself.
func Explain(err error) *Failure {
	if known, ok := errors.AsType[*Failure](err); ok {
		return known
	}
	if refused, ok := errors.AsType[*source.Error](err); ok {
		return &Failure{
			Reason: refused.Kind.Reason(), Message: refused.Explanation, Class: classOf(refused.Kind.Transient()), RetryAfter: refused.RetryAfter,
			RequestID: refused.RequestID, Refusal: refused.Refusal,
		}
	}
	if differ, ok := errors.AsType[*resolve.Mismatch](err); ok {
		return &Failure{Reason: v1alpha1.ReasonSourceFailed, Message: differ.Error(), Class: Transient}
	}
	if unusable, ok := errors.AsType[*render.Error](err); ok {
		return &Failure{Reason: unusable.Reason, Message: unusable.Message}
	}
	if unwritten, ok := errors.AsType[*target.Error](err); ok && !unwritten.Terminating {
		return &Failure{Reason: unwritten.Reason, Message: unwritten.Message, Class: classOf(unwritten.Transient)}
	}
	return nil
}

func classOf(transient bool) Class {
	if transient {
		return Transient
	}
	return Terminal
}

// SpecTooLarge is the failure of a spec whose texts have so many bytes together.
func SpecTooLarge(size int) *Failure {
	return &Failure{Reason: v1alpha1.ReasonInvalidSpec, Message: fmt.Sprintf(
		"the texts of the spec have %d bytes together, and %d are the most: shorten templates, patterns and lists of names, or use several SecretSyncs",
		size, v1alpha1.SpecMostBytes)}
}

// Unreadable is the failure of a stored spec of which this version of the operator can't read a field.
func Unreadable(field string) *Failure {
	return &Failure{Reason: v1alpha1.ReasonInvalidSpec, Message: fmt.Sprintf(
		"the stored spec has a field that this version of the operator can't read, %s: correct the field, and upgrade the CRD, which should have refused it", field)}
}

// DeadlineExceeded is the failure of a reconcile that did not end in time.
func DeadlineExceeded(within time.Duration) *Failure {
	return &Failure{Reason: v1alpha1.ReasonSourceFailed, Class: Transient, Message: fmt.Sprintf(
		"the reconcile did not end within %s, as AWS or the Kubernetes API server answers too slowly: it is tried again; if it lasts, see the operator's "+
			"metric secretsync_aws_call_duration_seconds, or divide the SecretSync into several with fewer secrets each", within)}
}

// Fight is the failure of a fight over a Secret: other field managers keep undoing what the operator writes.
func Fight(secret string, managers []string, truce time.Duration) *Failure {
	who := "another writer (no field manager recorded it)"
	if len(managers) > 0 {
		who = "field manager " + Listed(managers)
	}
	return &Failure{
		Reason: v1alpha1.ReasonTargetConflict,
		Message: fmt.Sprintf("%s keeps changing or deleting Secret %q: repairs are put off for some minutes; "+
			"stop the other writer, or choose another spec.target.name", who, secret),
		Class:      Contested,
		RetryAfter: truce,
	}
}

// OperatorConflict is the failure of a SecretSync that two operators work on. The cause is why this one failed apart from
// that; nil if it did not.
func OperatorConflict(operator, other string, cause *Failure, retryAfter time.Duration) *Failure {
	message := fmt.Sprintf("operator %s works on this SecretSync too, and each undoes what the other writes: give each operator SecretSyncs of its own, "+
		"by --watch-namespaces or --watch-label-selector, or uninstall one of them; this status is by operator %s", other, operator)
	if cause != nil {
		message += ", for which the sync fails: " + cause.Error()
	}
	return &Failure{Reason: v1alpha1.ReasonOperatorConflict, Message: message, Class: Contested, RetryAfter: retryAfter}
}

// namesShown bounds how many names a message lists.
const namesShown = 20

// Listed lists names for a message, the first twenty of them.
func Listed(names []string) string {
	if len(names) <= namesShown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namesShown], ", "), len(names)-namesShown)
}
