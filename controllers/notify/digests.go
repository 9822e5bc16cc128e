package notify

import (
	"hash/fnv"
	"slices"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/references"
)

// Digests are the sorted digests of the names that the secrets in a spec may have, at most the first `most` of them.
// They are what the cache keeps of a spec that is too large. Two names may have the same digest: the only effect is a
// reconcile that was not needed.
func Digests(spec *v1alpha1.SecretSyncSpec, most int) []uint64 {
	var all []uint64
	for secret := range references.Named(spec) {
		for _, name := range namesOf(secret.SecretID) {
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

// followsAny says whether an abridged spec reads a secret that has one of these names.
func followsAny(kept *v1alpha1.Abridged, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, found := slices.BinarySearch(kept.Follows, digest(name))
		return found
	})
}
