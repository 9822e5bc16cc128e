package v1alpha1

// CreationPolicy says whose the Secret is.
// +kubebuilder:validation:Enum=Owner;Merge
type CreationPolicy string

const (
	// CreationPolicyOwner means that the Secret is created by, and belongs to, the SecretSync. A
	// Secret of that name that belongs to somebody else is left alone (reason TargetConflict).
	CreationPolicyOwner CreationPolicy = "Owner"
	// CreationPolicyMerge means that the Secret has another owner, must exist, and allows it by the annotation
	// secretsync.dev/merge-from, which names the SecretSync or is *; the SecretSync adds and keeps its own keys only.
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

// ReplacePolicy says whether a Secret may be deleted and made anew.
// +kubebuilder:validation:Enum=Never;Recreate
type ReplacePolicy string

const (
	// ReplaceNever leaves the Secret as it is, with reason TargetImmutable.
	ReplaceNever ReplacePolicy = "Never"
	// ReplaceRecreate deletes the Secret and makes it anew. For a moment there is none: pods that start just
	// then wait for it.
	ReplaceRecreate ReplacePolicy = "Recreate"
)

// SecretTarget describes the Secret to write, in the namespace of the SecretSync.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.creationPolicy) && self.creationPolicy == 'Merge' && (has(self.type) || has(self.labels) || has(self.annotations) || has(self.immutable) || has(self.replacePolicy)))",message="type, labels, annotations, immutable and replacePolicy belong to the Secret's owner: remove them, or use creationPolicy Owner"
type SecretTarget struct {
	// name of the Secret. Default: the name of the SecretSync. When it changes, the Secret of the new
	// name is written first, and then the old one is deleted or kept by deletionPolicy.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="target.name must be a valid Secret name: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
	Name string `json:"name,omitempty"`

	// type of the Secret, for example kubernetes.io/tls. Kubernetes does not let a Secret change its
	// type: delete the Secret to have it made anew, or set replacePolicy. Types that hand out Kubernetes credentials are
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
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317 && size(self[k]) <= 63)",message="a label's key may have at most 317 characters, and its value 63, as Kubernetes allows"
	Labels map[string]string `json:"labels,omitempty"`

	// annotations to set on the Secret, beside those that the controller sets itself. secretsync.dev/merge-from names the
	// SecretSyncs that may merge keys into it, divided by commas; * names all.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k == 'secretsync.dev/merge-from' || !k.startsWith('secretsync.dev/') && !k.startsWith('kubernetes.io/service-account.'))",message="annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved, but for secretsync.dev/merge-from: choose another prefix"
	// +kubebuilder:validation:XValidation:rule="self.map(k, size(k) + size(self[k])).sum() <= 32768",message="all target.annotations may have at most 32768 characters together: shorten them"
	Annotations map[string]string `json:"annotations,omitempty"`

	// immutable marks the Secret as one that nobody may change (page "Immutable Secrets" of the Kubernetes
	// documentation), which the kubelet need not watch. What changes in AWS can then be written only with
	// replacePolicy: Recreate. Default: false.
	// +optional
	Immutable bool `json:"immutable,omitempty"`

	// replacePolicy says what to do where Kubernetes does not let the Secret change as asked for: another
	// type, or one that is immutable. Default: Never.
	// +optional
	ReplacePolicy ReplacePolicy `json:"replacePolicy,omitempty"`

	// creationPolicy says whose the Secret is: Owner (the SecretSync's) or Merge (another owner's, who allows
	// it by the annotation secretsync.dev/merge-from, and to which only the SecretSync's keys are added). Default: Owner.
	// +optional
	CreationPolicy CreationPolicy `json:"creationPolicy,omitempty"`

	// deletionPolicy says what becomes of the Secret when the SecretSync is deleted: Delete or
	// Retain. Default: Delete.
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}
