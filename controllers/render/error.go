package render

import (
	"fmt"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Error says why the keys can't be made, or can't be published.
type Error struct {
	// Reason is one of api/v1alpha1: ReasonPropertyNotFound, ReasonInvalidValue, ReasonValueRejected,
	// ReasonTemplateFailed, ReasonTargetTooLarge; ReasonPolicyDenied for labels and annotations that grant more than a
	// Secret; or ReasonSecretNotFound, if find finds no secret.
	Reason string
	// Message names the key, the field and the remedy.
	Message string
	// cause is the error of a pattern or a budget; nil if the value is wrong.
	cause error
}

// Unwrap is a *pattern.Error or a *pattern.Exceeded, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Error is the message, led by the reason.
func (e *Error) Error() string { return e.Reason + ": " + e.Message }

func invalid(format string, args ...any) error {
	return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: fmt.Sprintf(format, args...)}
}
