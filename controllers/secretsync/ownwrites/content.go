package ownwrites

import (
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// Digests holds a digest of each key's value, by which the next version tells what it changes. They stay in memory:
// nothing derived from a value is written anywhere.
type Digests map[string]uint64

// Digester makes digests with a seed of this process, so that a digest can't be compared with guesses elsewhere.
type Digester struct{ seed maphash.Seed }

// NewDigester makes a Digester.
func NewDigester() Digester { return Digester{seed: maphash.MakeSeed()} }

// Of are the digests of data.
func (d Digester) Of(data map[string][]byte) Digests {
	digests := make(Digests, len(data))
	for key, value := range data {
		digests[key] = maphash.Bytes(d.seed, value)
	}
	return digests
}

// Content is what is remembered of the keys that were written last to one Secret. The goroutine that reconciles the
// SecretSync uses it; the zero value remembers nothing.
type Content struct {
	mutex   sync.Mutex
	digests Digests
	// takenOver is what has changed in a Secret that was taken over, until status has it.
	takenOver *Changes
	// preview names the versions and the Secret of the last preview, in mode Observe.
	preview string
}

// Wrote remembers the content that was written.
func (c *Content) Wrote(digests Digests) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.digests = digests
}

// Forget forgets the content: the next write reads the Secret to tell what it changes.
func (c *Content) Forget() { c.Wrote(nil) }

// Reported notes that status has what has changed in a Secret that was taken over.
func (c *Content) Reported() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.takenOver = nil
}

// Previewed remembers a preview.
func (c *Content) Previewed(preview string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.preview = preview
}

// Preview names the last preview; empty for none.
func (c *Content) Preview() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.preview
}

// Compare finds what writing content is about to change in the Secret that status has. After a restart nothing is
// remembered: then its values are read, once, at its first update.
func (c *Content) Compare(by Digester, written *v1alpha1.SecretStatus, content Digests, read func() (map[string][]byte, error)) (Changes, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	former := c.digests
	reread := former == nil
	if reread {
		values, err := read()
		if err != nil {
			return Changes{}, err
		}
		former = by.Of(values)
		maps.DeleteFunc(former, func(key string, _ uint64) bool { return !slices.Contains(written.Keys, key) })
	}
	changes := Difference(former, content)
	changes.Reread = reread
	return changes, nil
}

// TakenOver are the changes of a Secret that is not the one in status. A reconcile that has written it and could not
// report it is remembered: the next one finds that nothing has changed.
func (c *Content) TakenOver(by Digester, secretSync *v1alpha1.SecretSync, former *target.FormerContent, content Digests) Changes {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	changes := Difference(by.Of(former.Values), content)
	former.Values = nil // Values are not kept.
	created := secretSync.CreationTimestamp.Time
	changes.Unreported = secretSync.Status.Secret == nil && !created.IsZero() && !former.Written.Before(created)
	if c.takenOver != nil && changes.None() {
		changes = *c.takenOver
	}
	c.takenOver = &changes
	return changes
}
