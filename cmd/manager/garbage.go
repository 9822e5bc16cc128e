package main

import (
	"context"
	"runtime/debug"
	"time"
)

// gcPercent lets garbage grow to half of what is in use before it is collected, where Go would let it
// grow to as much as that. The operator is idle most of the time: memory is what it costs, and a poll
// takes a twentieth more of processor time this way.
const gcPercent = 50

// collectOften sets gcPercent, unless the environment says otherwise (package runtime, "Environment
// Variables", GOGC).
func collectOften(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// keepBelow has the collector work harder near nine tenths of the bytes that the container may use, unless
// the environment says otherwise; 0 sets nothing. The rest is for what Go's limit does not count and the
// kernel's does: the mapped program, memory that the kernel holds for the process, and what is allocated
// while the collector runs, as the limit is a soft one (package runtime/debug, SetMemoryLimit).
func keepBelow(container int64, getenv func(string) string) {
	if container > 0 && getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(container - container/10)
	}
}

// giveBackEvery is how often memory that is free goes back to the kernel. The runtime collects that often at the
// latest anyway, but keeps what it may need again.
const giveBackEvery = 2 * time.Minute

// memory gives what is free back to the kernel, so that an operator that has worked hard and is idle again does
// not keep what it took for that.
type memory struct{ every time.Duration }

// Start runs until ctx ends.
func (m memory) Start(ctx context.Context) error {
	ticker := time.NewTicker(m.every)
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

// NeedLeaderElection says that a replica which waits for its turn gives memory back, too.
func (memory) NeedLeaderElection() bool { return false }
