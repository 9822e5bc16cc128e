package main

import (
	"runtime/debug"
	"testing"
)

func TestGarbageIsCollectedOftenUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
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
		"a limit leaves a tenth":             {container: 1 << 30, want: 1<<30 - (1<<30)/10},
		"no limit changes nothing":           {want: before},
		"GOMEMLIMIT goes before what we set": {container: 1 << 30, want: before, variables: map[string]string{"GOMEMLIMIT": "64MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetMemoryLimit(before)
			keepBelow(c.container, environment(c.variables))
			if got := debug.SetMemoryLimit(-1); got != c.want {
				t.Errorf("Go's limit is %d, want %d", got, c.want)
			}
		})
	}
}
