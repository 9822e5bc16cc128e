package secretsync

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/controllers/target"
)

// namesShown bounds how many names of keys an event lists.
const namesShown = 20

// prints holds a digest of each key's value, by which the next version tells what it changes. They
// stay in memory: nothing derived from a value is ever written anywhere.
type prints map[string]uint64

// printsOf uses the seed of this process, so that a print can't be compared with guesses elsewhere.
func (c *Controller) printsOf(data map[string][]byte) prints {
	all := make(prints, len(data))
	for key, value := range data {
		all[key] = maphash.Bytes(c.seed, value)
	}
	return all
}

// changes are the names of the keys that an update adds, removes or gives another value, and of those that it
// writes over a value which must not be compared.
type changes struct {
	added, removed, changed, unseen []string
	// reread says that the Secret itself was compared with, and not what is remembered of it.
	reread bool
	// unreported says that the Secret was written for the present SecretSync before, and that status does not know.
	unreported bool
}

// compare finds what is about to change. After a restart nothing is remembered: then the Secret is
// read, once, at its first update.
func (c *Controller) compare(ctx context.Context, p *pass) (changes, error) {
	written := p.sync.Status.Secret
	if written == nil || written.Name != p.sync.TargetName() {
		return changes{}, nil
	}
	former := p.memory.prints
	reread := former == nil
	if reread {
		values, err := c.secrets.Values(ctx, p.sync.Namespace, written.Name)
		if err != nil {
			return changes{}, err
		}
		former = c.printsOf(values)
		maps.DeleteFunc(former, func(key string, _ uint64) bool { return !slices.Contains(written.Keys, key) })
	}
	all := difference(former, c.printsOf(p.data))
	all.reread = reread
	return all, nil
}

// takenOver are the changes of a Secret that is not the one in status. A pass that has written it and could not say so
// is remembered: the next one finds that nothing has changed.
func (c *Controller) takenOver(p *pass, former *target.FormerContent) changes {
	all := difference(c.printsOf(former.Values), c.printsOf(p.data))
	former.Values = nil // Values are not kept.
	created := p.sync.CreationTimestamp.Time
	all.unreported = p.before.Status.Secret == nil && !created.IsZero() && !former.Written.Before(created)
	if known := p.memory.takenOver; known != nil && all.none() {
		all = *known
	}
	p.memory.takenOver = &all
	return all
}

func difference(former, latter prints) changes {
	var all changes
	for key, print := range latter {
		switch old, known := former[key]; {
		case !known:
			all.added = append(all.added, key)
		case old != print:
			all.changed = append(all.changed, key)
		}
	}
	for key := range former {
		if _, stays := latter[key]; !stays {
			all.removed = append(all.removed, key)
		}
	}
	slices.Sort(all.added)
	slices.Sort(all.changed)
	slices.Sort(all.removed)
	return all
}

// String lists the names, for example "changed password; added port".
func (c changes) String() string {
	var parts []string
	for _, part := range []struct {
		verb string
		keys []string
	}{{"changed", c.changed}, {"added", c.added}, {"removed", c.removed}, {"not compared", c.unseen}} {
		if len(part.keys) > 0 {
			parts = append(parts, part.verb+" "+listed(part.keys))
		}
	}
	if len(parts) == 0 {
		return "no key changed"
	}
	return strings.Join(parts, "; ")
}

func listed(keys []string) string {
	if len(keys) <= namesShown {
		return strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(keys[:namesShown], ", "), len(keys)-namesShown)
}
