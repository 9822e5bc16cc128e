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
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.status.sources[0].secretID`,priority=1
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.status.sources[0].versionStage`,priority=1
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

	// Unreadable names the first field of spec that could not be read, and says why; nil where all could. It is no
	// field of the API: UnmarshalJSON sets it. Nothing may be done by a spec of which a part is missing.
	Unreadable *string `json:"-"`

	// Abridged says that this is what the operator's cache keeps of an object that is too large to be kept; nil for an
	// object that is whole. It is no field of the API. Nothing may be done by an abridged spec: the whole one is read from
	// the API server.
	Abridged *Abridged `json:"-"`
}

// Abridged is what is kept of the fields that an abridged object lacks.
//
// +kubebuilder:object:generate=true
type Abridged struct {
	// Follows are digests of the names of the secrets that spec follows, sorted.
	Follows []uint64 `json:"-"`
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

// SyncMode says whether the controller writes.
// +kubebuilder:validation:Enum=Sync;Observe
type SyncMode string

const (
	// SyncModeSync keeps the Secret equal to what the sources give.
	SyncModeSync SyncMode = "Sync"
	// SyncModeObserve does all but the writes: the condition Ready says what would be written.
	SyncModeObserve SyncMode = "Observe"
)

// SecretSyncSpec is what a user asks for.
//
// The Secret gets its keys in this order: those of dataFrom, then those of data, then those of template.
// What comes later goes before what came earlier; two entries of dataFrom that give the same key are
// refused.
//
// +kubebuilder:validation:XValidation:rule="has(self.source) || has(self.data) || has(self.dataFrom)",message="name a secret: set spec.source, or sources under spec.data or spec.dataFrom"
// +kubebuilder:validation:XValidation:rule="has(self.source) || !has(self.data) || self.data.all(d, has(d.source) && has(d.source.secretID))",message="without spec.source each entry of spec.data needs a source.secretID of its own"
// +kubebuilder:validation:XValidation:rule="has(self.source) || !has(self.dataFrom) || self.dataFrom.all(d, has(d.find) || has(d.source) && has(d.source.secretID))",message="without spec.source each entry of spec.dataFrom needs a source.secretID of its own, or find"
type SecretSyncSpec struct {
	// source is the AWS Secrets Manager secret to read, and which of its versions to follow. Without data
	// and dataFrom, all of it goes into the Secret: one key per field of a JSON object, or the single key
	// "value" for any other text and for binary secrets. With them, it is what their entries read that name
	// no other. It may be left out where all of them do.
	// +optional
	Source SecretSource `json:"source,omitzero"`

	// auth says with whose AWS identity to read, all sources alike. Default: the operator's own (IRSA, EKS
	// Pod Identity, or whatever else the AWS SDK finds).
	// +optional
	Auth SourceAuth `json:"auth,omitzero"`

	// pollInterval is how often the controller asks AWS whether the staging label has moved. Each
	// secret is asked about at a moment of its own within the interval, the same one for all
	// SecretSyncs that follow it, so that load is spread and calls are shared. From 5m on, secrets may
	// be found unchanged by listing many at once (ListSecrets, which may lag by five minutes), so that
	// a change is noticed up to that much later. Between 1s and 24h, as a Go duration ("90s", "5m",
	// "1h30m"); or "0", in quotes as it is a text, which asks AWS after change events, edits and requests
	// for a refresh alone.
	// Default: the operator's --poll-interval, which is 5m unless set.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`
	// +kubebuilder:validation:XValidation:rule="self == '0' || duration(self) == duration('0s') || duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="spec.pollInterval must be between 1s and 24h, or \"0\" to follow change events alone"
	PollInterval *metav1.Duration `json:"pollInterval,omitempty"`

	// data lists keys of the Secret one by one. It is all or nothing: while one entry cannot be
	// filled, and is not optional, the Secret keeps what it has.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:XValidation:rule="self.map(d, size(d.key) + (has(d.property) ? size(d.property) : 0) + (has(d.jmesPath) ? size(d.jmesPath) : 0) + (has(d.source) && has(d.source.secretID) ? size(d.source.secretID) : 0)).sum() <= 131072",message="the keys, properties, expressions and secretIDs of spec.data may have at most 131072 characters together: use dataFrom, or several SecretSyncs"
	Data []DataKey `json:"data,omitempty"`

	// dataFrom lists secrets that are taken whole, by name or by find: one key per field of a JSON object,
	// or with find one key per secret.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.map(d, (has(d.property) ? size(d.property) : 0) + (has(d.include) ? d.include.map(n, size(n)).sum() : 0) + (has(d.exclude) ? d.exclude.map(n, size(n)).sum() : 0) + (has(d.rename) ? d.rename.map(n, size(n.match) + (has(n.replace) ? size(n.replace) : 0)).sum() : 0) + (has(d.find) ? (has(d.find.namePrefix) ? size(d.find.namePrefix) : 0) + (has(d.find.namePattern) ? size(d.find.namePattern) : 0) : 0)).sum() <= 65536",message="the names and patterns of spec.dataFrom may have at most 65536 characters together: use wildcards, or several SecretSyncs"
	DataFrom []DataFrom `json:"dataFrom,omitempty"`

	// template makes keys out of those that data and dataFrom give, or of all of source where there are neither.
	// +optional
	Template *Template `json:"template,omitempty"`

	// keepPrevious keeps the values of before a rotation in the Secret for a while, under names of their own.
	// +optional
	KeepPrevious *KeepPrevious `json:"keepPrevious,omitempty"`

	// guards say what must hold for values to be published. Values that a guard refuses are not written:
	// the Secret keeps the last good ones, with reason ValueRejected.
	// +optional
	Guards *Guards `json:"guards,omitempty"`

	// target describes the Secret to write.
	// +optional
	Target SecretTarget `json:"target,omitzero"`

	// rollout says which workloads to restart when the content of the Secret changes. The operator must have
	// been installed with rollouts. Default: every workload of the namespace that uses the Secret, if it was.
	// +optional
	Rollout *Rollout `json:"rollout,omitempty"`

	// rotation says what is expected of the rotation of the secrets, beside what AWS has planned. It changes
	// nothing about the sync: the condition RotationHealthy tells.
	// +optional
	Rotation *RotationExpectations `json:"rotation,omitempty"`

	// mode is Sync, or Observe to see what would be written without writing it. Default: Sync.
	// +optional
	Mode SyncMode `json:"mode,omitempty"`

	// suspend stops reading from AWS and writing to the Secret until it is false again; the Secret
	// stays as it is, and foreign edits of it are not repaired meanwhile. Default: false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}
