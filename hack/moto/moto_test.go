package moto

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

// minimumCalls is how many calls both must be sent at least.
const minimumCalls = 240

// ticking is a clock that advances by a microsecond each time it is read, however slow the machine is. So the local AWS
// has no time for what it does in the background.
func ticking() func() time.Time {
	var looks atomic.Int64
	begin := time.Now()
	return func() time.Time { return begin.Add(time.Duration(looks.Add(1)) * time.Microsecond) }
}

// TestTheLocalAWSAgainstMoto sends the same calls to both. Each difference must be in the list of known differences,
// and each entry of that list must be needed.
func TestTheLocalAWSAgainstMoto(t *testing.T) {
	server, err := Start(t.Context())
	if errors.Is(err, ErrNotInstalled) {
		t.Skip("SKIPPED, the local AWS is not compared with moto here:", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	local, err := localaws.Start(&localaws.Server{Account: Account, Now: ticking()}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})

	ours, theirs := &endpoint{url: local.URL(), arns: map[string]string{}}, &endpoint{url: server.URL, arns: map[string]string{}}
	calls := readCalls(t)
	if len(calls) < minimumCalls {
		t.Fatalf("%d calls, want %d", len(calls), minimumCalls)
	}
	known := newKnownDifferences()
	asked := map[string]bool{}
	for _, c := range calls {
		if asked[c.String()] {
			t.Fatalf("two calls are named %s", c)
		}
		asked[c.String()] = true
		a, err := ours.ask(t.Context(), c)
		if err != nil {
			t.Fatalf("the local AWS, %s: %v", c, err)
		}
		b, err := theirs.ask(t.Context(), c)
		if err != nil {
			t.Fatalf("moto, %s: %v", c, err)
		}
		for _, d := range compare(c, a, b) {
			if !known.covers(d) {
				t.Errorf("not a known difference: %s", d)
			}
		}
	}
	for _, unused := range known.unused() {
		t.Errorf("the known difference %s does not occur with moto %s: remove it", unused, server.Version)
	}
	t.Logf("moto %s: %d calls, %d differences, covered by %d entries", server.Version, len(calls), known.found, len(known.entries))
}
