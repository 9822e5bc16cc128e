package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretSyncStatus is what the controller did and saw. It is written only when something changed,
// and holds neither a value nor a digest of one.
type SecretSyncStatus struct {
	// conditions say how the object is: Ready always; Reconciling while the controller works or
	// retries; Stalled while only an edit (here or in AWS) can help; RotationHealthy once the
	// secret's rotation has been seen; WorkloadsRestarted where the operator restarts workloads, or
	// spec.rollout asks for it.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// lastHandledRefresh echoes the value of the annotation secretsync.dev/refresh-requested-at that
	// was handled last, so that a script can wait for its own refresh.
	// +optional
	LastHandledRefresh string `json:"lastHandledRefresh,omitempty"`

	// sources are the versions that the Secret was made of: that of spec.source first, then those of data,
	// of dataFrom, and the former ones that keepPrevious keeps.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Sources []SourceStatus `json:"sources,omitempty"`

	// secret is the Secret as it was written last.
	// +optional
	Secret *SecretStatus `json:"secret,omitempty"`

	// lastSyncTime is when the Secret was last written. A poll that finds nothing new does not move it.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// lastRotationTime is when the Secret last got another version of an unchanged source.
	// +optional
	LastRotationTime *metav1.Time `json:"lastRotationTime,omitempty"`

	// previousUntil is when the values that keepPrevious keeps are taken out of the Secret.
	// +optional
	PreviousUntil *metav1.Time `json:"previousUntil,omitempty"`

	// rollout is how far the restart of workloads has come.
	// +optional
	Rollout *RolloutStatus `json:"rollout,omitempty"`
}

// RolloutStatus is how far the restart of workloads has come.
type RolloutStatus struct {
	// revision of the Secret's content: the version id of its only source, or a digest of those of all. It
	// changes when the content does, but for keys that need no restart. "#" and a mark follow where an edit of the
	// spec has shaped the content, or where the Secret was taken over.
	// +optional
	Revision string `json:"revision,omitempty"`
	// changedTime is when the content changed to this revision, rounded up to a full second.
	// +optional
	ChangedTime *metav1.Time `json:"changedTime,omitempty"`
	// handledRevision is the revision that workloads need no more restart for.
	// +optional
	HandledRevision string `json:"handledRevision,omitempty"`
	// workloads are those that were restarted, or are to be, for the revision.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Workloads []WorkloadStatus `json:"workloads,omitempty"`
}

// WorkloadStatus is how the restart of one workload goes.
type WorkloadStatus struct {
	// kind of the workload.
	// +optional
	Kind string `json:"kind,omitempty"`
	// name of the workload.
	// +optional
	Name string `json:"name,omitempty"`
	// state is Waiting for its turn, RollingOut, Done, Paused until somebody resumes it, or Failed.
	// +optional
	State string `json:"state,omitempty"`
	// message says more, where there is more to say.
	// +optional
	Message string `json:"message,omitempty"`
}

// SourceStatus is one version of one secret.
type SourceStatus struct {
	// secretID as the spec names it; the ARN where find has found the secret.
	// +optional
	SecretID string `json:"secretID,omitempty"`
	// foundBy is the place, in spec.dataFrom, of the entry whose find found the secret, counted from 0.
	// +optional
	FoundBy *int32 `json:"foundBy,omitempty"`
	// arn is the full ARN of the secret.
	// +optional
	ARN string `json:"arn,omitempty"`
	// region that the secret was read from, which is that of a replica after a failover.
	// +optional
	Region string `json:"region,omitempty"`
	// versionStage that is followed; empty where a version is pinned.
	// +optional
	VersionStage string `json:"versionStage,omitempty"`
	// versionID of the value in the Secret; empty for an optional source that is not there.
	// +optional
	VersionID string `json:"versionID,omitempty"`
	// versionStages are the staging labels on that version when it was last looked at.
	// +optional
	// +listType=atomic
	VersionStages []string `json:"versionStages,omitempty"`
	// versionCreatedTime is when AWS got that version, where the call that was allowed tells.
	// +optional
	VersionCreatedTime *metav1.Time `json:"versionCreatedTime,omitempty"`
	// lastChangedTime is when AWS last changed the secret in any way, as of the last write of status: answers of AWS
	// that are older are not followed. Empty where the call that was allowed does not tell.
	// +optional
	LastChangedTime *metav1.MicroTime `json:"lastChangedTime,omitempty"`
	// lastRotatedTime is when AWS last rotated the secret.
	// +optional
	LastRotatedTime *metav1.Time `json:"lastRotatedTime,omitempty"`
	// nextRotationTime is when AWS means to rotate the secret next.
	// +optional
	NextRotationTime *metav1.Time `json:"nextRotationTime,omitempty"`
	// hint is advice that does not stop the sync, for example a permission that would make it cheaper.
	// +optional
	Hint string `json:"hint,omitempty"`
}

// SecretStatus is the Secret as it was written last.
type SecretStatus struct {
	// name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`
	// uid of the Secret.
	// +optional
	UID string `json:"uid,omitempty"`
	// resourceVersion of the Secret after the last write, or a later one at which it was as desired: while the
	// Secret still has it, the Secret was not changed, and nothing needs to be read to know that.
	// +optional
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// generation of the spec that the Secret was written by.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// keys are the names of the keys written.
	// +optional
	// +listType=set
	Keys []string `json:"keys,omitempty"`
	// previousKeys are those of keys that hold former values, which spec.keepPrevious keeps for a while.
	// +optional
	// +listType=set
	PreviousKeys []string `json:"previousKeys,omitempty"`
	// creationPolicy by which the Secret was written.
	// +optional
	CreationPolicy CreationPolicy `json:"creationPolicy,omitempty"`
	// expirationTime is when the first certificate in a Secret of type kubernetes.io/tls expires.
	// +optional
	ExpirationTime *metav1.Time `json:"expirationTime,omitempty"`
	// warnings say what is wrong with values of a Secret of a certain type that was written all the same. They are in
	// the message of the condition Ready too.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Warnings []string `json:"warnings,omitempty"`
}
