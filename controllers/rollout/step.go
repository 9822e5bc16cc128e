package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const (
	// waitMost is how long after a change a restart waits for a rollout of the workload that began before the change.
	// That rollout may never end: it may even need this restart. A Deployment waits as long by default.
	waitMost = 10 * time.Minute
	// requeueLeast and requeueMost bound the time between two steps, a tenth of the time since the restarts began.
	// requeueStuck is the least if only the user can change anything.
	requeueLeast, requeueStuck, requeueMost = time.Second, 5 * time.Second, 4 * time.Minute
	// requeueForbidden is the time between two steps if the operator lacks a permission.
	requeueForbidden = 2 * time.Minute
	// statusesMost is how many workloads the status has at most.
	statusesMost = 64
)

// turn is the state of a workload in a step.
type turn struct {
	*workload
	outcome
	// due says that the workload may be restarted now.
	due bool
}

// step is the state of all workloads of a change at one time.
type step struct {
	change Change
	now    time.Time
	turns  []*turn
	// next is when the first workload is due of those that wait for other changes; zero if none waits.
	next      time.Time
	restarted []string
}

// look determines the state of each workload.
func (r *Restarter) look(workloads []*workload, change Change, now time.Time) *step {
	s := &step{change: change, now: now}
	for _, w := range workloads {
		s.turns = append(s.turns, r.turn(s, w))
	}
	return s
}

func (r *Restarter) turn(s *step, w *workload) *turn {
	change, uid := &s.change, string(w.object.GetUID())
	switch {
	case w.missing:
		return &turn{workload: w, outcome: outcome{state: Failed, message: "it is not there: correct spec.rollout.workloads, or create it"}}
	case w.templateUsedBy != "":
		return &turn{workload: w, outcome: outcome{state: Failed, message: "Argo Rollout " + w.templateUsedBy + " takes its template: list that Rollout in spec.rollout.workloads in its place"}}
	case w.stamps[stampKey(change.Name)] == change.Revision:
		if w.paused && w.latest.state == RollingOut {
			return &turn{workload: w, outcome: outcome{state: Paused, message: "it was paused while it restarts: resume it"}}
		}
		return &turn{workload: w, outcome: w.judged(s.now)}
	case !w.before(change.Changed):
		return &turn{workload: w, outcome: outcome{state: Done, message: "it is newer than the change"}}
	case r.pending.wasRestarted(change, uid):
		return &turn{workload: w, outcome: outcome{state: Done, message: "it was restarted, and the annotation " + stampKey(change.Name) + " was removed from it: it is not restarted again"}}
	case w.paused:
		return &turn{workload: w, outcome: outcome{state: Paused, message: "it is paused: it is restarted once it is resumed"}}
	}
	if at := r.dueTime(change, w, s.now); at.After(s.now) {
		if s.next.IsZero() || at.Before(s.next) {
			s.next = at
		}
		return &turn{workload: w, outcome: outcome{state: Waiting, message: "it restarts after " + at.UTC().Format(time.RFC3339)}}
	}
	if w.replacingPods && !change.supersedes(w) && s.now.Before(change.Changed.Add(waitMost)) {
		return &turn{workload: w, outcome: outcome{state: Waiting, message: "it waits for its rollout from before the change to end"}}
	}
	return &turn{workload: w, outcome: outcome{state: Waiting, message: "its turn comes after those before it"}, due: true}
}

// dueTime is when all changes that concern a workload are due.
func (r *Restarter) dueTime(change *Change, w *workload, now time.Time) (at time.Time) {
	for _, known := range r.pending.of(change.Namespace, w, now) {
		at = later(at, known.due())
	}
	return at
}

// failed is the first workload that did not come up again, or nil. A workload that is listed by mistake does not count.
func (s *step) failed() *turn {
	for _, t := range s.turns {
		if t.state == Failed && !t.missing && t.templateUsedBy == "" {
			return t
		}
	}
	return nil
}

// capacity is how many more workloads may restart now.
func (s *step) capacity() int {
	free := DefaultMaxConcurrent
	if most := s.change.Policy.MaxConcurrent; most != nil {
		free = int(*most)
	}
	for _, t := range s.turns {
		if t.state == RollingOut {
			free--
		}
	}
	return free
}

// progress sums a step up.
func (s *step) progress() Progress {
	sum := Progress{State: Done, Restarted: s.restarted}
	count, partial := map[State]int{}, 0
	for _, t := range s.turns {
		count[t.state]++
		if t.partial {
			partial++
		}
	}
	switch {
	case count[Failed] > 0:
		sum.State = Failed
	case count[Waiting]+count[RollingOut] > 0:
		sum.State = RollingOut
	case count[Paused] > 0:
		sum.State = Paused
	}
	sum.RequeueAfter = s.requeueAfter(count)
	sum.Workloads = s.statuses()
	sum.Message = fmt.Sprintf("%d of %d workloads run with it", count[Done]-partial, len(s.turns))
	if t := s.explains(sum.State); t != nil {
		sum.Message += "; " + t.String() + ": " + t.message
	}
	if len(s.turns) == 0 {
		sum.Message = "No workload uses Secret " + s.change.Secret
	}
	return sum
}

// explains is the workload whose message explains the state of the step; nil if no workload has a message.
func (s *step) explains(sum State) *turn {
	states := []State{sum}
	if sum == RollingOut {
		states = append(states, Waiting) // Perhaps all wait, and none restarts.
	}
	for _, state := range states {
		for _, t := range s.turns {
			if t.state == state && t.message != "" && (state != Done || t.partial) {
				return t
			}
		}
	}
	return nil
}

// requeueAfter is how long to wait before the next step; zero for never.
func (s *step) requeueAfter(count map[State]int) time.Duration {
	least := requeueLeast
	switch {
	case count[RollingOut] > 0:
	case count[Failed]+count[Paused] > 0:
		least = requeueStuck
	case count[Waiting] == 0:
		return 0
	}
	began := s.change.Changed
	if delay := s.change.Policy.Delay; delay != nil {
		began = began.Add(delay.Duration)
	}
	next := min(max(s.now.Sub(began)/10, least), requeueMost)
	if s.next.IsZero() {
		return next
	}
	until := max(s.next.Sub(s.now), requeueLeast/10)
	if s.waitForTime() {
		return min(until, requeueMost)
	}
	return min(until, next)
}

// waitForTime says whether no workload can change before the next one is due.
func (s *step) waitForTime() bool {
	return !slices.ContainsFunc(s.turns, func(t *turn) bool {
		return t.state == RollingOut || t.state == Waiting && (t.due || t.replacingPods)
	})
}

// statuses are the entries of the workloads in status. If there are too many, those that are done are left out first.
func (s *step) statuses() (entries []v1alpha1.WorkloadStatus) {
	surplus := len(s.turns) - statusesMost
	for _, t := range s.turns {
		if surplus > 0 && t.state == Done {
			surplus--
			continue
		}
		if len(entries) < statusesMost {
			entries = append(entries, t.status(t.outcome))
		}
	}
	return entries
}
