package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Decoding says how a value is encoded in AWS.
// +kubebuilder:validation:Enum=Base64;Base64URL
type Decoding string

const (
	// DecodingBase64 is the standard encoding of RFC 4648, with or without padding; line breaks are ignored.
	DecodingBase64 Decoding = "Base64"
	// DecodingBase64URL is the encoding of RFC 4648 for URLs and file names, with or without padding.
	DecodingBase64URL Decoding = "Base64URL"
)

// NullPolicy says what a JSON null in AWS does to a key that has a value.
// +kubebuilder:validation:Enum=Hold;Empty
type NullPolicy string

const (
	// NullHold keeps the Secret as it is if a null would empty a key, with the reason ValueRejected.
	NullHold NullPolicy = "Hold"
	// NullEmpty empties the key.
	NullEmpty NullPolicy = "Empty"
)

// DataKey is one key of the Secret.
//
// +kubebuilder:validation:XValidation:rule="!has(self.nulls) || has(self.property)",message="nulls needs a property: a whole value that is null is refused, and for jmesPath null is missing"
// +kubebuilder:validation:XValidation:rule="!(has(self.property) && has(self.jmesPath))",message="set property for the name or path of a field, or jmesPath for an expression, not both"
type DataKey struct {
	// key is the name of the key in the Secret: letters, digits, "-", "_" and ".".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'",message="key must consist of letters, digits, '-', '_' and '.', and be neither '.' nor start with '..'"
	Key string `json:"key,omitempty"`

	// source is the secret, or the version, that this key is read from. Default: spec.source.
	// +optional
	Source *EntrySource `json:"source,omitempty"`

	// property is the field of the JSON value to take. The operator first looks for a field with exactly this name,
	// including dots, slashes and brackets. If there is none, property is a path: field names separated by dots, and
	// list items by index in brackets ("hosts[0].name", "[-1]" for the last item). A string gives its text, and null an
	// empty value. Any other value gives its JSON text, digit for digit. Default: the whole value of the secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Property string `json:"property,omitempty"`

	// jmesPath is a JMESPath expression (jmespath.org) that selects what to take, for cases that property can't
	// express. Its result is converted as for property; null counts as missing.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	JMESPath string `json:"jmesPath,omitempty"`

	// decode says how the value is encoded; the key gets the decoded bytes. Default: the value is not decoded.
	// +optional
	Decode Decoding `json:"decode,omitempty"`

	// nulls is Hold or Empty. With Hold, a property that is null in AWS does not empty a key that now has a value: the
	// Secret stays as it is, with the reason ValueRejected. With Empty, it does. A new key always gets an empty value.
	// Default: Hold.
	// +optional
	Nulls NullPolicy `json:"nulls,omitempty"`

	// optional allows the key to be omitted if its secret, version or property does not exist. After any other error,
	// for example a denied read, the Secret stays as it is. Default: false.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// KeyConversion says how to convert names that are not valid keys of a Secret.
// +kubebuilder:validation:Enum=Refuse;Underscore;Unicode
type KeyConversion string

const (
	// KeyConversionRefuse refuses such a name, with the reason InvalidValue.
	KeyConversionRefuse KeyConversion = "Refuse"
	// KeyConversionUnderscore replaces each invalid character by "_".
	KeyConversionUnderscore KeyConversion = "Underscore"
	// KeyConversionUnicode replaces each invalid character by "_U", its code point in hexadecimal, and "_".
	KeyConversionUnicode KeyConversion = "Unicode"
)

// OverlapPolicy says what happens to a key that an earlier entry of dataFrom gives too.
// +kubebuilder:validation:Enum=Refuse;Override
type OverlapPolicy string

const (
	// OverlapRefuse refuses the spec, with the reason InvalidValue.
	OverlapRefuse OverlapPolicy = "Refuse"
	// OverlapOverride takes the key from the later entry.
	OverlapOverride OverlapPolicy = "Override"
)

// DataFrom is one secret, or with find several secrets. The names of its fields become keys in this order: include and
// exclude select, rename replaces, conversion replaces invalid characters, prefix is prepended.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.source) && has(self.find))",message="set source for one secret, or find for those that match, not both"
// +kubebuilder:validation:XValidation:rule="!(has(self.overlap) && has(self.find))",message="overlap does not go with find, whose keys AWS can change at any time: set overlap on entries with source"
type DataFrom struct {
	// source is the secret, or the version, to take. Default: spec.source.
	// +optional
	Source *EntrySource `json:"source,omitempty"`

	// find takes every secret that matches, at AWSCURRENT. Secrets that are created or deleted later are added or
	// removed. It needs the permission secretsmanager:ListSecrets.
	// +optional
	Find *Find `json:"find,omitempty"`

	// property is a field whose JSON object is taken instead of the whole value, looked up as in data. If find has take
	// Value, it is the field whose value the key gets. Default: the whole value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Property string `json:"property,omitempty"`

	// include lists the names to take; "*" matches any characters and "?" matches one. Default: all names.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Include []string `json:"include,omitempty"`

	// exclude lists the names to omit from those that include takes, with the same wildcards. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Exclude []string `json:"exclude,omitempty"`

	// rename replaces parts of names. Its entries are applied in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Rename []Rename `json:"rename,omitempty"`

	// conversion says how to convert names that are not valid keys of a Secret. Default: Refuse; if find has take
	// Value, Underscore, because names of secrets contain slashes.
	// +optional
	Conversion KeyConversion `json:"conversion,omitempty"`

	// prefix is prepended to each key. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..')",message="prefix must consist of letters, digits, '-', '_' and '.', and not start with '..'"
	Prefix string `json:"prefix,omitempty"`

	// decode says how the values are encoded; the keys get the decoded bytes. Default: the values are not decoded.
	// +optional
	Decode Decoding `json:"decode,omitempty"`

	// nulls is Hold or Empty. With Hold, a field that is null in AWS does not empty a key that now has a value: the
	// Secret stays as it is, with the reason ValueRejected. With Empty, it does. A new key always gets an empty value.
	// Default: Hold.
	// +optional
	Nulls NullPolicy `json:"nulls,omitempty"`

	// overlap is Refuse or Override. With Override, the keys of this entry override those of the entries before it. With
	// Refuse, a key that two entries give is refused. It does not go with find. Default: Refuse.
	// +optional
	Overlap OverlapPolicy `json:"overlap,omitempty"`

	// optional allows the entry to be omitted if its secret, version or property does not exist, or if find matches
	// nothing. Default: false.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// FindTake says what find takes from each secret.
// +kubebuilder:validation:Enum=Value;Fields
type FindTake string

const (
	// FindTakeValue gives one key per secret, with the whole value. The key is the name of the secret without
	// namePrefix.
	FindTakeValue FindTake = "Value"
	// FindTakeFields gives one key per field of the JSON object of each secret.
	FindTakeFields FindTake = "Fields"
)

// Find selects secrets by the metadata in ListSecrets, in one region and in the account of the identity that reads. A
// secret must match all fields that are set.
//
// +kubebuilder:validation:XValidation:rule="has(self.namePrefix) || has(self.namePattern) || has(self.tags)",message="find needs a namePrefix, a namePattern or tags: without them it would match every secret of the account"
type Find struct {
	// namePrefix is the prefix of the names. It is removed from the names of keys.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	NamePrefix string `json:"namePrefix,omitempty"`

	// namePattern is a regular expression (RE2) that must match the whole name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	NamePattern string `json:"namePattern,omitempty"`

	// tags are the tags that the secrets must have; key and value must be equal.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=10
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 128 && size(self[k]) <= 256)",message="a tag's key may have at most 128 characters, and its value 256, as in AWS"
	Tags map[string]string `json:"tags,omitempty"`

	// region is the AWS region to search. Default: the region of spec.source, then the operator's region.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$`
	Region string `json:"region,omitempty"`

	// take is Value for one key per secret, or Fields for one key per field of each secret. Default: Value.
	// +optional
	Take FindTake `json:"take,omitempty"`
}

// Rename replaces a part of a name.
type Rename struct {
	// match is a regular expression (RE2); every part of the name that it matches is replaced.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Match string `json:"match,omitempty"`

	// replace is the replacement; $1 and ${name} insert what a group has matched. Default: the empty string.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Replace string `json:"replace,omitempty"`
}

// TemplateMerge says whether the keys that templates read are written too.
// +kubebuilder:validation:Enum=Merge;Replace
type TemplateMerge string

const (
	// TemplateMergeMerge writes them together with the keys of the templates.
	TemplateMergeMerge TemplateMerge = "Merge"
	// TemplateMergeReplace writes only the keys of the templates.
	TemplateMergeReplace TemplateMerge = "Replace"
)

// Template renders keys, labels and annotations with Go templates (package text/template). A template reads the keys of
// data and dataFrom as its fields, each a string: {{ .password }}, or {{ index . "tls.crt" }} if the name is not an
// identifier. Only the functions that docs/templates.md lists are available: the same values always render the same
// text.
//
// +kubebuilder:validation:XValidation:rule="has(self.data) || has(self.metadata)",message="spec.template has nothing to render: set data or metadata"
// +kubebuilder:validation:XValidation:rule="has(self.data) || !has(self.mergePolicy) || self.mergePolicy != 'Replace'",message="mergePolicy Replace writes only the keys of spec.template.data: set data, or remove mergePolicy"
type Template struct {
	// metadata renders labels and annotations of the Secret.
	// +optional
	Metadata *TemplateMetadata `json:"metadata,omitempty"`

	// data are the keys to render, each with its template of at most 64 KiB. All templates together may have at most
	// 128 KiB. It may be omitted if metadata is set.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$') && !k.startsWith('..') && k != '.')",message="keys of template.data must consist of letters, digits, '-', '_' and '.', and be neither '.' nor start with '..'"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(self[k]) <= 65536)",message="a template may have at most 65536 characters: split it, or take values from AWS in place of fixed text"
	// +kubebuilder:validation:XValidation:rule="self.map(k, size(self[k])).sum() <= 131072",message="all templates may have at most 131072 characters together: shorten them, or use several SecretSyncs"
	Data map[string]string `json:"data,omitempty"`

	// mergePolicy is Merge to write the keys that the templates read too, or Replace to write only the keys of the
	// templates. Default: Merge.
	// +optional
	MergePolicy TemplateMerge `json:"mergePolicy,omitempty"`
}

// TemplateMetadata renders labels and annotations of the Secret. More people and programs can read metadata than data:
// RBAC protects values of Secrets only in data. Rendered labels and annotations override those of target.
//
// +kubebuilder:validation:MinProperties=1
type TemplateMetadata struct {
	// labels are labels to render, each with its template. The result must be a valid label value.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('secretsync.dev/'))",message="labels under secretsync.dev/ are set by the operator: choose another prefix"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317) && self.map(k, size(k) + size(self[k])).sum() <= 32768",message="a label's key may have at most 317 characters, and all of template.metadata.labels 32768: shorten them"
	Labels map[string]string `json:"labels,omitempty"`

	// labelsFrom is a template that renders a map of labels, as a JSON or YAML object of texts, numbers and booleans.
	// Those of labels override it. An empty result gives no label.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	LabelsFrom string `json:"labelsFrom,omitempty"`

	// annotations are annotations to render, each with its template.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('secretsync.dev/') && !k.startsWith('kubernetes.io/service-account.'))",message="annotations under secretsync.dev/ and kubernetes.io/service-account. are reserved: choose another prefix"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 317) && self.map(k, size(k) + size(self[k])).sum() <= 32768",message="an annotation's key may have at most 317 characters, and all of template.metadata.annotations 32768: shorten them"
	Annotations map[string]string `json:"annotations,omitempty"`

	// annotationsFrom is a template that renders a map of annotations, as labelsFrom does. Those of annotations override
	// it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	AnnotationsFrom string `json:"annotationsFrom,omitempty"`
}

// KeepPrevious keeps the values from before a rotation, read from AWSPREVIOUS, for clients and servers that do not use
// the new values yet. It applies to sources that follow AWSCURRENT. If AWS has no previous version, nothing is kept.
type KeepPrevious struct {
	// for is how long the previous values stay after the rotation. Between 1m and 720h.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="keepPrevious.for must be between 1m and 720h"
	For metav1.Duration `json:"for,omitzero"`

	// suffix is appended to the name of a key for its previous value. Default: "_previous".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Suffix string `json:"suffix,omitempty"`
}
