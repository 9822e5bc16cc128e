package source

import (
	"errors"
	"fmt"
	"time"
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
	// Of is the secret that the explanation is about, with its ARN and tag, where AWS has described it: a namespace that may not
	// have the secret may not have the explanation either.
	Of *Version
	// RequestID is AWS's id of the request, as in CloudTrail; empty if there was no answer. It is no part of the
	// explanation, which stays the same while the trouble does.
	RequestID string
	// Refusal is what AWS refused, for programs; nil where the explanation has all that is known.
	Refusal *Refusal
	// Cause is what the client said, redacted: it is logged at debug level, and errors.Is finds ErrNoServiceAccount in it.
	Cause error
}

// Refusal is what a refusal of AWS is about. Parts that AWS does not report are empty.
type Refusal struct {
	// Code is AWS's error code; empty if AWS did not answer.
	Code string
	// Principal may not do Action on Resource.
	Principal, Action, Resource string
	// Policy is the kind of policy that refuses, for example "identity-based policy".
	Policy string
	// Explicit says that a Deny statement refuses, and not the lack of an Allow.
	Explicit bool
}

// Error is the explanation, led by the kind.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Explanation) }

// Unwrap is the Cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf is the kind of the first *Error in the chain, or empty where there is none.
func KindOf(err error) Kind {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Kind
	}
	return ""
}

// IsOutdated says whether an error is a refusal that is Outdated.
func IsOutdated(err error) bool {
	refusal, ok := errors.AsType[*Error](err)
	return ok && refusal.Outdated
}
