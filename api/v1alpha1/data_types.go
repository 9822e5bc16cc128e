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
	// DecodingBase64URL is the encoding for URLs and file names of RFC 4648, with or without padding.
	DecodingBase64URL Decoding = "Base64URL"
)

// DataKey is one key of the Secret.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.property) && has(self.jmesPath))",message="set property for the name or path of a field, or jmesPath for an expression, not both"
type DataKey struct {
	// key is the name of the key in the Secret: letters, digits, "-", "_" and ".".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..') && self != '.'",message="key must consist of letters, digits, '-', '_' and '.', and be neither '.' nor start with '..'"
	Key string `json:"key,omitempty"`

	// source is the secret, or the version, that this key is taken from. Default: spec.source.
	// +optional
	Source *EntrySource `json:"source,omitempty"`

	// property is the field of the JSON value to take. It is first looked up as the literal name
	// of a field, dots, slashes and brackets included; if there is none, as a path: names of fields separated by
	// dots, and items of lists by their number in brackets ("hosts[0].name", "[-1]" for the last). A string is
	// taken as its text, everything else as its JSON text, digit for digit.
	// Default: the whole value of the secret.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Property string `json:"property,omitempty"`

	// jmesPath is a JMESPath expression (jmespath.org) that finds what to take, for what property cannot say. Its
	// result is taken as property's is; null counts as not there.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	JMESPath string `json:"jmesPath,omitempty"`

	// decode turns what was taken into the bytes that it encodes. Default: it is taken as it is.
	// +optional
	Decode Decoding `json:"decode,omitempty"`

	// optional lets the key be left out while its secret, version or property is not there. Every other
	// trouble, a denial for example, still keeps the Secret as it is. Default: false.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// KeyConversion says what becomes of names that keys of a Secret may not have.
// +kubebuilder:validation:Enum=Refuse;Underscore;Unicode
type KeyConversion string

const (
	// KeyConversionRefuse refuses them, with reason InvalidValue.
	KeyConversionRefuse KeyConversion = "Refuse"
	// KeyConversionUnderscore replaces each character that keys may not have by "_".
	KeyConversionUnderscore KeyConversion = "Underscore"
	// KeyConversionUnicode replaces each such character by "_U", its code point in hexadecimal, and "_".
	KeyConversionUnicode KeyConversion = "Unicode"
)

// DataFrom is one secret, or with find several. What becomes of the names of its fields, in this order: include
// and exclude choose, rename changes, conversion mends, prefix is put before.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.source) && has(self.find))",message="set source for one secret, or find for those that match, not both"
type DataFrom struct {
	// source is the secret, or the version, to take. Default: spec.source.
	// +optional
	Source *EntrySource `json:"source,omitempty"`

	// find takes every secret that matches, at AWSCURRENT, and follows those that come and go. The reader
	// needs secretsmanager:ListSecrets.
	// +optional
	Find *Find `json:"find,omitempty"`

	// property is the field whose JSON object is taken instead of the whole, by the rule of data's property. With
	// find and its take Value, it is the field whose value the key gets. Default: the whole value.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Property string `json:"property,omitempty"`

	// include are the names to take, where "*" stands for any characters and "?" for one. Default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Include []string `json:"include,omitempty"`

	// exclude are the names to leave out, of those that include takes, with the same wildcards. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Exclude []string `json:"exclude,omitempty"`

	// rename replaces parts of names, one entry after the other.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Rename []Rename `json:"rename,omitempty"`

	// conversion says what becomes of names that keys of a Secret may not have. Default: Refuse, or with
	// find and its take Value, Underscore, as names of secrets have slashes.
	// +optional
	Conversion KeyConversion `json:"conversion,omitempty"`

	// prefix is put before each key. Default: none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..')",message="prefix must consist of letters, digits, '-', '_' and '.', and not start with '..'"
	Prefix string `json:"prefix,omitempty"`

	// decode turns each value into the bytes that it encodes. Default: they are taken as they are.
	// +optional
	Decode Decoding `json:"decode,omitempty"`

	// optional lets the entry be left out while its secret, version or property is not there, or while find
	// finds nothing. Default: false.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// FindTake says what find takes of each secret.
// +kubebuilder:validation:Enum=Value;Fields
type FindTake string

const (
	// FindTakeValue gives one key per secret, with its whole value. Its name is the secret's, without namePrefix.
	FindTakeValue FindTake = "Value"
	// FindTakeFields gives one key per field of each secret's JSON object.
	FindTakeFields FindTake = "Fields"
)

// Find chooses secrets of one region and of the reader's own account by what ListSecrets knows of them. All
// that is set must hold.
//
// +kubebuilder:validation:XValidation:rule="has(self.namePrefix) || has(self.namePattern) || has(self.tags)",message="find needs a namePrefix, a namePattern or tags: it would take every secret of the account"
type Find struct {
	// namePrefix is what names begin with; it is left out of the names of keys.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	NamePrefix string `json:"namePrefix,omitempty"`

	// namePattern is a regular expression (RE2) that the whole name matches.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	NamePattern string `json:"namePattern,omitempty"`

	// tags that the secrets have, by key and value, exactly.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=10
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 128 && size(self[k]) <= 256)",message="a tag's key may have at most 128 characters, and its value 256, as in AWS"
	Tags map[string]string `json:"tags,omitempty"`

	// region to look in. Default: that of spec.source, then the operator's.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z]{2,}(-[a-z0-9]+)+-[0-9]+$`
	Region string `json:"region,omitempty"`

	// take is Value, for one key per secret, or Fields, for one per field of each. Default: Value.
	// +optional
	Take FindTake `json:"take,omitempty"`
}

// Rename replaces a part of names.
type Rename struct {
	// match is a regular expression (RE2); every part of the name that it matches is replaced.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Match string `json:"match,omitempty"`

	// replace is what stands there instead; $1 or ${name} stand for what a group has matched. Default: nothing.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Replace string `json:"replace,omitempty"`
}

// TemplateMerge says what becomes of the keys that a template is made from.
// +kubebuilder:validation:Enum=Merge;Replace
type TemplateMerge string

const (
	// TemplateMergeMerge keeps them beside the template's.
	TemplateMergeMerge TemplateMerge = "Merge"
	// TemplateMergeReplace leaves the template's keys alone in the Secret.
	TemplateMergeReplace TemplateMerge = "Replace"
)

// Template makes keys by Go templates (package text/template). A template sees the keys of data and dataFrom
// as its fields, each a string: {{ .password }}, or {{ index . "tls.crt" }} where the name is no identifier. The
// functions are those that docs/templates.md lists, and no others: the same values always give the same text.
type Template struct {
	// data are the keys to make, each with its template of 64 KiB at most. All templates may have 128 KiB together.
	// +required
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$') && !k.startsWith('..') && k != '.')",message="keys of template.data must consist of letters, digits, '-', '_' and '.', and be neither '.' nor start with '..'"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(self[k]) <= 65536)",message="a template may have at most 65536 characters: split it, or take values from AWS in place of fixed text"
	// +kubebuilder:validation:XValidation:rule="self.map(k, size(self[k])).sum() <= 131072",message="all templates may have at most 131072 characters together: shorten them, or use several SecretSyncs"
	Data map[string]string `json:"data,omitempty"`

	// mergePolicy is Merge, which keeps the keys that templates are made from, or Replace, which writes those of
	// templates alone. Default: Merge.
	// +optional
	MergePolicy TemplateMerge `json:"mergePolicy,omitempty"`
}

// KeepPrevious keeps the values of before a rotation, read from AWSPREVIOUS, for clients and servers that have
// not changed over yet. It concerns what follows AWSCURRENT. Where AWS has no previous version, nothing is kept.
type KeepPrevious struct {
	// for is how long after the rotation the former values stay. Between 1m and 720h.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('720h')",message="keepPrevious.for must be between 1m and 720h"
	For metav1.Duration `json:"for,omitzero"`

	// suffix is put behind the name of each key for its former value. Default: "_previous".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Suffix string `json:"suffix,omitempty"`
}
