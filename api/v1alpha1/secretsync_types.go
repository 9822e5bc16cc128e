package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretSync keeps one Kubernetes Secret equal to the version of an AWS Secrets Manager secret that a staging label
// points at. It lives in the namespace of the Secret that it writes, and reaches no other namespace.
//
// Another project has a kind of the same name: use the full resource name secretsyncs.secretsync.dev where both are
// installed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ssync,categories=secretsync
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.*['secret.name','target.name','name']`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.sources[0].versionID`
// +kubebuilder:printcolumn:name="Synced",type=date,JSONPath=`.status.lastSyncTime`
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.*['sources','source','data','dataFrom']..['secretID','namePrefix']`,priority=1
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.*['sources','source']..['versionStage','versionID','default "AWSCURRENT"']`,priority=1
// +kubebuilder:printcolumn:name="Rotation",type=string,JSONPath=`.status.conditions[?(@.type=="RotationHealthy")].reason`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecretSync struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard Kubernetes object metadata. Its labels and annotations are not copied to the Secret; set
	// those of the Secret under spec.target.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says which secret to follow and which Secret to write.
	// +required
	Spec SecretSyncSpec `json:"spec,omitzero"`

	// status is what the operator observed and did. It never holds the value of a secret. An object that no operator
	// has seen yet has the condition Ready with status Unknown, so that tools do not take an empty status for success.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Progressing", message: "Waiting for the operator. If this lasts, check if it runs, and if it watches this namespace (--watch-namespaces, --watch-label-selector)", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SecretSyncStatus `json:"status,omitzero"`

	// Unreadable names the first field of spec that could not be decoded, and the error; nil if all fields could be
	// decoded. It is not a field of the API: UnmarshalJSON sets it. Do not act on a spec of which a part is missing.
	Unreadable *string `json:"-"`

	// Abridged is set on the copy in the operator's cache if the object is too large to be cached as a whole; nil for a
	// complete object. It is not a field of the API. Do not act on an abridged spec: read the complete object from the
	// API server.
	Abridged *Abridged `json:"-"`
}

// Abridged is what the cache keeps of the fields that an abridged object lacks.
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

// SyncMode says whether the operator writes.
// +kubebuilder:validation:Enum=Sync;Observe;Once
type SyncMode string

const (
	// SyncModeSync keeps the Secret equal to what the sources give.
	SyncModeSync SyncMode = "Sync"
	// SyncModeObserve does everything except the writes: the condition Ready says what would be written.
	SyncModeObserve SyncMode = "Observe"
	// SyncModeOnce writes the Secret once, and then leaves it alone.
	SyncModeOnce SyncMode = "Once"
)

// SecretSyncSpec is what a user asks for.
//
// The Secret gets the keys of dataFrom, of data and of template. A key of template overrides the same key of data, and
// a key of data overrides the same key of dataFrom. If two entries of dataFrom give the same key, the spec is refused,
// unless the later one has overlap: Override.
//
// +kubebuilder:validation:XValidation:rule="has(self.source) || has(self.data) || has(self.dataFrom)",message="name a secret: set spec.source, or sources under spec.data or spec.dataFrom"
// +kubebuilder:validation:XValidation:rule="has(self.source) || !has(self.data) || self.data.all(d, has(d.source) && has(d.source.secretID))",message="without spec.source each entry of spec.data needs a source.secretID of its own"
// +kubebuilder:validation:XValidation:rule="has(self.source) || !has(self.dataFrom) || self.dataFrom.all(d, has(d.find) || has(d.source) && has(d.source.secretID))",message="without spec.source each entry of spec.dataFrom needs a source.secretID of its own, or find"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Once' || !(has(self.keepPrevious) || has(self.target) && has(self.target.creationPolicy) && self.target.creationPolicy == 'Merge')",message="mode Once leaves the Secret alone after the first write: keepPrevious and creationPolicy Merge need mode Sync"
// +kubebuilder:validation:XValidation:rule="!(has(self.template) && has(self.template.metadata) && has(self.target) && has(self.target.creationPolicy) && self.target.creationPolicy == 'Merge')",message="labels and annotations belong to the Secret's owner: remove spec.template.metadata, or use creationPolicy Owner"
type SecretSyncSpec struct {
	// source is the AWS Secrets Manager secret to read, and which of its versions to follow. Without data and dataFrom,
	// the whole secret goes into the Secret: one key per field of a JSON object, or the single key "value" for any
	// other text and for binary secrets. With data or dataFrom, their entries read source unless they name another
	// secret. It may be omitted if every entry names a secret.
	// +optional
	Source SecretSource `json:"source,omitzero"`

	// auth is the AWS identity that reads all sources. Default: the operator's own identity (IRSA, EKS Pod Identity, or
	// another one that the AWS SDK finds).
	// +optional
	Auth SourceAuth `json:"auth,omitzero"`

	// pollInterval is how often the operator asks AWS whether the staging label has moved. Each secret is polled at its
	// own moment within the interval. All SecretSyncs that follow a secret share that moment, so that load is spread
	// and calls are shared. With 5m or more, the operator may list many secrets at once to see that they are unchanged.
	// ListSecrets may lag by five minutes, so a change may be noticed up to five minutes later. The value is a Go
	// duration between 1s and 24h ("90s", "5m", "1h30m"), or "0", quoted because it is a string: the operator then asks
	// AWS only after change events, edits and refresh requests. Default: the operator's --poll-interval, which is 5m
	// unless set.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`
	// +kubebuilder:validation:XValidation:rule="self == '0' || duration(self) == duration('0s') || duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="spec.pollInterval must be between 1s and 24h, or \"0\" to follow change events alone"
	PollInterval *metav1.Duration `json:"pollInterval,omitempty"`

	// data lists keys of the Secret one by one. It is all or nothing: if an entry can't be filled and is not optional,
	// the Secret stays as it is.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:XValidation:rule="self.map(d, size(d.key) + (has(d.property) ? size(d.property) : 0) + (has(d.jmesPath) ? size(d.jmesPath) : 0) + (has(d.source) && has(d.source.secretID) ? size(d.source.secretID) : 0)).sum() <= 131072",message="the keys, properties, expressions and secretIDs of spec.data may have at most 131072 characters together: use dataFrom, or several SecretSyncs"
	Data []DataKey `json:"data,omitempty"`

	// dataFrom lists secrets that are taken as a whole, by name or by find. They give one key per field of a JSON
	// object, or with find one key per secret.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="!has(self[0].overlap)",message="the first entry of spec.dataFrom has none before it: set overlap on the entry whose keys are to override"
	// +kubebuilder:validation:XValidation:rule="self.map(d, (has(d.property) ? size(d.property) : 0) + (has(d.include) ? d.include.map(n, size(n)).sum() : 0) + (has(d.exclude) ? d.exclude.map(n, size(n)).sum() : 0) + (has(d.rename) ? d.rename.map(n, size(n.match) + (has(n.replace) ? size(n.replace) : 0)).sum() : 0) + (has(d.find) ? (has(d.find.namePrefix) ? size(d.find.namePrefix) : 0) + (has(d.find.namePattern) ? size(d.find.namePattern) : 0) : 0)).sum() <= 65536",message="the names and patterns of spec.dataFrom may have at most 65536 characters together: use wildcards, or several SecretSyncs"
	DataFrom []DataFrom `json:"dataFrom,omitempty"`

	// template renders keys, labels and annotations from the keys of data and dataFrom, or from all of source if both are
	// omitted.
	// +optional
	Template *Template `json:"template,omitempty"`

	// keepPrevious keeps the previous values in the Secret for a time after a rotation, under other key names.
	// +optional
	KeepPrevious *KeepPrevious `json:"keepPrevious,omitempty"`

	// guards are checks that values must pass before they are written. If a guard rejects a value, nothing is written:
	// the Secret keeps its last valid values, and the condition Ready has the reason ValueRejected.
	// +optional
	Guards *Guards `json:"guards,omitempty"`

	// target describes the Secret to write.
	// +optional
	Target SecretTarget `json:"target,omitzero"`

	// rollout says which workloads to restart when the content of the Secret changes. The operator must be installed
	// with rollouts. Default: with rollouts, every workload in the namespace that uses the Secret; without them, none.
	// +optional
	Rollout *Rollout `json:"rollout,omitempty"`

	// rotation sets expectations for the rotation of the secrets, in addition to the schedule in AWS. It does not
	// change the sync: only the condition RotationHealthy reports it.
	// +optional
	Rotation *RotationExpectations `json:"rotation,omitempty"`

	// mode is Sync; or Observe to report what would be written without writing it; or Once to write the Secret once: as
	// long as the Secret exists, later versions, edits of the Secret and edits of spec have no effect on it. A refresh
	// request writes it again, and a deleted Secret is recreated. Default: Sync.
	// +optional
	Mode SyncMode `json:"mode,omitempty"`

	// suspend stops reading from AWS and writing to the Secret until it is set to false. Meanwhile the Secret stays as
	// it is, and edits of it are not repaired. Default: false.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}
