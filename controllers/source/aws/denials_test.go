package aws

import (
	"strconv"
	"testing"
	"time"
)

func TestMemoryForgets(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := newDenialCache(func() time.Time { return now }, time.Minute)
	m.remember("db")
	if !m.recall("db") {
		t.Error("what was remembered is not known")
	}
	if m.recall("cache") {
		t.Error("what was never remembered is known")
	}
	now = now.Add(time.Minute)
	if m.recall("db") {
		t.Error("something was remembered for longer than its time")
	}
	if len(m.until) > 0 {
		t.Error("what has ended takes memory still")
	}
	m.remember("db")
	now = now.Add(time.Minute)
	if m.remember("cache"); len(m.until) != 2 {
		t.Error("all are looked through though there is room")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	m := newDenialCache(func() time.Time { return now }, time.Minute)
	for i := range maxRemembered {
		m.remember(strconv.Itoa(i))
	}
	m.remember("0")
	if len(m.until) != maxRemembered {
		t.Errorf("%d things are remembered after one came again", len(m.until))
	}
	now = now.Add(30 * time.Second)
	m.remember("late")
	if !m.recall("late") || len(m.until) != maxRemembered {
		t.Errorf("%d things are remembered", len(m.until))
	}
	now = now.Add(31 * time.Second)
	m.remember("later")
	if len(m.until) != 2 {
		t.Errorf("%d things are remembered after all but one had expired, want 2", len(m.until))
	}
}
