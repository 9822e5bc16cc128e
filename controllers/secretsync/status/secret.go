package status

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

// describeSecret notes the Secret, and the versions in it.
func describeSecret(outcome *Outcome, status *v1alpha1.SecretSyncStatus, now time.Time) {
	switch {
	case outcome.Write != nil:
		describeWrite(outcome, status, now)
	case outcome.Answered() && outcome.Failure == nil && !outcome.SecretSync.Observes():
		status.Sources = describeSources(outcome.Set, resolvedVersion)
	case outcome.Failure == nil && outcome.Preview != nil && status.Secret == nil && !outcome.SecretSync.Spec.Suspend:
		status.Sources = describeSources(outcome.Set, resolvedVersion) // Otherwise the sources are those of what was written.
	}
	status.Secret = outcome.Secret.Latest(status.Secret)
}

// describeWrite notes the Secret as it is after a write.
func describeWrite(outcome *Outcome, status *v1alpha1.SecretSyncStatus, now time.Time) {
	write, secretSync, at := outcome.Write, outcome.SecretSync, metav1.NewTime(now)
	if write.Changed() {
		status.LastSyncTime = &at
	}
	if write.Leftover {
		return // The Secret of the former name is not forgotten before it is cleaned up.
	}
	if outcome.Set.Rotated() {
		status.LastRotationTime = &at
	}
	status.Sources = describeSources(outcome.Set, func(input *resolve.Input) source.Version { return input.Fetched.Version })
	status.PreviousUntil = timeOrNil(outcome.Set.PreviousUntil)
	status.Secret = &v1alpha1.SecretStatus{
		Name:            secretSync.TargetName(),
		UID:             write.Result.UID,
		ResourceVersion: write.Result.ResourceVersion,
		Generation:      secretSync.Generation,
		Keys:            write.Keys,
		PreviousKeys:    write.PreviousKeys,
		CreationPolicy:  v1alpha1.CreationPolicyOwner,
		ExpirationTime:  timeOrNil(write.Notes.Expires),
		Warnings:        write.Notes.Warnings,
	}
	if secretSync.Spec.Target.Merges() {
		status.Secret.CreationPolicy = v1alpha1.CreationPolicyMerge
	}
}

func resolvedVersion(input *resolve.Input) source.Version { return input.Resolution.Version }

// describeSources notes the versions in the Secret.
func describeSources(set *resolve.Set, versionOf func(*resolve.Input) source.Version) []v1alpha1.SourceStatus {
	all := set.All()
	described := make([]v1alpha1.SourceStatus, len(all))
	for n, input := range all {
		version, synced := versionOf(input), set.Synced(n, input)
		same := synced != nil && synced.VersionID == version.ID && synced.ARN == version.ARN
		if same && input.Outdated {
			described[n] = *synced
			described[n].FoundBy = input.FoundBy
			continue
		}
		described[n] = describeSource(input, version)
		if synced == nil || synced.VersionID != version.ID {
			continue
		}
		if described[n].VersionCreatedTime == nil {
			described[n].VersionCreatedTime = synced.VersionCreatedTime // DescribeSecret does not tell.
		}
		if same && synced.Region == version.Region {
			described[n].LastChangedTime = synced.LastChangedTime // What has changed is no version: status is not written for that.
		}
	}
	return described
}

func describeSource(input *resolve.Input, version source.Version) v1alpha1.SourceStatus {
	described := v1alpha1.SourceStatus{
		SecretID:           input.Ref.SecretID,
		FoundBy:            input.FoundBy,
		ARN:                version.ARN,
		Region:             version.Region,
		VersionStage:       input.Ref.VersionStage,
		VersionID:          version.ID,
		VersionStages:      slices.Sorted(slices.Values(version.Stages)),
		VersionCreatedTime: timeOrNil(version.Created),
		Hint:               input.Resolution.Hint,
	}
	if rotation := input.Resolution.Version.Rotation; rotation != nil {
		described.LastRotatedTime = timeOrNil(rotation.LastRotated)
		described.NextRotationTime = timeOrNil(rotation.Next)
	}
	return described
}

// DateSources notes in a status that is to be written how new the answers are that it was made by: the next process goes
// by that. A status is not written for it alone.
func DateSources(outcome *Outcome, status *v1alpha1.SecretSyncStatus) {
	if len(status.Sources) == 0 || !outcome.Answered() || outcome.SecretSync.Observes() {
		return
	}
	for n, input := range outcome.Set.All() {
		version := input.Resolution.Version
		if n >= len(status.Sources) || version.Changed.IsZero() {
			continue
		}
		if in := &status.Sources[n]; in.ARN == version.ARN && in.VersionID == version.ID && in.Region == version.Region {
			in.LastChangedTime = &metav1.MicroTime{Time: version.Changed.Truncate(time.Microsecond)}
		}
	}
}

// timeOrNil cuts to whole seconds, as the API server does: otherwise each reconcile would find a change.
func timeOrNil(moment time.Time) *metav1.Time {
	if moment.IsZero() {
		return nil
	}
	whole := metav1.NewTime(moment.Truncate(time.Second))
	return &whole
}
