package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretSync keeps one Kubernetes Secret equal to what a staging label of an AWS Secrets Manager
// secret points at. It lives in the namespace of the Secret it writes, and reaches no other.
//
// Another project has a kind of the same name: use the full resource name
// secretsyncs.secretsync.dev where both are installed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ssync,categories=secretsync
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.secret.name`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.sources[0].versionID`
// +kubebuilder:printcolumn:name="Synced",type=date,JSONPath=`.status.lastSyncTime`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.source.secretID`,priority=1
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.spec.source.versionStage`,priority=1
// +kubebuilder:printcolumn:name="Rotation",type=string,JSONPath=`.status.conditions[?(@.type=="RotationHealthy")].reason`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecretSync struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard Kubernetes object metadata. None of its labels and annotations is
	// copied to the Secret; name those wanted there under spec.target.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says which secret to follow and which Secret to write.
	// +required
	Spec SecretSyncSpec `json:"spec,omitzero"`

	// status is what the controller did and saw; it holds no value of any secret. An object that no
	// controller has seen yet says so, for tools that take an empty status for a good one.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Progressing", message: "Waiting for the controller", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SecretSyncStatus `json:"status,omitzero"`
}

// SecretSyncList is a list of SecretSync objects.
//
// +kubebuilder:object:root=true
type SecretSyncList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	// items are the SecretSync objects of the list.
	Items []SecretSync `json:"items"`
}

// SecretSyncSpec is what a user asks for.
type SecretSyncSpec struct {
	// source is the AWS Secrets Manager secret to read, and which of its versions to follow.
	// +required
	Source SecretSource `json:"source,omitzero"`

	// auth says with whose AWS identity to read. Default: the operator's own (IRSA, EKS Pod Identity, or
	// whatever else the AWS SDK finds).
	// +optional
	Auth SourceAuth `json:"auth,omitzero"`

	// pollInterval is how often the controller asks AWS whether the staging label has moved. Each
	// secret is asked about at a moment of its own within the interval, the same one for all
	// SecretSyncs that follow it, so that load is spread and calls are shared. From 5m on, secrets may
	// be found unchanged by listing many at once (ListSecrets, which may lag by five minutes), so that
	// a change is noticed up to that much later. Between 1s and 24h, as a Go duration ("90s", "5m",
	// "1h30m").
	// Default: the operator's --poll-interval, which is 5m unless set.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="spec.pollInterval must be between 1s and 24h"
	PollInterval *metav1.Duration `json:"pollInterval,omitempty"`

	// data lists the keys of the Secret one by one. It is all or nothing: while one entry cannot be
	// filled, the Secret keeps what it has. Default: one key per field of a JSON object, or the
	// single key "value" for any other text and for binary secrets.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	Data []DataKey `json:"data,omitempty"`

	// target describes the Secret to write.
	// +optional
	Target SecretTarget `json:"target,omitzero"`

	// suspend stops reading from AWS and writing to the Secret until it is false again; the Secret
	// stays as it is, and foreign edits of it are not repaired meanwhile. Default: false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// SecretSource names a secret of AWS Secrets Manager and one of its versions.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.versionStage) && has(self.versionID))",message="set versionStage to follow a staging label, or versionID to pin one version, not both"
// +kubebuilder:validation:XValidation:rule="!has(self.region) || !self.secretID.startsWith('arn:') || self.secretID.split(':').size() < 4 || self.secretID.split(':')[3] == self.region",message="region differs from the region in the ARN of secretID: remove region or name the ARN of that region"
type SecretSource struct {
	// secretID is the name of the secret, or its ARN. A full ARN is needed for a secret of another
	// account. A partial ARN (without the six random characters at the end) is accepted as AWS
	// accepts it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.startsWith('arn:') ? self.matches('^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+$') : self.matches('^[A-Za-z0-9/_+=.@!-]{1,512}$')",message="secretID must be a secret's name (letters, digits and /_+=.@!-, at most 512) or its ARN (arn:aws:secretsmanager:<region>:<account>:secret:<name>)"
	SecretID string `json:"secretID,omitempty"`

	// versionStage is the staging label to follow: AWSCURRENT, AWSPREVIOUS, AWSPENDING or a label of
	// your own. Default: AWSCURRENT, unless versionID is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	VersionStage string `json:"versionStage,omitempty"`

	// versionID pins one version by its id; no rotation is followed then. AWS removes versions
	// without a staging label in time, so prefer versionStage for anything long-lived.
	// +optional
	// +kubebuilder:validation:MinLength=32
	// +kubebuilder:validation:MaxLength=64
	VersionID string `json:"versionID,omitempty"`

	// region is the AWS region to read from. Default: the region in the ARN, then the operator's.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$')",message="region must be the code of an AWS region, for example eu-west-1"
	Region string `json:"region,omitempty"`
}

// SourceAuth says with whose AWS identity a secret is read.
//
// +kubebuilder:validation:XValidation:rule="has(self.roleARN) || !has(self.externalID)",message="externalID is handed to the role of roleARN: set roleARN too"
// +kubebuilder:validation:XValidation:rule="has(self.roleARN) || !has(self.viaRoleARNs)",message="viaRoleARNs are assumed on the way to roleARN: set roleARN too, to the last role of the chain"
type SourceAuth struct {
	// serviceAccountRef names a ServiceAccount in the namespace of the SecretSync, whose annotation
	// eks.amazonaws.com/role-arn names an IAM role (IRSA): AWS lets a token of the ServiceAccount assume
	// it. The operator must have been given the permission to request such tokens. Default: the
	// operator's own identity.
	// +optional
	ServiceAccountRef *ServiceAccountReference `json:"serviceAccountRef,omitempty"`

	// roleARN is an IAM role to assume on top of that identity, and to read with. The session's tags tell
	// the role's policies the namespace, the ServiceAccount and the cluster. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$')",message="roleARN must be the ARN of an IAM role, for example arn:aws:iam::111122223333:role/payments-read"
	RoleARN string `json:"roleARN,omitempty"`

	// externalID is what the trust policy of roleARN asks for by its condition sts:ExternalId. It is no
	// secret. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_+=,.@:/-]+$')",message="externalID may have letters, digits and _+=,.@:/- (page AssumeRole of the AWS STS API Reference)"
	ExternalID string `json:"externalID,omitempty"`

	// viaRoleARNs are roles to assume one after the other on the way to roleARN, where that role trusts
	// only them (role chaining). Default: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MinLength=20
	// +kubebuilder:validation:items:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.all(r, r.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$'))",message="viaRoleARNs must be ARNs of IAM roles, for example arn:aws:iam::111122223333:role/hub"
	ViaRoleARNs []string `json:"viaRoleARNs,omitempty"`
}

// ServiceAccountReference names a ServiceAccount in the namespace of the SecretSync.
type ServiceAccountReference struct {
	// name of the ServiceAccount.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="serviceAccountRef.name must be the name of a ServiceAccount in this namespace: lower-case letters, digits, '-' and '.'"
	Name string `json:"name,omitempty"`
}

// DataKey is one key of the Secret.
type DataKey struct {
	// key is the name of the key in the Secret: letters, digits, "-", "_" and ".".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'",message="key must consist of letters, digits, '-', '_' and '.', and be neither '.' nor start with '..'"
	Key string `json:"key,omitempty"`

	// property is the field of the JSON object to take. It is first looked up as the literal name
	// of a field, dots and slashes included; if there is none, as a path of field names separated by
	// dots. A string is taken as its text, everything else as its JSON text, digit for digit.
	// Default: the whole value of the secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Property string `json:"property,omitempty"`
}

// CreationPolicy says whose the Secret is.
// +kubebuilder:validation:Enum=Owner;Merge
type CreationPolicy string

const (
	// CreationPolicyOwner means that the Secret is created by, and belongs to, the SecretSync. A
	// Secret of that name that belongs to somebody else is left alone (reason TargetConflict).
	CreationPolicyOwner CreationPolicy = "Owner"
	// CreationPolicyMerge means that the Secret belongs to somebody else and must exist; the
	// SecretSync adds and keeps its own keys only.
	CreationPolicyMerge CreationPolicy = "Merge"
)

// DeletionPolicy says what happens to the Secret when the SecretSync is deleted.
// +kubebuilder:validation:Enum=Delete;Retain
type DeletionPolicy string

const (
	// DeletionPolicyDelete removes the Secret (by an owner reference), or with creationPolicy Merge
	// the keys that the SecretSync had added (by a finalizer).
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyRetain leaves the Secret as it is. It has no owner reference then, so that
	// nothing else removes it either.
	DeletionPolicyRetain DeletionPolicy = "Retain"
)

// SecretTarget describes the Secret to write, in the namespace of the SecretSync.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.creationPolicy) && self.creationPolicy == 'Merge' && (has(self.type) || has(self.labels) || has(self.annotations)))",message="type, labels and annotations belong to the Secret's owner: remove them, or use creationPolicy Owner"
type SecretTarget struct {
	// name of the Secret. Default: the name of the SecretSync. When it changes, the Secret of the new
	// name is written first, and then the old one is deleted or kept by deletionPolicy.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="target.name must be a valid Secret name: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// type of the Secret, for example kubernetes.io/tls. Kubernetes does not let a Secret change its
	// type: delete the Secret to have it made anew. Types that hand out Kubernetes credentials are
	// refused. Default: Opaque.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!(self in ['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token']) && !self.startsWith('helm.sh/')",message="target.type must not be a type by which Kubernetes or Helm hand out credentials or keep releases"
	Type string `json:"type,omitempty"`

	// labels to set on the Secret, beside those that the controller sets itself.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('secretsync.dev/'))",message="labels under secretsync.dev/ are set by the controller: choose another prefix"
	Labels map[string]string `json:"labels,omitempty"`

	// annotations to set on the Secret, beside those that the controller sets itself.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('secretsync.dev/') && !k.startsWith('kubernetes.io/service-account.'))",message="annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved: choose another prefix"
	Annotations map[string]string `json:"annotations,omitempty"`

	// creationPolicy says whose the Secret is: Owner (ours) or Merge (somebody else's, to which only
	// our keys are added). Default: Owner.
	// +optional
	CreationPolicy CreationPolicy `json:"creationPolicy,omitempty"`

	// deletionPolicy says what becomes of the Secret when the SecretSync is deleted: Delete or
	// Retain. Default: Delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// SecretSyncStatus is what the controller did and saw. It is written only when something changed,
// and holds neither a value nor a digest of one.
type SecretSyncStatus struct {
	// conditions say how the object is: Ready always; Reconciling while the controller works or
	// retries; Stalled while only an edit (here or in AWS) can help; RotationHealthy once the
	// secret's rotation has been seen.
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

	// sources are the versions that the Secret was made of, the source of spec.source first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
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
}

// SourceStatus is one version of one secret.
type SourceStatus struct {
	// secretID as the spec names it.
	// +optional
	SecretID string `json:"secretID,omitempty"`
	// arn is the full ARN of the secret.
	// +optional
	ARN string `json:"arn,omitempty"`
	// region that the secret was read from.
	// +optional
	Region string `json:"region,omitempty"`
	// versionStage that is followed; empty where a version is pinned.
	// +optional
	VersionStage string `json:"versionStage,omitempty"`
	// versionID of the value in the Secret.
	// +optional
	VersionID string `json:"versionID,omitempty"`
	// versionStages are the staging labels on that version when it was last looked at.
	// +optional
	// +listType=atomic
	VersionStages []string `json:"versionStages,omitempty"`
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
	// resourceVersion of the Secret after the last write: while the Secret still has it, nobody has
	// touched the Secret, and nothing needs to be read to know that.
	// +optional
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// generation of the spec that the Secret was written by.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// keys are the names of the keys written.
	// +optional
	// +listType=set
	Keys []string `json:"keys,omitempty"`
	// creationPolicy by which the Secret was written.
	// +optional
	CreationPolicy CreationPolicy `json:"creationPolicy,omitempty"`
}
