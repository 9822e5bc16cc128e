package source

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong, in the few ways that a person would act on differently.
type Kind string

// Kinds of refusals and failures. The reconciler's table turns each into a condition and a retry.
const (
	SecretNotFound         Kind = "SecretNotFound"
	VersionNotFound        Kind = "VersionNotFound"
	SecretPendingDeletion  Kind = "SecretPendingDeletion"
	AccessDenied           Kind = "AccessDenied"
	KMSAccessDenied        Kind = "KMSAccessDenied"
	DecryptionFailed       Kind = "DecryptionFailed"
	Throttled              Kind = "Throttled"
	CredentialsUnavailable Kind = "CredentialsUnavailable"
	AssumeRoleDenied       Kind = "AssumeRoleDenied"
	RegionUnavailable      Kind = "RegionUnavailable"
	// PolicyDenied is a refusal by the operator's own rules; AWS may not have been asked.
	PolicyDenied Kind = "PolicyDenied"
	// Busy means that AWS was not asked at all, as too much waits for it; asking later is all there is to do.
	Busy Kind = "Busy"
	// FindTooBroad is a look that AWS answers with more secrets than one Secret is made of, or can be looked through.
	FindTooBroad Kind = "FindTooBroad"
	// Failed is a refusal that has no kind of its own.
	Failed Kind = "Failed"
)

// Error is a refusal or failure of a read, explained. Its text never holds a value.
type Error struct {
	Kind Kind
	// Explanation says what was refused, where, and what to do about it, in sentences for the person
	// who reads the condition.
	Explanation string
	// RetryAfter is how long AWS asks to wait; zero where it says nothing.
	RetryAfter time.Duration
	// Outdated says that the refusal contradicts something newer that is known of the secret, as in a Resolution:
	// AWS may soon say otherwise.
	Outdated bool
	// Of is the secret that is spoken of, with its ARN and tag, where AWS has described it: who may not have the secret
	// may not have the explanation either.
	Of *Version
	// Cause is the client's error, for logs.
	Cause error
}

// Error is the explanation, led by the kind.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Explanation) }

// Unwrap gives the client's error.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the first *Error in the chain, or empty where there is none.
func KindOf(err error) Kind {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Kind
	}
	return ""
}

// IsOutdated says whether an error is a refusal that AWS may soon take back.
func IsOutdated(err error) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Outdated
}

// Missing says whether a kind means that AWS does not have the secret, or the version.
func (k Kind) Missing() bool {
	return k == SecretNotFound || k == VersionNotFound || k == SecretPendingDeletion
}
