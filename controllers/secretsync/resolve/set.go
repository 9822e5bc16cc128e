package resolve

import (
	"context"
	"slices"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/references"
	"github.com/secretsync/secretsync/controllers/source"
)

// Main is the input that status and events name first; nil while no input is known.
func (s *Set) Main() *Input {
	for _, input := range s.Inputs {
		if !input.Absent {
			return input
		}
	}
	if len(s.Inputs) > 0 {
		return s.Inputs[0]
	}
	return nil
}

// Version is that of the main input; zero where there is none.
func (s *Set) Version() source.Version {
	if main := s.Main(); main != nil {
		return main.Version()
	}
	return source.Version{}
}

// All are the inputs, and behind them the former ones: the order of status.sources.
func (s *Set) All() []*Input {
	if len(s.Former) == 0 {
		return s.Inputs
	}
	return slices.Concat(s.Inputs, s.Former)
}

// Synced is the version of the input at a place of All that is in the Secret, or nil where none is. Where find has
// found more or less than before, places have moved.
func (s *Set) Synced(place int, input *Input) *v1alpha1.SourceStatus {
	same := func(status v1alpha1.SourceStatus) bool {
		return status.SecretID == input.Ref.SecretID && status.VersionStage == input.Ref.VersionStage
	}
	sources := s.request.SecretSync.Status.Sources
	if place < len(sources) && same(sources[place]) {
		return &sources[place]
	}
	if other := slices.IndexFunc(sources, same); other >= 0 {
		return &sources[other]
	}
	return nil
}

// InSync says whether status has exactly the versions of the set. What the Secret itself holds, and by which spec, is
// not looked at.
func (s *Set) InSync() bool {
	all, status := s.All(), &s.request.SecretSync.Status
	if len(status.Sources) != len(all) || status.PreviousUntil.IsZero() != s.PreviousUntil.IsZero() {
		return false
	}
	for n, input := range all {
		version := input.Resolution.Version
		if status.Sources[n].ARN != version.ARN || status.Sources[n].VersionID != version.ID {
			return false
		}
	}
	return true
}

// Outdated says whether an answer of AWS was older than what is known, a refusal too.
func (s *Set) Outdated() bool {
	return slices.ContainsFunc(s.All(), func(input *Input) bool { return input.Outdated })
}

// Uncertain says whether it is not known of an input which version is right.
func (s *Set) Uncertain() bool {
	return slices.ContainsFunc(s.All(), func(input *Input) bool { return input.Uncertain })
}

// Rotated says whether the value of an input is of another version, of the same secret, than the Secret holds.
func (s *Set) Rotated() bool {
	for n, input := range s.Inputs {
		synced, now := s.Synced(n, input), input.Fetched.Version
		if synced != nil && synced.VersionID != "" && synced.ARN == now.ARN && synced.VersionID != now.ID {
			return true
		}
	}
	return false
}

// AnotherSecret says whether the rotation of no secret is known, and one of them is another secret than status names.
func (s *Set) AnotherSecret() bool {
	if slices.ContainsFunc(s.Inputs, func(input *Input) bool { return input.Resolution.Version.Rotation != nil }) {
		return false
	}
	for n, input := range s.Inputs {
		if synced := s.Synced(n, input); synced != nil && synced.ARN != input.Resolution.Version.ARN {
			return true
		}
	}
	return false
}

// Polled is what a SecretSync is polled with others for: the first secret it reads, which one ListSecrets may answer
// for together with others, or what it finds.
func (s *Set) Polled() (region, secret string, listed bool) {
	for _, input := range s.Inputs {
		listed = input.Resolution.Listed
		if !listed {
			break
		}
	}
	if main := s.Main(); main != nil {
		return main.Ref.Region, main.Ref.SecretID, listed
	}
	for _, from := range s.request.SecretSync.Spec.DataFrom {
		if from.Find != nil {
			return from.Find.Region, from.Find.NamePrefix, false
		}
	}
	return "", "", false
}

// Finds says whether the spec finds secrets by name or tags.
func (s *Set) Finds() bool {
	return references.Finds(&s.request.SecretSync.Spec)
}

// Budget is the processor time that patterns and values of the reconcile may take, made at its first use.
func (s *Set) Budget(ctx context.Context) *pattern.Budget {
	if s.budget == nil {
		s.budget = pattern.NewBudget(ctx, pattern.PassSteps)
	}
	return s.budget
}

// Size is the number of bytes of all values that the set holds.
func (s *Set) Size() int64 { return s.size.Load() }

// hold counts the value that is held for an input, in place of the one before.
func (s *Set) hold(input *Input, value source.Value) {
	size := int64(len(value.Bytes()))
	s.size.Add(size - input.size)
	input.size = size
}

// full says whether no more values may be read.
func (s *Set) full() bool { return s.request.MaxBytes > 0 && s.size.Load() > s.request.MaxBytes }

// DropValues forgets the values of the set. Versions stay.
func (s *Set) DropValues() {
	for _, input := range s.All() {
		input.Fetched.Value, input.Resolution.Value = source.Value{}, nil
	}
}

// VersionOf is the version in the Secret, as far as status tells.
func VersionOf(synced *v1alpha1.SourceStatus) source.Version {
	version := source.Version{ARN: synced.ARN, ID: synced.VersionID, Stages: synced.VersionStages, Region: synced.Region, Created: CreatedAt(synced)}
	if synced.LastChangedTime != nil {
		version.Changed = synced.LastChangedTime.Time
	}
	return version
}

// CreatedAt is when AWS got the version in the Secret; zero where that is not known.
func CreatedAt(synced *v1alpha1.SourceStatus) time.Time {
	if synced.VersionCreatedTime == nil {
		return time.Time{}
	}
	return synced.VersionCreatedTime.Time
}
