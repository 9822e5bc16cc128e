package queue

import (
	"context"
	"testing"
	"time"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The stop waits for all reconciles, and names those that were running as it ended.
func TestTheStopWaitsForTheLastPass(t *testing.T) {
	running := &Running{}
	first, second := in("a", 1), in("a", 2)
	if !running.Begin(first, noon) || !running.Begin(second, noon.Add(time.Second)) {
		t.Fatal("a reconcile does not begin before the stop")
	}
	if name, since := running.Longest(noon.Add(time.Minute)); name != first || since != time.Minute {
		t.Errorf("%s has been running for %s", name, since)
	}
	ended := running.stopped()
	running.End(second)
	if isClosed(ended) {
		t.Error("the stop does not wait for the first reconcile")
	}
	if running.stopped() != ended {
		t.Error("another stop waits for another end")
	}
	if running.Begin(in("a", 3), noon) {
		t.Error("a reconcile begins after the stop")
	}
	out, cancel := context.WithCancel(t.Context())
	cancel()
	left := running.Stop(out)
	if running.End(first); !isClosed(ended) {
		t.Error("the stop waits for ever")
	}
	if !left[first].Equal(noon) || len(left) != 1 {
		t.Errorf("%v were left", left)
	}
}

func isClosed(ended chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// TestAStopWithoutReconcilesEndsAtOnce, also where some have run before.
func TestAStopWithoutReconcilesEndsAtOnce(t *testing.T) {
	running := &Running{}
	running.Begin(in("a", 1), noon)
	running.End(in("a", 1))
	if !isClosed(running.stopped()) {
		t.Error("the stop waits for what has ended")
	}
	if left := running.Stop(t.Context()); len(left) != 0 {
		t.Errorf("%v were left", left)
	}
	if name, since := running.Longest(noon); name.Name != "" || since != 0 {
		t.Errorf("%s has been running for %s", name, since)
	}
}
