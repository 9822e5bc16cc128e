package secretsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// heals says what can end a failure.
type heals int

const (
	// byEdit failures last until somebody edits the SecretSync, the Secret, or something in AWS. They
	// turn Ready false and Stalled true, and are looked at again slowly.
	byEdit heals = iota
	// byTime failures may end by themselves. They are tried again with growing waits, and leave Ready
	// true while the last value is fresh.
	byTime
	// byTruce failures are fights over the Secret: they turn Ready false at once, and are tried again.
	byTruce
)

// failure is what a pass reports when it could not end.
type failure struct {
	reason, message string
	heals           heals
	// retryAfter is a wait that somebody else has asked for; zero leaves it to the schedule.
	retryAfter time.Duration
}

// Error is the message, led by the reason.
func (f *failure) Error() string { return f.reason + ": " + f.message }

// refusals is the table that turns what AWS says into a reason and a retry. A kind is called as its
// reason is.
func refusals(kind source.Kind) (reason string, ends heals) {
	switch kind {
	case source.Throttled, source.CredentialsUnavailable, source.RegionUnavailable:
		return string(kind), byTime
	case source.Failed:
		return v1alpha1.ReasonSourceFailed, byEdit
	}
	return string(kind), byEdit
}

// explain turns a room's error into a failure, or nil for errors that are nobody's business but the
// queue's: the context's, and those of the API server that concern the SecretSync itself.
func explain(err error) *failure {
	if known, ok := errors.AsType[*failure](err); ok {
		return known
	}
	if refused, ok := errors.AsType[*source.Error](err); ok {
		reason, ends := refusals(refused.Kind)
		return &failure{reason: reason, message: refused.Explanation, heals: ends, retryAfter: refused.RetryAfter}
	}
	if unusable, ok := errors.AsType[*render.Error](err); ok {
		return &failure{reason: unusable.Reason, message: unusable.Message, heals: byEdit}
	}
	if unwritten, ok := errors.AsType[*target.Error](err); ok && !unwritten.Terminating {
		ends := byEdit
		if unwritten.Transient {
			ends = byTime
		}
		return &failure{reason: unwritten.Reason, message: unwritten.Message, heals: ends}
	}
	return nil
}

// logCause logs as a detail what a client library said of a failed read. Its text is not ours: it is redacted here once
// more, whatever the source has done about it.
func logCause(ctx context.Context, err error) {
	if refused, ok := errors.AsType[*source.Error](err); ok && refused.Cause != nil {
		ctrl.LoggerFrom(ctx).V(1).Info("reading the source failed", "reason", string(refused.Kind), "cause", source.Redact(refused.Cause.Error()))
	}
}

// readable ends a pass over a spec that is too large, or of which a part can't be read: nothing is done by the rest.
func readable(_ context.Context, p *pass) error {
	if size := p.sync.Spec.Size(); size > v1alpha1.SpecMostBytes {
		return tooLarge(size)
	}
	if p.sync.Unreadable == nil {
		return nil
	}
	return unreadable(p.sync)
}

func tooLarge(size int) *failure {
	return &failure{reason: v1alpha1.ReasonInvalidSpec, heals: byEdit, message: fmt.Sprintf(
		"the texts of the spec have %d bytes together, and %d are the most: shorten templates, patterns and lists of names, or use several SecretSyncs",
		size, v1alpha1.SpecMostBytes)}
}

func unreadable(secretSync *v1alpha1.SecretSync) *failure {
	return &failure{reason: v1alpha1.ReasonInvalidSpec, heals: byEdit, message: fmt.Sprintf(
		"the stored spec has a field that this version of the operator can't read, %s: correct the field, and upgrade the CRD, which should have refused it", *secretSync.Unreadable)}
}

// contested is the failure of a fight: others keep undoing what we write.
func contested(secret string, intruders []string, truce time.Duration) *failure {
	who := "somebody (no field manager recorded it)"
	if len(intruders) > 0 {
		who = "field manager " + listed(intruders)
	}
	return &failure{
		reason: v1alpha1.ReasonTargetConflict,
		message: fmt.Sprintf("%s keeps changing or deleting Secret %q: repairs are put off for some minutes; "+
			"stop the other writer, or choose another spec.target.name", who, secret),
		heals:      byTruce,
		retryAfter: truce,
	}
}
