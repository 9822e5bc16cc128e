package main

import "runtime/debug"

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
