package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Error is a write that did not happen, explained. Its text never holds a value: of the API server's
// answer it repeats the fields, not the messages, which may quote what was sent.
type Error struct {
	// Reason is one of the reasons of api/v1alpha1 that begin with Target, or InvalidValue, or PolicyDenied.
	Reason string
	// Message says what was refused and what to do about it.
	Message string
	// Transient says that trying again may help without an edit.
	Transient bool
	// Raced says that somebody changed the Secret at the same time, so that trying again at once is all
	// there is to do. Such an error is Transient too.
	Raced bool
	// Terminating says that the namespace is going away, which needs no report.
	Terminating bool
}

// Error is the message, led by the reason.
func (e *Error) Error() string { return e.Reason + ": " + e.Message }

// explain turns the API server's answer into an *Error; the context's errors pass through.
func explain(err error, namespace, name string) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &Error{Reason: v1alpha1.ReasonTargetFailed, Terminating: true,
			Message: fmt.Sprintf("namespace %q is being deleted", namespace)}
	case apierrors.IsForbidden(err):
		return &Error{Reason: v1alpha1.ReasonTargetForbidden, Transient: true, Message: fmt.Sprintf(
			"the API server does not let the operator write Secret %q: check its Role in namespace %q, quotas and admission policies", name, namespace)}
	case apierrors.IsRequestEntityTooLargeError(err):
		return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
			"Secret %q would exceed the 1 MiB that Kubernetes allows: list fewer keys under spec.data", name)}
	case apierrors.IsInvalid(err):
		return invalid(err, name)
	case apierrors.IsNotFound(err): // Collected between a look and a patch.
		return gone(name)
	case apierrors.IsConflict(err):
		return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Raced: true, Message: fmt.Sprintf(
			"Secret %q changed while it was being written: trying again", name)}
	}
	return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Message: fmt.Sprintf(
		"the API server could not write Secret %q (%s): trying again", name, apierrors.ReasonForError(err))}
}

// invalid explains a refusal by the API server's validation of Secrets.
func invalid(err error, name string) error {
	fields := invalidFields(err)
	listed := strings.Join(fields, ", ")
	for _, field := range fields {
		switch {
		case field == "metadata.uid":
			return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Raced: true, Message: fmt.Sprintf(
				"Secret %q was replaced while it was being written: trying again", name)}
		case field == ownerReferences:
			return &Error{Reason: v1alpha1.ReasonTargetConflict, Message: fmt.Sprintf(
				"Secret %q has another controller among its owner references: have that one let go of it and remove the reference, "+
					"or choose another spec.target.name", name)}
		case field == "type":
			return &Error{Reason: v1alpha1.ReasonTargetImmutable, Message: fmt.Sprintf(
				"Secret %q has another type, and Kubernetes does not let a Secret change its type: "+
					"delete the Secret to have it made anew, set spec.target.replacePolicy: Recreate, or set spec.target.type back", name)}
		case field == "immutable", field == "data" && immutable(err):
			return &Error{Reason: v1alpha1.ReasonTargetImmutable, Message: fmt.Sprintf(
				"Secret %q is marked immutable: delete it to have it made anew, or set spec.target.replacePolicy: Recreate", name)}
		case field == "data" && tooLong(err):
			return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
				"Secret %q would exceed the 1 MiB that Kubernetes allows: list fewer keys under spec.data", name)}
		}
	}
	return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: fmt.Sprintf(
		"Kubernetes refuses Secret %q at %s: check spec.data, spec.target.type, labels and annotations", name, listed)}
}

// ownerReferences is the field at which the API server refuses a second controller of an object.
const ownerReferences = "metadata.ownerReferences"

func secondController(err error) bool {
	return apierrors.IsInvalid(err) && slices.Contains(invalidFields(err), ownerReferences)
}

func invalidFields(err error) []string {
	var fields []string
	for _, cause := range causes(err) {
		fields = append(fields, cause.Field)
	}
	return fields
}

func immutable(err error) bool {
	for _, cause := range causes(err) {
		if cause.Field == "data" && strings.Contains(cause.Message, "immutable") {
			return true
		}
	}
	return false
}

func tooLong(err error) bool {
	for _, cause := range causes(err) {
		if cause.Field == "data" && cause.Type == "FieldValueTooLong" {
			return true
		}
	}
	return false
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}
