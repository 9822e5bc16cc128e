package v1alpha1

// SecretSource names a secret of AWS Secrets Manager and one of its versions.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.versionStage) && has(self.versionID))",message="set versionStage to follow a staging label, or versionID to pin one version, not both"
// +kubebuilder:validation:XValidation:rule="!has(self.region) || !self.secretID.startsWith('arn:') || self.secretID.split(':').size() < 4 || self.secretID.split(':')[3] == self.region",message="region differs from the region in the ARN of secretID: remove region or name the ARN of that region"
type SecretSource struct {
	// secretID is the name of the secret, or its ARN. A secret of another account needs its full ARN. A partial ARN
	// (without the six random characters at the end) is accepted as AWS accepts it: it does not work if the name itself
	// ends in a hyphen and six letters or digits.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.startsWith('arn:') ? self.matches('^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+$') : self.matches('^[A-Za-z0-9/_+=.@!-]{1,512}$')",message="secretID must be a secret's name (letters, digits and /_+=.@!-, at most 512) or its ARN (arn:aws:secretsmanager:<region>:<account>:secret:<name>)"
	SecretID string `json:"secretID,omitempty"`

	// versionStage is the staging label to follow: AWSCURRENT, AWSPREVIOUS, AWSPENDING or a label of your own. Default:
	// AWSCURRENT, unless versionID is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	VersionStage string `json:"versionStage,omitempty"`

	// versionID pins one version by its id; rotations are not followed then. AWS removes versions without a staging
	// label after some time, so prefer versionStage for long-lived objects.
	// +optional
	// +kubebuilder:validation:MinLength=32
	// +kubebuilder:validation:MaxLength=64
	VersionID string `json:"versionID,omitempty"`

	// region is the AWS region to read from. Default: the region in the ARN, then the operator's region.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$')",message="region must be the code of an AWS region, for example eu-west-1"
	Region string `json:"region,omitempty"`

	// failoverRegions are regions with replicas of the secret. They are read, in this order, while region does not
	// answer or answers with a server error. A refusal, such as a denied read, does not cause a failover. A replica
	// never replaces the synced version by an older one. Default: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.all(r, r.matches('^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$'))",message="failoverRegions must be codes of AWS regions, for example eu-central-1"
	FailoverRegions []string `json:"failoverRegions,omitempty"`
}

// EntrySource is the secret of one entry of data or dataFrom. Without a secretID it reads the secret of spec.source, in
// the same regions, at the staging label or version given here. With a secretID it takes nothing from spec.source,
// neither region nor failoverRegions.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.versionStage) && has(self.versionID))",message="set versionStage to follow a staging label, or versionID to pin one version, not both"
// +kubebuilder:validation:XValidation:rule="has(self.secretID) || !has(self.region)",message="region needs a secretID: an entry without one reads spec.source, in its region"
// +kubebuilder:validation:XValidation:rule="!has(self.region) || !has(self.secretID) || !self.secretID.startsWith('arn:') || self.secretID.split(':').size() < 4 || self.secretID.split(':')[3] == self.region",message="region differs from the region in the ARN of secretID: remove region or name the ARN of that region"
type EntrySource struct {
	// secretID is the name of the secret, or its ARN. Default: the secretID of spec.source.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=600
	// +kubebuilder:validation:XValidation:rule="self.startsWith('arn:') ? self.matches('^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+$') : self.matches('^[A-Za-z0-9/_+=.@!-]{1,512}$')",message="secretID must be a secret's name (letters, digits and /_+=.@!-, at most 512) or its ARN (arn:aws:secretsmanager:<region>:<account>:secret:<name>)"
	SecretID string `json:"secretID,omitempty"`

	// versionStage is the staging label to follow. Default: AWSCURRENT, unless versionID is set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	VersionStage string `json:"versionStage,omitempty"`

	// versionID pins one version by its id.
	// +optional
	// +kubebuilder:validation:MinLength=32
	// +kubebuilder:validation:MaxLength=64
	VersionID string `json:"versionID,omitempty"`

	// region is the AWS region to read from. Default: the region in the ARN, then the operator's region.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$`
	Region string `json:"region,omitempty"`
}

// SourceAuth is the AWS identity that reads a secret.
//
// +kubebuilder:validation:XValidation:rule="has(self.roleARN) || !has(self.externalID)",message="externalID is sent to AWS STS together with roleARN: set roleARN too"
// +kubebuilder:validation:XValidation:rule="has(self.roleARN) || !has(self.viaRoleARNs)",message="viaRoleARNs are assumed before roleARN: set roleARN too, to the last role of the chain"
type SourceAuth struct {
	// serviceAccountRef names a ServiceAccount in the namespace of the SecretSync. The ServiceAccount's annotation
	// eks.amazonaws.com/role-arn names an IAM role (IRSA), which AWS allows to be assumed with a token of the
	// ServiceAccount. The operator needs the permission to request such tokens. Default: the operator's own identity.
	// +optional
	ServiceAccountRef *ServiceAccountReference `json:"serviceAccountRef,omitempty"`

	// roleARN is an IAM role that this identity assumes in order to read. The session tags tell the policies of the
	// role the namespace, the ServiceAccount and the cluster. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$')",message="roleARN must be the ARN of an IAM role, for example arn:aws:iam::111122223333:role/payments-read"
	RoleARN string `json:"roleARN,omitempty"`

	// externalID is the external ID that the trust policy of roleARN requires with the condition sts:ExternalId. It is
	// not a secret. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_+=,.@:/-]+$')",message="externalID may have letters, digits and _+=,.@:/- (page AssumeRole of the AWS STS API Reference)"
	ExternalID string `json:"externalID,omitempty"`

	// viaRoleARNs are roles to assume in order before roleARN, if roleARN trusts only the last of them (role chaining).
	// Default: none.
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
	// name is the name of the ServiceAccount.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="serviceAccountRef.name must be the name of a ServiceAccount in this namespace: lower-case letters, digits, '-' and '.'"
	Name string `json:"name,omitempty"`
}
