package ownwrites

import (
	"fmt"
	"maps"
	"testing"
)

// TestChangesAreListedInOrder: the same event twice has the same text.
func TestChangesAreListedInOrder(t *testing.T) {
	all := func(begin string, value uint64) Digests {
		made := Digests{}
		for n := range 9 {
			made[fmt.Sprintf("%s%d", begin, n)] = value
		}
		return made
	}
	both := func(a, b Digests) Digests {
		all := maps.Clone(a)
		maps.Copy(all, b)
		return all
	}
	got := Difference(both(all("c", 1), all("r", 1)), both(all("c", 2), all("a", 1))).String()
	const want = "changed c0, c1, c2, c3, c4, c5, c6, c7, c8; added a0, a1, a2, a3, a4, a5, a6, a7, a8; removed r0, r1, r2, r3, r4, r5, r6, r7, r8"
	if got != want {
		t.Errorf("changes are %q", got)
	}
}

// TestChangesOfTwoKindsDoNotMakeUpForEachOther: a preview that took them for none would call the Secret as desired.
func TestChangesOfTwoKindsDoNotMakeUpForEachOther(t *testing.T) {
	keys := []string{"a"}
	for _, changes := range []Changes{
		{Added: keys, Removed: keys}, {Added: keys, Changed: keys}, {Added: keys, NotCompared: keys},
		{Removed: keys, Changed: keys}, {Removed: keys, NotCompared: keys}, {Changed: keys, NotCompared: keys},
	} {
		if changes.None() {
			t.Errorf("%s: taken for none", changes)
		}
	}
}
