package pattern

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestAPatternIsCompiledOnce(t *testing.T) {
	cache, first, again := NewCache(), newBudget(), newBudget()
	whole, err := cache.CompileWhole(first, "a+")
	if err != nil {
		t.Fatal(err)
	}
	same, err := cache.CompileWhole(again, "a+")
	if err != nil {
		t.Fatal(err)
	}
	if same != whole {
		t.Error("it was compiled twice")
	}
	if first.Spent() == 0 || again.Spent() != 0 {
		t.Errorf("the first call took %d steps, the second %d", first.Spent(), again.Spent())
	}
	part, err := cache.Compile(again, "a+")
	if err != nil {
		t.Fatal(err)
	}
	if part == whole {
		t.Error("the pattern that matches a part is the pattern that matches the whole")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	cache := NewCache()
	for i := range CachedPatterns + 100 {
		if _, err := cache.Compile(newBudget(), fmt.Sprint("a", i)); err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Compile(newBudget(), "used all the time"); err != nil {
			t.Fatal(err)
		}
	}
	if got, listed := len(cache.entries), cache.used.Len(); got != CachedPatterns || listed != got {
		t.Errorf("it holds %d patterns, and lists %d, want %d", got, listed, CachedPatterns)
	}
	if cache.get(cacheKey{text: "used all the time"}) == nil {
		t.Error("it evicted a pattern that is used all the time")
	}
	if cache.get(cacheKey{text: "a0"}) != nil {
		t.Error("it did not evict the pattern that was not used for longest")
	}
	for i := range 200 {
		if _, err := cache.Compile(newBudget(), fmt.Sprint(`\pL{64}`, strings.Repeat("a", i))); err != nil {
			t.Fatal(err)
		}
		if cache.bytes > CachedBytes {
			t.Fatalf("it holds %d bytes", cache.bytes)
		}
	}
	bytes := 0
	for _, at := range cache.entries {
		bytes += at.Value.(*cached).pattern.weight()
	}
	if bytes != cache.bytes {
		t.Errorf("it holds %d bytes, and counts %d", bytes, cache.bytes)
	}
}

func TestTheCacheIsSharedByWorkers(t *testing.T) {
	cache, budget := NewCache(), NewBudget(context.Background(), PassSteps)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range 300 {
				made, err := cache.CompileWhole(budget, fmt.Sprint("a", i%50))
				if err != nil {
					t.Error(err)
					return
				}
				if matched, err := made.MatchString(budget, fmt.Sprint("a", i%50)); !matched || err != nil {
					t.Error(matched, err)
				}
			}
		})
	}
	workers.Wait()
	if len(cache.entries) != 50 {
		t.Errorf("it holds %d patterns", len(cache.entries))
	}
}
