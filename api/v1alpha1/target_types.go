package v1alpha1

// CreationPolicy says who owns the Secret.
// +kubebuilder:validation:Enum=Owner;Merge
type CreationPolicy string

const (
	// CreationPolicyOwner means that the SecretSync creates and owns the Secret. An existing Secret of that name that
	// this SecretSync does not manage is not changed (reason TargetConflict).
	CreationPolicyOwner CreationPolicy = "Owner"
	// CreationPolicyMerge means that the Secret has another owner. It must exist, and its annotation
	// secretsync.dev/merge-from must name the SecretSync or be *. The SecretSync adds and updates only its own keys.
	CreationPolicyMerge CreationPolicy = "Merge"
)

// DeletionPolicy says what happens to the Secret when the SecretSync is deleted.
// +kubebuilder:validation:Enum=Delete;Retain
type DeletionPolicy string

const (
	// DeletionPolicyDelete deletes the Secret (by an owner reference), or with creationPolicy Merge the keys that the
	// SecretSync has added (by a finalizer).
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyRetain keeps the Secret as it is. The Secret then has no owner reference, so that garbage
	// collection does not delete it either.
	DeletionPolicyRetain DeletionPolicy = "Retain"
)

// ReplacePolicy says whether a Secret may be deleted and recreated.
// +kubebuilder:validation:Enum=Never;Recreate
type ReplacePolicy string

const (
	// ReplaceNever leaves the Secret as it is, with the reason TargetImmutable.
	ReplaceNever ReplacePolicy = "Never"
	// ReplaceRecreate deletes the Secret and recreates it. The Secret does not exist for a moment: pods that start at
	// that moment wait for it.
	ReplaceRecreate ReplacePolicy = "Recreate"
)

// LabelValue is the value of a label.
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// AnnotationValue is the value of an annotation.
// +kubebuilder:validation:MaxLength=16384
type AnnotationValue string

// SecretTarget describes the Secret to write, in the namespace of the SecretSync.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.creationPolicy) && self.creationPolicy == 'Merge' && (has(self.type) || has(self.labels) || has(self.annotations) || has(self.immutable) || has(self.replacePolicy)))",message="type, labels, annotations, immutable and replacePolicy belong to the Secret's owner: remove them, or use creationPolicy Owner"
type SecretTarget struct {
	// name is the name of the Secret. When it changes, the Secret with the new name is written first; then the old one
	// is deleted or kept, as deletionPolicy says. Default: the name of the SecretSync.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="target.name must be a valid Secret name: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// type is the type of the Secret, for example kubernetes.io/tls. Kubernetes does not allow the type of a Secret to
	// change: delete the Secret so that it is recreated, or set replacePolicy. Types by which Kubernetes issues
	// credentials are refused. Default: Opaque.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!(self in ['kubernetes.io/service-account-token', 'bootstrap.kubernetes.io/token']) && !self.startsWith('helm.sh/')",message="target.type must not be a type by which Kubernetes issues credentials or Helm stores releases"
	Type string `json:"type,omitempty"`

	// labels are labels to set on the Secret, in addition to those that the operator sets. They are plain texts;
	// template.metadata renders labels from values.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('secretsync.dev/'))",message="labels under secretsync.dev/ are set by the operator: choose another prefix"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317)",message="a label's key may have at most 317 characters, as Kubernetes allows"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !self[k].contains('{{'))",message="target.labels are plain texts: move templates to spec.template.metadata.labels"
	Labels map[string]LabelValue `json:"labels,omitempty"`

	// annotations are annotations to set on the Secret, in addition to those that the operator sets. They are plain texts;
	// template.metadata renders annotations from values.
	// secretsync.dev/merge-from names the SecretSyncs that may merge keys into the Secret, separated by commas; * names
	// all.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k == 'secretsync.dev/merge-from' || !k.startsWith('secretsync.dev/') && !k.startsWith('kubernetes.io/service-account.'))",message="annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved, except secretsync.dev/merge-from: choose another prefix"
	// +kubebuilder:validation:XValidation:rule="self.map(k, size(k) + size(self[k])).sum() <= 32768",message="all target.annotations may have at most 32768 characters together: shorten them"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !self[k].contains('{{'))",message="target.annotations are plain texts: move templates to spec.template.metadata.annotations"
	Annotations map[string]AnnotationValue `json:"annotations,omitempty"`

	// immutable marks the Secret as immutable (page "Immutable Secrets" of the Kubernetes documentation): the kubelet
	// does not need to watch it. A change in AWS can then be written only with replacePolicy: Recreate. Default: false.
	// +optional
	Immutable bool `json:"immutable,omitempty"`

	// replacePolicy says what to do if Kubernetes does not allow the Secret to be changed: if its type has to change,
	// or if it is immutable. Default: Never.
	// +optional
	ReplacePolicy ReplacePolicy `json:"replacePolicy,omitempty"`

	// creationPolicy says who owns the Secret: Owner (the SecretSync) or Merge (another owner). With Merge the owner
	// allows it by the annotation secretsync.dev/merge-from, and only the keys of the SecretSync are added. Default:
	// Owner.
	// +optional
	CreationPolicy CreationPolicy `json:"creationPolicy,omitempty"`

	// deletionPolicy says what happens to the Secret when the SecretSync is deleted: Delete or Retain. Default: Delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}
