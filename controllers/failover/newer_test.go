package failover

import (
	"strconv"
	"testing"
	"time"
)

// A replica of each of many secrets stays behind, and all are polled in turn.
func TestDatesAreRememberedInBoundedNumber(t *testing.T) {
	b, made := newBirths(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := func(n int) birthKey { return birthKey{arn: "arn", id: strconv.Itoa(n)} }
	for n := range mostBirths {
		b.remember(key(n), made)
	}
	b.remember(key(0), made)
	for n := range mostBirths {
		if b.recall(key(n)).IsZero() {
			t.Fatalf("the date of version %d is forgotten, though all have room", n)
		}
	}
	b.remember(key(mostBirths), made)
	if len(b.known) > mostBirths || b.recall(key(mostBirths)).IsZero() {
		t.Errorf("%d dates are remembered, the latest is %s", len(b.known), b.recall(key(mostBirths)))
	}
}
