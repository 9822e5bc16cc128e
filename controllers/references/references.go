// Package references says which secrets a spec reads, and in which regions. The reconciler reads them, and notify
// matches change events with them: both ask this package, so that an event concerns every SecretSync that reads its
// secret.
//
// The type of an answer is v1alpha1.SecretSource: a secret, its version and its regions, whether spec.source or an
// entry names them.
//
// It may import the API and package arns.
package references

import (
	"iter"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/arns"
)

// Entry is an entry of spec.data or spec.dataFrom: what it reads, and not what it makes of that.
type Entry struct {
	// InDataFrom says that the entry is in spec.dataFrom. Otherwise it is in spec.data.
	InDataFrom bool
	// Index is the index of the entry in that list, of the type that status has for it.
	Index int32
	// Source is what the entry itself says of its secret; nil if it says nothing. SecretOf adds what it takes from
	// spec.source.
	Source *v1alpha1.EntrySource
	// Find selects the secrets; nil if the entry reads one secret.
	Find *v1alpha1.Find
	// Optional says that the entry may be omitted.
	Optional bool
}

// Entries yields the entries of a spec: those of data, then those of dataFrom. A spec without entries reads the whole
// of spec.source.
func Entries(spec *v1alpha1.SecretSyncSpec) iter.Seq[Entry] {
	// The compiler inlines this function only if it is small. Otherwise each loop over it allocates.
	return func(yield func(Entry) bool) { entries(spec, yield) }
}

func entries(spec *v1alpha1.SecretSyncSpec, yield func(Entry) bool) {
	for i := range spec.Data {
		key := &spec.Data[i]
		if !yield(Entry{Index: int32(i), Source: key.Source, Optional: key.Optional}) {
			return
		}
	}
	for i := range spec.DataFrom {
		from := &spec.DataFrom[i]
		if !yield(Entry{InDataFrom: true, Index: int32(i), Source: from.Source, Find: from.Find, Optional: from.Optional}) {
			return
		}
	}
}

// SecretOf is the secret that an entry with this source reads. Without a secretID it is that of spec.source, in the same
// regions; its own version overrides that of spec.source. With a secretID it takes nothing from spec.source.
func SecretOf(spec *v1alpha1.SecretSyncSpec, own *v1alpha1.EntrySource) v1alpha1.SecretSource {
	if own == nil {
		return spec.Source
	}
	if own.SecretID == "" {
		secret := spec.Source
		secret.VersionStage, secret.VersionID = own.VersionStage, own.VersionID
		return secret
	}
	return v1alpha1.SecretSource{SecretID: own.SecretID, VersionStage: own.VersionStage, VersionID: own.VersionID, Region: own.Region}
}

// Named yields the secrets that a spec names: that of spec.source, whether an entry reads it or not, and those of the
// entries with a secretID. It does not yield what a find selects.
func Named(spec *v1alpha1.SecretSyncSpec) iter.Seq[v1alpha1.SecretSource] {
	return func(yield func(v1alpha1.SecretSource) bool) { named(spec, yield) }
}

func named(spec *v1alpha1.SecretSyncSpec, yield func(v1alpha1.SecretSource) bool) {
	if spec.Source.SecretID != "" && !yield(spec.Source) {
		return
	}
	for entry := range Entries(spec) {
		if entry.Source != nil && entry.Source.SecretID != "" && !yield(SecretOf(spec, entry.Source)) {
			return
		}
	}
}

// ReadsSource says whether an entry reads spec.source at the version that spec.source names.
func ReadsSource(spec *v1alpha1.SecretSyncSpec) bool {
	for entry := range Entries(spec) {
		if entry.Source == nil && entry.Find == nil {
			return true
		}
	}
	return false
}

// Finds says whether a spec has an entry with find.
func Finds(spec *v1alpha1.SecretSyncSpec) bool {
	for entry := range Entries(spec) {
		if entry.Find != nil {
			return true
		}
	}
	return false
}

// Region is the region that a secret is read from while it answers: the one that is named, or that of the ARN. It is
// empty for the operator's region.
func Region(secret *v1alpha1.SecretSource) string {
	if secret.Region != "" {
		return secret.Region
	}
	return arns.Region(secret.SecretID)
}

// Regions are all regions that a secret may be read from, Region first. An empty one is the operator's.
func Regions(secret *v1alpha1.SecretSource) []string {
	return append([]string{Region(secret)}, secret.FailoverRegions...)
}

// FindRegion is the region that a find searches: the one that it names, or that of spec.source. It is empty for the
// operator's region.
func FindRegion(spec *v1alpha1.SecretSyncSpec, find *v1alpha1.Find) string {
	if find.Region != "" {
		return find.Region
	}
	return Region(&spec.Source)
}
