package main

import (
	"context"
	"runtime/debug"
	"time"
)

// gcPercent lets garbage grow to half of the memory in use before it is collected; Go's default is as much as the
// memory in use. The operator is idle most of the time, so its cost is memory. A poll takes a twentieth more
// processor time.
const gcPercent = 50

// collectOften sets gcPercent. The environment variable GOGC overrides it (package runtime, "Environment Variables").
func collectOften(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// limitMemory sets Go's memory limit to nine tenths of the container's limit in bytes; 0 sets nothing. The environment
// variable GOMEMLIMIT overrides it. The rest is for memory that the kernel counts and Go's limit does not: the mapped
// program, memory that the kernel holds for the process, and what is allocated while the collector runs, because Go's
// limit is soft (package runtime/debug, SetMemoryLimit).
func limitMemory(container int64, getenv func(string) string) {
	if container > 0 && getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(container - container/10)
	}
}

// trimInterval is how often free memory is returned to the kernel. The runtime collects garbage that often at least,
// but keeps free memory for later.
const trimInterval = 2 * time.Minute

// memoryTrimmer returns free memory to the kernel, so that an operator that is idle again does not keep the memory of
// a peak.
type memoryTrimmer struct{ interval time.Duration }

// Start runs until ctx ends.
func (m memoryTrimmer) Start(ctx context.Context) error {
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			debug.FreeOSMemory()
		}
	}
}

// NeedLeaderElection returns false: replicas that do not lead return memory, too.
func (memoryTrimmer) NeedLeaderElection() bool { return false }
