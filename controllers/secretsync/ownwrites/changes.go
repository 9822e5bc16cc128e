package ownwrites

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

// Changes are the names of the keys that an update adds, removes or gives another value.
type Changes struct {
	Added, Removed, Changed []string
	// NotCompared are keys that it writes over a value which must not be compared.
	NotCompared []string
	// Reread says that the Secret itself was compared with, and not what is remembered of it.
	Reread bool
	// Unreported says that the Secret was written for the present SecretSync before, and that status does not say so.
	Unreported bool
}

// Difference is what has changed from one content to another.
func Difference(former, latter Digests) Changes {
	var changes Changes
	for key, digest := range latter {
		switch old, known := former[key]; {
		case !known:
			changes.Added = append(changes.Added, key)
		case old != digest:
			changes.Changed = append(changes.Changed, key)
		}
	}
	for key := range former {
		if _, stays := latter[key]; !stays {
			changes.Removed = append(changes.Removed, key)
		}
	}
	slices.Sort(changes.Added)
	slices.Sort(changes.Changed)
	slices.Sort(changes.Removed)
	return changes
}

// None says whether no key changes.
func (c Changes) None() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.NotCompared) == 0
}

// String lists the names, for example "changed password; added port".
func (c Changes) String() string {
	var parts []string
	for _, part := range []struct {
		verb string
		keys []string
	}{{"changed", c.Changed}, {"added", c.Added}, {"removed", c.Removed}, {"not compared", c.NotCompared}} {
		if len(part.keys) > 0 {
			parts = append(parts, part.verb+" "+failure.Listed(part.keys))
		}
	}
	if len(parts) == 0 {
		return "no key changed"
	}
	return strings.Join(parts, "; ")
}
