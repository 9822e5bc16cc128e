package resolve

import (
	"context"
	"slices"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// resolvePrevious asks which versions were current before a rotation, for as long as keepPrevious keeps them. AWS need
// not have any.
func (r *Resolver) resolvePrevious(ctx context.Context, set *Set) error {
	now := r.Clock.Now()
	set.PreviousUntil = set.previousUntil(now)
	if set.PreviousUntil.IsZero() {
		return nil
	}
	set.listFormer(now)
	query := r.query(set)
	query.Routine = false // A rotation has happened: its other half is not to wait.
	return r.resolve(ctx, set, len(set.Inputs), set.Former, query)
}

// previousComplete says whether former values were asked for as they have to be: a rotation may have come since. The
// time that they stay starts again then, and those that were not asked about are still to be read.
func (r *Resolver) previousComplete(ctx context.Context, set *Set) (bool, error) {
	now := r.Clock.Now()
	until := set.previousUntil(now)
	if !until.After(set.PreviousUntil) {
		return true, nil
	}
	set.PreviousUntil = until
	if !set.listFormer(now) {
		return true, nil
	}
	return false, r.resolve(ctx, set, len(set.Inputs), set.Former, source.VersionQuery{})
}

// listFormer lists the previous versions of the secrets that have rotated: now, or so lately that the Secret has them.
// What other secrets had before a rotation of their own is over, and does not come back. It says whether there are more
// than before.
func (s *Set) listFormer(now time.Time) (more bool) {
	known := len(s.Former)
	s.Former = nil
	for n, input := range s.Inputs {
		if input.Absent || input.previous == nil && !s.rotates(n, input) && !s.hasFormer(input, now) {
			continue
		}
		if input.previous == nil {
			ref := input.Ref
			ref.VersionStage = StagePrevious
			input.previous = &Input{Ref: ref, Optional: true}
		}
		s.Former = append(s.Former, input.previous)
	}
	return len(s.Former) > known
}

// rotates says whether an input is at another version of the same secret than the Secret.
func (s *Set) rotates(place int, input *Input) bool {
	synced, version := s.Synced(place, input), input.Version()
	return input.Ref.VersionStage == v1alpha1.DefaultVersionStage && synced != nil && synced.VersionID != "" &&
		synced.ARN == version.ARN && synced.VersionID != version.ID
}

// hasFormer says whether the Secret still has a former version of an input.
func (s *Set) hasFormer(input *Input, now time.Time) bool {
	status := &s.request.SecretSync.Status
	return input.Ref.VersionStage == v1alpha1.DefaultVersionStage && status.PreviousUntil != nil && now.Before(status.PreviousUntil.Time) &&
		slices.ContainsFunc(status.Sources, func(in v1alpha1.SourceStatus) bool {
			return in.SecretID == input.Ref.SecretID && in.VersionStage == StagePrevious
		})
}

// previousUntil is when former values are to be taken out; zero where there are none to keep.
func (s *Set) previousUntil(now time.Time) time.Time {
	keep := s.request.SecretSync.Spec.KeepPrevious
	if keep == nil {
		return time.Time{}
	}
	for n, input := range s.Inputs {
		if s.rotates(n, input) {
			return now.Add(keep.For.Duration)
		}
	}
	if until := s.request.SecretSync.Status.PreviousUntil; until != nil && now.Before(until.Time) {
		return until.Time
	}
	return time.Time{}
}

// previousLags says whether AWSPREVIOUS of a secret is on a version which it is not on beside the present one, as far as
// the values tell: on the same one, or, after a rotation, still where it was, or on one from before the one that
// AWSCURRENT has left. AWS moves the two together (page "UpdateSecretVersionStage"), so that one of the answers is out
// of date, unless labels were moved by hand in between; without dates nothing tells which.
func (s *Set) previousLags() bool {
	for n, input := range s.Inputs {
		if input.previous == nil || input.previous.Absent || !input.Resolution.Version.Changed.IsZero() {
			continue
		}
		former := input.previous.Resolution.Version
		if former.ID == input.Resolution.Version.ID || s.rotates(n, input) && fromBefore(former, s.Synced(n, input), s.Synced(n, input.previous)) {
			return true
		}
	}
	return false
}

// fromBefore says whether a former version was current before the version that was left, by what status knows of both
// labels.
func fromBefore(former source.Version, left, kept *v1alpha1.SourceStatus) bool {
	stays := kept != nil && kept.VersionID == former.ID
	older := !former.Created.IsZero() && !former.Created.After(CreatedAt(left))
	return former.ID != left.VersionID && (stays || older)
}

// PreviousOf is what an input was before the rotation: another version, or the same where it has not rotated. It is nil
// where that is not known, and for what does not follow AWSCURRENT.
func (s *Set) PreviousOf(input *Input) *Input {
	synced := s.Synced(slices.Index(s.Inputs, input), input)
	switch {
	case input.previous != nil:
		return input.previous
	case input.Ref.VersionStage == v1alpha1.DefaultVersionStage && synced != nil && synced.VersionID != "":
		return input
	}
	return nil
}
