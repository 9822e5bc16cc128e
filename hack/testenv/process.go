package testenv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of processor time in /proc (getconf CLK_TCK; 100 on every Linux that Go runs on).
const clockTick = 10 * time.Millisecond

// ProcessorTime is what the manager's process has used so far, in user and in system mode.
func (m *Manager) ProcessorTime() (time.Duration, error) { return ProcessorTime(m.PID()) }

// ProcessorTime is what a process has used so far, in user and in system mode (proc(5), /proc/pid/stat).
func ProcessorTime(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, the second field, is in parentheses and may hold blanks.
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // Fields 14 and 15 of the whole line.
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	ticks := 0
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// ResidentMemory is the resident set size of the manager's process, in bytes (proc(5), /proc/pid/status).
func (m *Manager) ResidentMemory() (int64, error) { return m.memory("VmRSS") }

// PeakMemory is the largest resident set size so far, in bytes.
func (m *Manager) PeakMemory() (int64, error) { return m.memory("VmHWM") }

// ResetPeakMemory makes PeakMemory start again from the present resident set size (proc(5), /proc/pid/clear_refs).
func (m *Manager) ResetPeakMemory() error {
	const resetPeak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.PID()), []byte(resetPeak), 0)
}

func (m *Manager) memory(field string) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if rest, found := strings.CutPrefix(line, field+":"); found {
			kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", m.PID(), field)
}
