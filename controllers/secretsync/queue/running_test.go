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
	running.Begin(first, noon)
	running.Begin(second, noon.Add(time.Second))
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
