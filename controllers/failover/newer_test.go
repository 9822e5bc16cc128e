package failover

import (
	"strconv"
	"testing"
	"time"
)

// The replicas of many secrets stay behind, and all are polled in turn.
func TestCreatedTimesAreBounded(t *testing.T) {
	times, created := newCreatedTimes(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := func(n int) versionKey { return versionKey{arn: "arn", id: strconv.Itoa(n)} }
	for n := range maxVersions {
		times.set(key(n), created)
	}
	times.set(key(0), created)
	for n := range maxVersions {
		if times.get(key(n)).IsZero() {
			t.Fatalf("version %d was evicted, though the cache is not full", n)
		}
	}
	times.set(key(maxVersions), created)
	if len(times.known) > maxVersions || times.get(key(maxVersions)).IsZero() {
		t.Errorf("%d times are cached, the latest is %s", len(times.known), times.get(key(maxVersions)))
	}
}
