package v1alpha1

// Guards are checks that values must pass before they are written.
//
// +kubebuilder:validation:XValidation:rule="(has(self.requiredKeys) ? self.requiredKeys.map(k, size(k)).sum() : 0) + (has(self.keys) ? self.keys.map(k, size(k.key) + (has(k.pattern) ? size(k.pattern) : 0)).sum() : 0) <= 65536",message="the keys and patterns of spec.guards may have at most 65536 characters together: use wildcards, or shorter patterns"
type Guards struct {
	// requiredKeys are keys that must exist and must not be empty. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	RequiredKeys []string `json:"requiredKeys,omitempty"`

	// keys are checks of the values of single keys. A key that does not exist is not checked. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Keys []KeyGuard `json:"keys,omitempty"`

	// keyPairs are pairs of a certificate and a private key that must belong together. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=certificate
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	KeyPairs []KeyPairGuard `json:"keyPairs,omitempty"`

	// maxBytes is the maximum size of all values together, in bytes. Default: the limit of Kubernetes, 1 MiB.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MaxBytes *int64 `json:"maxBytes,omitempty"`
}

// ValueFormat is a format that a value must have.
// +kubebuilder:validation:Enum=JSON;PEM;Certificate;UTF8
type ValueFormat string

const (
	// ValueFormatJSON is one JSON value.
	ValueFormatJSON ValueFormat = "JSON"
	// ValueFormatPEM is one or more PEM blocks.
	ValueFormatPEM ValueFormat = "PEM"
	// ValueFormatCertificate is one or more X.509 certificates in PEM.
	ValueFormatCertificate ValueFormat = "Certificate"
	// ValueFormatUTF8 is text without NUL characters.
	ValueFormatUTF8 ValueFormat = "UTF8"
)

// KeyGuard is a check of the values of keys.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.minBytes) && has(self.maxBytes)) || self.minBytes <= self.maxBytes",message="minBytes must not be more than maxBytes"
type KeyGuard struct {
	// key is the name of the key to check; "*" matches any characters, so that "*" alone matches every key.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9*]+$`
	Key string `json:"key,omitempty"`

	// pattern is a regular expression (RE2) that must match the whole value. Default: any value is allowed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Pattern string `json:"pattern,omitempty"`

	// format is the format that the value must have: JSON, PEM, Certificate or UTF8. Default: any format.
	// +optional
	Format ValueFormat `json:"format,omitempty"`

	// minBytes is the minimum size of the value in bytes; 1 rejects an empty value. Default: no minimum.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MinBytes *int64 `json:"minBytes,omitempty"`

	// maxBytes is the maximum size of the value in bytes. Default: no maximum.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1048576
	MaxBytes *int64 `json:"maxBytes,omitempty"`
}

// KeyPairGuard names a certificate and its private key.
type KeyPairGuard struct {
	// certificate is the key that holds the certificate in PEM, the leaf first.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Certificate string `json:"certificate,omitempty"`

	// privateKey is the key that holds the private key in PEM.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	PrivateKey string `json:"privateKey,omitempty"`
}
