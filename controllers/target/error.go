package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Error is a write that did not happen, explained. Its text never holds a value: of the API server's
// answer it repeats the fields, not the messages, which may quote what was sent.
type Error struct {
	// Reason is one of the reasons of api/v1alpha1 that begin with Target, or AdmissionDenied, InvalidValue or
	// PolicyDenied.
	Reason string
	// Message says what was refused and what to do about it.
	Message string
	// Transient says that trying again may help without an edit.
	Transient bool
	// Raced says that another client changed the Secret at the same time. Trying again at once is all there is to do.
	// Such an error is Transient too.
	Raced bool
	// ConflictingSecret is the Secret that belongs to another owner, for reasons TargetConflict and MergeNotAllowed.
	ConflictingSecret State
	// KeyConflict says that the conflict is about a key of that Secret.
	KeyConflict bool
	// Terminating says that the namespace is being deleted, which needs no report.
	Terminating bool
}

// Error is the message, led by the reason.
func (e *Error) Error() string { return e.Reason + ": " + e.Message }

// request is a request to the API server, as messages name it.
type request struct {
	// verb is create, update, read or delete.
	verb            string
	namespace, name string
	// labels and annotations that it sets.
	labels, annotations map[string]string
}

// String is what the operator wants to do, for example `update Secret "db"`.
func (r request) String() string { return fmt.Sprintf("%s Secret %q", r.verb, r.name) }

func reading(namespace, name string) request {
	return request{verb: "read", namespace: namespace, name: name}
}

func creating(desired Desired) request {
	return request{verb: "create", namespace: desired.Namespace, name: desired.Name, labels: desired.Labels, annotations: desired.Annotations}
}

func updating(desired Desired) request {
	to := creating(desired)
	to.verb = "update"
	return to
}

// explain turns the API server's answer to a request into an *Error; the context's errors pass through.
func explain(err error, to request) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &Error{Reason: v1alpha1.ReasonTargetFailed, Terminating: true,
			Message: fmt.Sprintf("namespace %q is being deleted", to.namespace)}
	}
	if denied := admission(err, to); denied != nil {
		return denied
	}
	switch {
	case apierrors.IsForbidden(err):
		return forbidden(err, to)
	case apierrors.IsRequestEntityTooLargeError(err):
		return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
			"Secret %q would exceed the 1 MiB that Kubernetes allows: list fewer keys under spec.data", to.name)}
	case apierrors.IsInvalid(err):
		return invalid(err, to)
	case apierrors.IsNotFound(err): // Garbage-collected between a read and a patch.
		return gone(to.name)
	case apierrors.IsConflict(err):
		return changedSince(to.name)
	}
	why := string(apierrors.ReasonForError(err))
	if why == "" {
		why = "it gave no answer"
	}
	return &Error{Reason: v1alpha1.ReasonTargetFailed, Transient: true, Message: fmt.Sprintf("the API server could not %s (%s): trying again", to, why)}
}

// invalid explains a refusal by the API server's validation of Secrets.
func invalid(err error, to request) error {
	name, fields := to.name, invalidFields(err)
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
					"delete the Secret to have it recreated, set spec.target.replacePolicy: Recreate, or set spec.target.type back", name)}
		case field == "immutable", field == "data" && dataRefused(err, metav1.CauseTypeForbidden):
			return &Error{Reason: v1alpha1.ReasonTargetImmutable, Message: fmt.Sprintf(
				"Secret %q is marked immutable: delete it to have it recreated, or set spec.target.replacePolicy: Recreate", name)}
		case field == "data" && dataRefused(err, metav1.CauseTypeTooLong):
			return &Error{Reason: v1alpha1.ReasonTargetTooLarge, Message: fmt.Sprintf(
				"Secret %q would exceed the 1 MiB that Kubernetes allows: list fewer keys under spec.data", name)}
		case strings.HasPrefix(field, "metadata.labels"):
			return invalidLabels(to)
		case strings.HasPrefix(field, "metadata.annotations"):
			return invalidAnnotations(to)
		}
	}
	return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: fmt.Sprintf(
		"Kubernetes finds Secret %q invalid%s: correct the keys under spec.data, or spec.target", name, at(fields))}
}

// at names the fields, where the API server names any.
func at(fields []string) string {
	fields = slices.DeleteFunc(fields, func(field string) bool { return field == "" })
	if len(fields) == 0 {
		return ""
	}
	return " at " + strings.Join(fields, ", ")
}

// invalidLabels names the labels that Kubernetes does not take, by their names.
func invalidLabels(to request) error {
	var names []string
	for name, value := range to.labels {
		if len(validation.IsQualifiedName(name)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
			names = append(names, strconv.Quote(name))
		}
	}
	slices.Sort(names)
	return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: fmt.Sprintf(
		"Kubernetes does not take the labels of Secret %q: correct %s under spec.target.labels; names and values have 63 letters, digits, '-', '_' and '.' at most, "+
			"begin and end with a letter or digit, and names may have a prefix as in example.com/name", to.name, orAll(names))}
}

// invalidAnnotations names the annotations that Kubernetes does not take, by their names.
func invalidAnnotations(to request) error {
	var names []string
	for name := range to.annotations {
		if len(validation.IsQualifiedName(strings.ToLower(name))) > 0 {
			names = append(names, strconv.Quote(name))
		}
	}
	slices.Sort(names)
	return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: fmt.Sprintf(
		"Kubernetes does not take the annotations of Secret %q: correct %s under spec.target.annotations; names have 63 letters, digits, '-', '_' and '.' at most, "+
			"begin and end with a letter or digit, and may have a prefix as in example.com/name; all together may have 256 KiB", to.name, orAll(names))}
}

func orAll(names []string) string {
	if len(names) == 0 {
		return "them"
	}
	return strings.Join(names, ", ")
}

// ownerReferences is the field at which the API server refuses a second controller of an object.
const ownerReferences = "metadata.ownerReferences"

func secondController(err error) bool {
	return apierrors.IsInvalid(err) && admission(err, request{}) == nil && slices.Contains(invalidFields(err), ownerReferences)
}

func invalidFields(err error) []string {
	var fields []string
	for _, cause := range causes(err) {
		fields = append(fields, cause.Field)
	}
	return fields
}

// dataRefused says whether the API server refuses the data of a Secret for that reason.
func dataRefused(err error, why metav1.CauseType) bool {
	return slices.ContainsFunc(causes(err), func(cause metav1.StatusCause) bool { return cause.Field == "data" && cause.Type == why })
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}
