package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxRefreshToken is how many bytes of the annotation secretsync.dev/refresh-requested-at count, and are echoed.
const maxRefreshToken = 253

// RefreshToken is the refresh that the annotation asks for; empty for none.
func (s *SecretSync) RefreshToken() string {
	token := s.Annotations[AnnotationRefreshRequestedAt]
	return token[:min(len(token), maxRefreshToken)]
}

// RefreshRequested says whether a refresh was asked for that status does not call handled.
func (s *SecretSync) RefreshRequested() bool {
	token := s.RefreshToken()
	return token != "" && token != s.Status.LastHandledRefresh
}

// Deleting says whether the SecretSync is being deleted: it has a deletion timestamp.
func (s *SecretSync) Deleting() bool { return !s.DeletionTimestamp.IsZero() }

// Observes says whether the mode is Observe, in which nothing is written.
func (s *SecretSync) Observes() bool { return s.Spec.Mode == SyncModeObserve }

// Once says whether the mode is Once, in which the Secret is written once.
func (s *SecretSync) Once() bool { return s.Spec.Mode == SyncModeOnce }

// OwnsSecret says whether the Secret has an owner reference to the SecretSync, so that both are deleted together.
func (s *SecretSync) OwnsSecret() bool { return !s.Spec.Target.Merges() && !s.Spec.Target.Retains() }

// WrittenBySpec says whether status has a Secret that was written by the present spec.
func (s *SecretSync) WrittenBySpec() bool {
	return s.Status.Secret != nil && s.Status.Secret.Generation == s.Generation
}

// InSync says whether status calls the Secret in sync with the present spec.
func (s *SecretSync) InSync() bool {
	return s.WrittenBySpec() && meta.IsStatusConditionTrue(s.Status.Conditions, ConditionReady)
}

// FailureReason is the reason of the failure that status reports, or empty.
func (s *SecretSync) FailureReason() string {
	for _, kind := range []string{ConditionReconciling, ConditionStalled} {
		condition := meta.FindStatusCondition(s.Status.Conditions, kind)
		if condition != nil && condition.Status == metav1.ConditionTrue {
			return condition.Reason
		}
	}
	return ""
}
