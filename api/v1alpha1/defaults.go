package v1alpha1

import corev1 "k8s.io/api/core/v1"

// DefaultVersionStage is the staging label to follow if the source names neither a staging label nor a version.
const DefaultVersionStage = "AWSCURRENT"

// StageOrDefault is the staging label to follow, or empty if a version is pinned.
func (s *SecretSource) StageOrDefault() string {
	if s.VersionStage == "" && s.VersionID == "" {
		return DefaultVersionStage
	}
	return s.VersionStage
}

// TargetName is the name of the Secret to write.
func (s *SecretSync) TargetName() string {
	if s.Spec.Target.Name != "" {
		return s.Spec.Target.Name
	}
	return s.Name
}

// TypeOrDefault is the type of the Secret to write.
func (t *SecretTarget) TypeOrDefault() corev1.SecretType {
	if t.Type == "" {
		return corev1.SecretTypeOpaque
	}
	return corev1.SecretType(t.Type)
}

// Merges says whether the Secret has another owner.
func (t *SecretTarget) Merges() bool { return t.CreationPolicy == CreationPolicyMerge }

// Retains says whether the Secret outlives the SecretSync.
func (t *SecretTarget) Retains() bool { return t.DeletionPolicy == DeletionPolicyRetain }
