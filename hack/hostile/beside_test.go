package hostile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// row is one way to attack: one namespace with many objects.
type row struct {
	name string
	// attack creates the objects, and gives what the attacker does before each rotation of the victim.
	attack func(a *attacker) (again func(round int))
	// ends are the reasons of Ready that the row's SecretSyncs must get, which show that the attack has its effect.
	ends []string
}

// figures are the measurements of a row: without the attacker, and beside it.
type figures struct {
	name           string
	objects        int
	alone          time.Duration
	beside         latency
	peak           int64
	calls, allowed int
	requests, most int
	lasted         time.Duration
	reasons        map[string]int
}

func (f figures) String() string {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(f.reasons)) {
		reasons = append(reasons, fmt.Sprintf("%s %d", reason, f.reasons[reason]))
	}
	return fmt.Sprintf("| %s | %d | %d/%d ms | %d ms | %d MiB | %d/%d | %d/%d | %.1f s | %s |", f.name, f.objects,
		f.alone.Milliseconds(), f.beside.event.Milliseconds(), f.beside.poll.Milliseconds(), f.peak>>20,
		f.calls, f.allowed, f.requests, f.most, f.lasted.Seconds(), strings.Join(reasons, ", "))
}

// Limits for a row. Those of time are relative to a run without the attacker, just before the attack. That takes some
// tens of milliseconds for an event, and up to pollEvery for a poll. Below leastAlone it is noise of a busy machine.
const (
	timesAlone = 2
	leastAlone = 500 * time.Millisecond
	// remeasured is how often a row that took longer is measured again: the delay by an attacker stays, that by another
	// program on the machine ends.
	remeasured = 6
	// perQuestion limits the calls of AWS for each thing to read (see attacker.questions), at the start, after each
	// change and at each poll. One more is allowed for each SecretSync and each edit, as an edit triggers a fresh read.
	// perObject limits the requests to the API server for each SecretSync, at the start and after each change.
	perQuestion, perObject = 5, 6
	// besides are calls and requests per second that are allowed on top, including the victim's.
	besides = 20
)

// run starts the attack, and measures the victim meanwhile.
func (s *setup) run(t *testing.T, r row) {
	a := newAttacker(t, s)
	defer func() {
		if t.Failed() { // The manager may never be idle again.
			if err := s.manager.Kill(); err != nil {
				t.Error(err)
			}
			s.start(t)
		}
		a.remove()
	}()
	alone := median(s.rotateTimes(t, func(int) {}))
	if err := s.manager.ResetPeakMemory(); err != nil {
		t.Fatal(err)
	}
	s.env.AWS.ResetCalls()
	requests, began := s.requests(t), time.Now()
	again := r.attack(a)
	if again == nil {
		again = func(int) {}
	}
	beside, rounds := s.measure(t, again)
	for range remeasured {
		if beside.within(alone) {
			break
		}
		more, times := s.measure(t, again)
		beside, rounds = latency{min(beside.event, more.event), min(beside.poll, more.poll)}, rounds+times
	}
	lasted := time.Since(began)
	seconds := int(lasted/time.Second) + 1
	f := figures{
		name: r.name, objects: int(a.objects.Load()), alone: alone, beside: beside, lasted: lasted,
		calls: s.calls(), allowed: perQuestion*int(a.questions.Load())*(1+rounds+seconds) + int(a.objects.Load()+a.edits.Load()) + besides*seconds,
		requests: s.requests(t) - requests, most: perObject*int(a.objects.Load())*(1+rounds) + besides*seconds,
	}
	f.reasons = r.await(a)
	var err error
	if f.peak, err = s.manager.PeakMemory(); err != nil {
		t.Fatal(err)
	}
	t.Log(f)
	f.judge(t)
	r.judge(t, f.reasons)
}

// within says whether rotations beside the attacker take about as long as alone.
func (l latency) within(alone time.Duration) bool {
	return l.event <= timesAlone*max(alone, leastAlone) && l.poll <= timesAlone*pollEvery
}

// judge compares the measurements with the limits.
func (f figures) judge(t *testing.T) {
	t.Helper()
	if !f.beside.within(f.alone) {
		t.Errorf("beside the attacker an announced rotation takes %s, alone %s; one that a poll each %s finds takes %s", f.beside.event, f.alone, pollEvery, f.beside.poll)
	}
	if f.peak > memoryLimit {
		t.Errorf("the manager had %d MiB, more than %d MiB", f.peak>>20, memoryLimit>>20)
	}
	if f.calls > f.allowed {
		t.Errorf("AWS was called %d times in %s, want %d at most", f.calls, f.lasted, f.allowed)
	}
	if f.requests > f.most {
		t.Errorf("the API server got %d requests in %s, want %d at most", f.requests, f.lasted, f.most)
	}
}

// await waits until the attack has its effect, and counts the SecretSyncs by their reason of Ready.
func (r row) await(a *attacker) (reasons map[string]int) {
	a.Helper()
	for end := time.Now().Add(testsuite.Deadline); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		reasons = a.reasons()
		if len(r.ends) == 0 || slices.ContainsFunc(r.ends, func(reason string) bool { return reasons[reason] > 0 }) {
			break
		}
	}
	return reasons
}

// judge fails the test unless the SecretSyncs have the reasons of r.ends, and no others.
func (r row) judge(t *testing.T, reasons map[string]int) {
	t.Helper()
	if len(r.ends) == 0 {
		return
	}
	reached := false
	for reason := range reasons {
		if slices.Contains(r.ends, reason) {
			reached = true
		} else if reason != "Progressing" {
			t.Errorf("SecretSyncs have the reason %s, want %v alone", reason, r.ends)
		}
	}
	if !reached {
		t.Errorf("no SecretSync has one of the reasons %v", r.ends)
	}
}

// beside runs the rows of a group one after the other.
func beside(t *testing.T, s *setup, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) { s.run(t, r) })
	}
}
