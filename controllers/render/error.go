package render

import (
	"fmt"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Error says why a value cannot become the keys asked for.
type Error struct {
	// Reason is one of api/v1alpha1: ReasonPropertyNotFound, ReasonInvalidValue, ReasonValueRejected and
	// ReasonTargetTooLarge; and ReasonSecretNotFound, where find has found none.
	Reason string
	// Message names the key, the field and the remedy.
	Message string
	// cause is what a pattern or a budget has refused; nil for what is wrong with the value.
	cause error
}

// Unwrap is a *pattern.Error or a *pattern.Exceeded, or nothing.
func (e *Error) Unwrap() error { return e.cause }

// Error is the message, led by the reason.
func (e *Error) Error() string { return e.Reason + ": " + e.Message }

func invalid(format string, args ...any) error {
	return &Error{Reason: v1alpha1.ReasonInvalidValue, Message: fmt.Sprintf(format, args...)}
}
