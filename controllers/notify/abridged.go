package notify

import (
	"hash/fnv"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// Digests are those of the names that the secrets in a spec may have, sorted, and at most so many. They are what the
// cache keeps of a spec that is too large. Two names may have one digest: to look once too often does no harm.
func Digests(spec *v1alpha1.SecretSyncSpec, most int) []uint64 {
	var all []uint64
	for _, one := range followed(spec) {
		for _, name := range namesOf(one.secretID) {
			all = append(all, digest(name))
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.Clip(slices.Clone(all[:min(len(all), most)]))
}

func digest(name string) uint64 {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name)) // Never fails.
	return sum.Sum64()
}

// followsAny says whether an abridged spec follows a secret of one of these names.
func followsAny(kept *v1alpha1.Abridged, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, found := slices.BinarySearch(kept.Follows, digest(name))
		return found
	})
}
