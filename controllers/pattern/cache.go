package pattern

import (
	"container/list"
	"sync"
)

const (
	// CachedPatterns is how many patterns a Cache holds at most.
	CachedPatterns = 2_000
	// CachedBytes is how many bytes of memory they take at most, about.
	CachedBytes = 8 << 20
)

// Bytes in memory of a compiled pattern, of an instruction, which regexp has up to twice, and of a range.
const (
	patternBytes     = 1_024
	instructionBytes = 100
	rangeBytes       = 25
)

// Cache caches compiled patterns, and evicts the least recently used ones. It is safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	entries map[cacheKey]*list.Element
	// used has the patterns, the most recently used at its front.
	used  *list.List
	bytes int
}

type cacheKey struct {
	text  string
	whole bool
}

type cached struct {
	key     cacheKey
	pattern *Pattern
}

// NewCache returns an empty cache.
func NewCache() *Cache {
	return &Cache{entries: map[cacheKey]*list.Element{}, used: list.New()}
}

// Compile is Compile, done once while the pattern is in the cache.
func (c *Cache) Compile(budget *Budget, text string) (*Pattern, error) {
	return c.compile(budget, cacheKey{text: text})
}

// CompileWhole is CompileWhole, done once while the pattern is in the cache.
func (c *Cache) CompileWhole(budget *Budget, text string) (*Pattern, error) {
	return c.compile(budget, cacheKey{text: text, whole: true})
}

// compile works without the lock, so that a slow pattern does not block others.
func (c *Cache) compile(budget *Budget, key cacheKey) (*Pattern, error) {
	if known := c.get(key); known != nil {
		return known, nil
	}
	made, err := compile(budget, key.text, key.whole)
	if err != nil {
		return nil, err
	}
	c.put(key, made)
	return made, nil
}

func (c *Cache) get(key cacheKey) *Pattern {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.entries[key]
	if !ok {
		return nil
	}
	c.used.MoveToFront(at)
	return at.Value.(*cached).pattern
}

func (c *Cache) put(key cacheKey, made *Pattern) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.entries[key]; there { // Another goroutine compiled it meanwhile.
		return
	}
	c.entries[key] = c.used.PushFront(&cached{key: key, pattern: made})
	c.bytes += made.weight()
	for len(c.entries) > CachedPatterns || c.bytes > CachedBytes {
		oldest := c.used.Remove(c.used.Back()).(*cached)
		delete(c.entries, oldest.key)
		c.bytes -= oldest.pattern.weight()
	}
}

// weight is about how many bytes of memory a pattern takes.
func (p *Pattern) weight() int {
	return patternBytes + 3*len(p.text) + p.size.instructions*instructionBytes + p.size.ranges*rangeBytes
}
