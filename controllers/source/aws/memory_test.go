package aws

import (
	"strconv"
	"testing"
	"time"
)

func TestMemoryForgets(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := newMemory[string](func() time.Time { return now }, time.Minute)
	here, there := place{"eu-west-1", "db"}, place{"eu-west-2", "db"}
	m.remember(here, "key")
	if known, ok := m.recall(here); !ok || known != "key" {
		t.Errorf("recalled %q, %v", known, ok)
	}
	if _, ok := m.recall(there); ok {
		t.Error("one region's fact is known of another")
	}
	now = now.Add(time.Minute)
	if _, ok := m.recall(here); ok {
		t.Error("a fact outlived its time")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := newMemory[struct{}](func() time.Time { return now }, time.Minute)
	for i := range maxRemembered {
		m.remember(place{secretID: strconv.Itoa(i)}, struct{}{})
	}
	now = now.Add(30 * time.Second)
	late := place{secretID: "late"}
	m.remember(late, struct{}{})
	if _, ok := m.recall(late); !ok || len(m.facts) != maxRemembered {
		t.Errorf("%d facts, the newest known: %v", len(m.facts), ok)
	}
	now = now.Add(31 * time.Second)
	m.remember(place{secretID: "later"}, struct{}{})
	if len(m.facts) != 2 {
		t.Errorf("%d facts after all but one had expired, want 2", len(m.facts))
	}
}
