package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretSyncStatus is what the operator observed and did. It is written only when it changes, and holds neither values
// nor digests of values.
type SecretSyncStatus struct {
	// conditions are the state of the SecretSync. Ready is always present. Reconciling is present while the operator
	// works or retries. Stalled is present while only an edit, here or in AWS, can help. RotationHealthy is present
	// once the rotation of the secret is known. WorkloadsRestarted is present if the operator restarts workloads, or if
	// spec.rollout is set.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// lastHandledRefresh is the last handled value of the annotation secretsync.dev/refresh-requested-at. A script can
	// wait for the value that it has set.
	// +optional
	LastHandledRefresh string `json:"lastHandledRefresh,omitempty"`

	// sources are the versions that the Secret was written from: first spec.source, then those of data, those of
	// dataFrom, and the previous versions that keepPrevious keeps.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Sources []SourceStatus `json:"sources,omitempty"`

	// secret is the Secret as it was last written.
	// +optional
	Secret *SecretStatus `json:"secret,omitempty"`

	// lastSyncTime is when the Secret was last written. A poll that finds no change does not update it.
	// +optional
	LastSyncTime *metav1.Time `json:"lastSyncTime,omitempty"`

	// lastRotationTime is when the Secret last got another version of an unchanged source.
	// +optional
	LastRotationTime *metav1.Time `json:"lastRotationTime,omitempty"`

	// previousUntil is when the values that keepPrevious keeps are removed from the Secret.
	// +optional
	PreviousUntil *metav1.Time `json:"previousUntil,omitempty"`

	// operator names the operator that wrote this status by the namespace and the name of its Lease. If another operator
	// also writes it, again and again, the conditions have the reason OperatorConflict.
	// +optional
	Operator string `json:"operator,omitempty"`

	// refusal is what AWS refused in the last reconcile, for programs. It is present while AWS refuses permissions or
	// credentials. The message of the condition Ready says the same in a sentence.
	// +optional
	Refusal *RefusalStatus `json:"refusal,omitempty"`

	// rollout is the progress of restarting workloads.
	// +optional
	Rollout *RolloutStatus `json:"rollout,omitempty"`
}

// RolloutStatus is the progress of restarting workloads.
type RolloutStatus struct {
	// revision identifies the content of the Secret: the version id of its only source, or a digest of the version ids
	// of all sources. It changes when the content changes, unless only keys changed that need no restart. It ends in
	// "#" and a mark if an edit of the spec changed the content, or if an existing Secret was taken over.
	// +optional
	Revision string `json:"revision,omitempty"`
	// changedTime is when the content changed to this revision, rounded up to a full second.
	// +optional
	ChangedTime *metav1.Time `json:"changedTime,omitempty"`
	// handledRevision is the last revision for which no workload needs a restart any more.
	// +optional
	HandledRevision string `json:"handledRevision,omitempty"`
	// workloads are the workloads that were restarted, or will be restarted, for the revision.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Workloads []WorkloadStatus `json:"workloads,omitempty"`
}

// WorkloadStatus is the progress of restarting one workload.
type WorkloadStatus struct {
	// kind is the kind of the workload.
	// +optional
	Kind string `json:"kind,omitempty"`
	// name is the name of the workload.
	// +optional
	Name string `json:"name,omitempty"`
	// state is Waiting for its turn, RollingOut, Done, Paused until the workload is resumed, or Failed.
	// +optional
	State string `json:"state,omitempty"`
	// message gives details, if there are any.
	// +optional
	Message string `json:"message,omitempty"`
}

// SourceStatus is one version of one secret.
type SourceStatus struct {
	// secretID is the secret as the spec names it, or the ARN of a secret that find has found.
	// +optional
	SecretID string `json:"secretID,omitempty"`
	// foundBy is the index in spec.dataFrom, starting at 0, of the entry whose find has found the secret.
	// +optional
	FoundBy *int32 `json:"foundBy,omitempty"`
	// arn is the full ARN of the secret; after a failover, it still has the region of the secret, not of the replica.
	// +optional
	ARN string `json:"arn,omitempty"`
	// region is the region that the secret was read from; after a failover, the region of the replica.
	// +optional
	Region string `json:"region,omitempty"`
	// versionStage is the staging label that is followed; empty if a version is pinned.
	// +optional
	VersionStage string `json:"versionStage,omitempty"`
	// versionID is the version whose value is in the Secret; empty for an optional source that does not exist.
	// +optional
	VersionID string `json:"versionID,omitempty"`
	// versionStages are the staging labels on that version when it was last resolved.
	// +optional
	// +listType=atomic
	VersionStages []string `json:"versionStages,omitempty"`
	// versionCreatedTime is when AWS created that version; empty if the permitted calls do not return it.
	// +optional
	VersionCreatedTime *metav1.Time `json:"versionCreatedTime,omitempty"`
	// lastChangedTime is when AWS last changed the secret in any way, as of the last write of status. Older answers of
	// AWS are not followed. Empty if the permitted calls do not return it.
	// +optional
	LastChangedTime *metav1.MicroTime `json:"lastChangedTime,omitempty"`
	// lastRotatedTime is when AWS last rotated the secret.
	// +optional
	LastRotatedTime *metav1.Time `json:"lastRotatedTime,omitempty"`
	// nextRotationTime is when AWS will rotate the secret next.
	// +optional
	NextRotationTime *metav1.Time `json:"nextRotationTime,omitempty"`
	// hint is advice that does not stop the sync, for example a permission that would make polling cheaper.
	// +optional
	Hint string `json:"hint,omitempty"`
}

// RefusalStatus is what AWS refused. Fields that AWS does not report are empty.
type RefusalStatus struct {
	// code is the error code: AccessDenied for every denial by a policy, or for example InvalidIdentityToken.
	// +optional
	Code string `json:"code,omitempty"`
	// principal is the identity whose request was refused.
	// +optional
	Principal string `json:"principal,omitempty"`
	// action is the action that it may not take, for example secretsmanager:GetSecretValue.
	// +optional
	Action string `json:"action,omitempty"`
	// resource is what it may not take the action on: an ARN, a name, or *.
	// +optional
	Resource string `json:"resource,omitempty"`
	// policy is the kind of policy that refuses, for example "identity-based policy" or "permissions boundary".
	// +optional
	Policy string `json:"policy,omitempty"`
	// explicit is true if a Deny statement refuses, and false if an Allow statement is missing.
	// +optional
	Explicit bool `json:"explicit,omitempty"`
}

// SecretStatus is the Secret as it was last written.
type SecretStatus struct {
	// name is the name of the Secret.
	// +optional
	Name string `json:"name,omitempty"`
	// uid is the UID of the Secret.
	// +optional
	UID string `json:"uid,omitempty"`
	// resourceVersion is the resourceVersion of the Secret after the last write, or a later one at which its content
	// was still correct. While the Secret has this resourceVersion, the operator does not need to read it.
	// +optional
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// generation is the generation of the spec that the Secret was written from.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// keys are the names of the keys that were written.
	// +optional
	// +listType=set
	Keys []string `json:"keys,omitempty"`
	// previousKeys are those of keys that hold previous values, which spec.keepPrevious keeps for a time.
	// +optional
	// +listType=set
	PreviousKeys []string `json:"previousKeys,omitempty"`
	// creationPolicy is the creation policy that the Secret was written with.
	// +optional
	CreationPolicy CreationPolicy `json:"creationPolicy,omitempty"`
	// expirationTime is when the first certificate in a Secret of type kubernetes.io/tls expires.
	// +optional
	ExpirationTime *metav1.Time `json:"expirationTime,omitempty"`
	// warnings are problems with values that were written nevertheless, for types of Secrets that the operator checks.
	// The message of the condition Ready contains them too.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Warnings []string `json:"warnings,omitempty"`
}
