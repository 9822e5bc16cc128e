package status

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
)

// Changed says whether a status says anything else than the one before, but that the Secret was seen to be as desired, and
// which operator writes: that is written with the next status which is written for another reason.
func Changed(before, after *v1alpha1.SecretSyncStatus, seen ownwrites.Secret) bool {
	if seen.ResourceVersion == "" || before.Secret == nil || after.Secret == nil || after.Secret.ResourceVersion != seen.ResourceVersion {
		return !equalButOperator(before, after)
	}
	same, former := *after, *after.Secret
	former.ResourceVersion = before.Secret.ResourceVersion
	same.Secret = &former
	return !equalButOperator(before, &same)
}

// Equal says whether two statuses say the same: slices that are nil and empty are equal, as are times of one moment. It is
// equality.Semantic.DeepEqual without reflection, which made half of the garbage of a poll that finds nothing new. A new
// field of status is compared here, or its test fails.
func Equal(a, b *v1alpha1.SecretSyncStatus) bool {
	return a.Operator == b.Operator && equalButOperator(a, b)
}

func equalButOperator(a, b *v1alpha1.SecretSyncStatus) bool {
	return a.ObservedGeneration == b.ObservedGeneration && a.LastHandledRefresh == b.LastHandledRefresh &&
		a.LastSyncTime.Equal(b.LastSyncTime) && a.LastRotationTime.Equal(b.LastRotationTime) && a.PreviousUntil.Equal(b.PreviousUntil) &&
		equalSlices(a.Conditions, b.Conditions, equalConditions) &&
		equalSlices(a.Sources, b.Sources, equalSources) &&
		equalPointers(a.Secret, b.Secret, equalSecrets) &&
		equalPointers(a.Refusal, b.Refusal, func(a, b *v1alpha1.RefusalStatus) bool { return *a == *b }) &&
		equalPointers(a.Rollout, b.Rollout, equalRollouts)
}

func equalConditions(a, b *metav1.Condition) bool {
	return a.Type == b.Type && a.Status == b.Status && a.ObservedGeneration == b.ObservedGeneration &&
		a.LastTransitionTime.Equal(&b.LastTransitionTime) && a.Reason == b.Reason && a.Message == b.Message
}

func equalSources(a, b *v1alpha1.SourceStatus) bool {
	return a.SecretID == b.SecretID && a.ARN == b.ARN && a.Region == b.Region && a.VersionStage == b.VersionStage && a.VersionID == b.VersionID &&
		equalPointers(a.FoundBy, b.FoundBy, func(a, b *int32) bool { return *a == *b }) && slices.Equal(a.VersionStages, b.VersionStages) &&
		a.VersionCreatedTime.Equal(b.VersionCreatedTime) && a.LastChangedTime.Equal(b.LastChangedTime) &&
		a.LastRotatedTime.Equal(b.LastRotatedTime) && a.NextRotationTime.Equal(b.NextRotationTime) && a.Hint == b.Hint
}

func equalSecrets(a, b *v1alpha1.SecretStatus) bool {
	return a.Name == b.Name && a.UID == b.UID && a.ResourceVersion == b.ResourceVersion && a.Generation == b.Generation &&
		slices.Equal(a.Keys, b.Keys) && slices.Equal(a.PreviousKeys, b.PreviousKeys) && a.CreationPolicy == b.CreationPolicy &&
		a.ExpirationTime.Equal(b.ExpirationTime) && slices.Equal(a.Warnings, b.Warnings)
}

func equalRollouts(a, b *v1alpha1.RolloutStatus) bool {
	return a.Revision == b.Revision && a.ChangedTime.Equal(b.ChangedTime) && a.HandledRevision == b.HandledRevision &&
		slices.Equal(a.Workloads, b.Workloads)
}

func equalSlices[T any](a, b []T, equal func(a, b *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

func equalPointers[T any](a, b *T, equal func(a, b *T) bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	return equal(a, b)
}
