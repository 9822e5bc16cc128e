package v1alpha1

// Guards say what must hold for values to be published.
//
// +kubebuilder:validation:XValidation:rule="(has(self.requiredKeys) ? self.requiredKeys.map(k, size(k)).sum() : 0) + (has(self.keys) ? self.keys.map(k, size(k.key) + (has(k.pattern) ? size(k.pattern) : 0)).sum() : 0) <= 65536",message="the keys and patterns of spec.guards may have at most 65536 characters together: use wildcards, or shorter patterns"
type Guards struct {
	// requiredKeys must be there, and not be empty. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	RequiredKeys []string `json:"requiredKeys,omitempty"`

	// keys say what the values of keys must be like, where the keys are there. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Keys []KeyGuard `json:"keys,omitempty"`

	// keyPairs are certificates with their private keys, which must belong together.
	// +optional
	// +listType=map
	// +listMapKey=certificate
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	KeyPairs []KeyPairGuard `json:"keyPairs,omitempty"`

	// maxBytes is how many bytes the values may have together. Default: what Kubernetes allows, 1 MiB.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MaxBytes *int64 `json:"maxBytes,omitempty"`
}

// ValueFormat is a format that a value must be in.
// +kubebuilder:validation:Enum=JSON;PEM;Certificate;UTF8
type ValueFormat string

const (
	// ValueFormatJSON is one JSON value.
	ValueFormatJSON ValueFormat = "JSON"
	// ValueFormatPEM is one PEM block or more.
	ValueFormatPEM ValueFormat = "PEM"
	// ValueFormatCertificate is one X.509 certificate in PEM or more.
	ValueFormatCertificate ValueFormat = "Certificate"
	// ValueFormatUTF8 is text without NUL characters.
	ValueFormatUTF8 ValueFormat = "UTF8"
)

// KeyGuard says what values must be like.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.minBytes) && has(self.maxBytes)) || self.minBytes <= self.maxBytes",message="minBytes must not be more than maxBytes"
type KeyGuard struct {
	// key that the guard is for; "*" stands for any characters in its name, so that "*" alone is every key.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9*]+$`
	Key string `json:"key,omitempty"`

	// pattern is a regular expression (RE2) that the whole value matches. Default: anything.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Pattern string `json:"pattern,omitempty"`

	// format that the value is in: JSON, PEM, Certificate or UTF8. Default: any.
	// +optional
	Format ValueFormat `json:"format,omitempty"`

	// minBytes is how many bytes the value has at least: 1 refuses what is empty.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MinBytes *int64 `json:"minBytes,omitempty"`

	// maxBytes is how many bytes the value has at most.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MaxBytes *int64 `json:"maxBytes,omitempty"`
}

// KeyPairGuard names a certificate and its private key.
type KeyPairGuard struct {
	// certificate is the key with the certificate in PEM, the leaf first.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Certificate string `json:"certificate,omitempty"`

	// privateKey is the key with the private key in PEM.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PrivateKey string `json:"privateKey,omitempty"`
}
