package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbageIsCollectedOftenUnlessTheEnvironmentOverridesIt(t *testing.T) {
	before := debug.SetGCPercent(123)
	defer debug.SetGCPercent(before)
	collectOften(func(string) string { return "200" })
	if got := debug.SetGCPercent(123); got != 123 {
		t.Errorf("with GOGC set it was changed to %d", got)
	}
	collectOften(func(string) string { return "" })
	if got := debug.SetGCPercent(123); got != gcPercent {
		t.Errorf("without GOGC it is %d", got)
	}
}

func TestTheContainersLimitIsNotGosOwn(t *testing.T) {
	before := debug.SetMemoryLimit(-1) // A negative limit only asks.
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	for name, c := range map[string]struct {
		container, want int64
		variables       map[string]string
	}{
		"a limit leaves a tenth":           {container: 1 << 30, want: 1<<30 - (1<<30)/10},
		"no limit changes nothing":         {want: before},
		"GOMEMLIMIT overrides what we set": {container: 1 << 30, want: before, variables: map[string]string{"GOMEMLIMIT": "64MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(before)
			limitMemory(c.container, environment(c.variables))
			if got := debug.SetMemoryLimit(-1); got != c.want {
				t.Errorf("Go's limit is %d, want %d", got, c.want)
			}
		})
	}
}

func TestFreeMemoryIsReturned(t *testing.T) {
	const taken = 64 << 20
	content := make([]byte, taken)
	use(content)
	before := released() // The content may be in memory that was returned before, as after another run of this test.
	runtime.KeepAlive(content)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- memoryTrimmer{interval: time.Millisecond}.Start(ctx) }()
	for end := time.Now().Add(10 * time.Second); released() < before+taken/2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d bytes of %d were returned", released()-before, taken)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if (memoryTrimmer{}).NeedLeaderElection() {
		t.Error("a replica that does not lead keeps its memory")
	}
}

// use writes to memory, so that the kernel maps it.
func use(content []byte) {
	for i := 0; i < len(content); i += 4096 {
		content[i] = 1
	}
}

// released is how much memory was returned to the kernel.
func released() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapReleased
}
