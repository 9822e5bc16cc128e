package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const (
	// waitMost is how long after a change a workload's rollout from before it is waited for. It may never end, and
	// may have failed for want of this very restart. It is what a Deployment waits by default.
	waitMost = 10 * time.Minute
	// paceLeast and paceMost bound the time between two looks: a tenth of the time that has passed since restarts
	// began. paceStuck is the least where only somebody else can change anything.
	paceLeast, paceStuck, paceMost = time.Second, 5 * time.Second, 4 * time.Minute
	// paceForbidden is how often permissions are tried.
	paceForbidden = 2 * time.Minute
	// statusesMost is how many workloads status holds.
	statusesMost = 64
)

// turn is where a workload stands in a round.
type turn struct {
	*workload
	outcome
	// due says that it may be restarted now.
	due bool
}

// round is one look at all workloads of a change.
type round struct {
	change Change
	now    time.Time
	turns  []*turn
	// next is when the first of those is due that wait for other changes; zero where none does.
	next      time.Time
	restarted []string
}

// look says where each workload stands.
func (r *Restarter) look(workloads []*workload, change Change, now time.Time) *round {
	all := &round{change: change, now: now}
	for _, w := range workloads {
		all.turns = append(all.turns, r.turn(all, w))
	}
	return all
}

func (r *Restarter) turn(all *round, w *workload) *turn {
	change, uid := &all.change, string(w.object.GetUID())
	switch {
	case w.missing:
		return &turn{workload: w, outcome: outcome{state: Failed, message: "it is not there: correct spec.rollout.workloads, or create it"}}
	case w.lentTo != "":
		return &turn{workload: w, outcome: outcome{state: Failed, message: "Argo Rollout " + w.lentTo + " takes its template: list that Rollout in spec.rollout.workloads in its place"}}
	case w.stamps[stampKey(change.Name)] == change.Revision:
		if w.paused && w.gone.state == RollingOut {
			return &turn{workload: w, outcome: outcome{state: Paused, message: "it was paused while it restarts: resume it"}}
		}
		return &turn{workload: w, outcome: w.judged(all.now)}
	case !w.before(change.Changed):
		return &turn{workload: w, outcome: outcome{state: Done, message: "it is newer than the change"}}
	case r.pending.wasRestarted(change, uid):
		return &turn{workload: w, outcome: outcome{state: Done, message: "it was restarted, and the annotation " + stampKey(change.Name) + " was removed from it: it is not restarted again"}}
	case w.paused:
		return &turn{workload: w, outcome: outcome{state: Paused, message: "it is paused: it is restarted once it is resumed"}}
	}
	if at := r.dueTime(change, w, all.now); at.After(all.now) {
		if all.next.IsZero() || at.Before(all.next) {
			all.next = at
		}
		return &turn{workload: w, outcome: outcome{state: Waiting, message: "it restarts after " + at.UTC().Format(time.RFC3339)}}
	}
	if w.moving && !change.supersedes(w) && all.now.Before(change.Changed.Add(waitMost)) {
		return &turn{workload: w, outcome: outcome{state: Waiting, message: "it waits for its rollout from before the change to end"}}
	}
	return &turn{workload: w, outcome: outcome{state: Waiting, message: "its turn comes after those before it"}, due: true}
}

// dueTime is when all changes are due that concern a workload.
func (r *Restarter) dueTime(change *Change, w *workload, now time.Time) (at time.Time) {
	for _, one := range r.pending.of(change.Namespace, w, now) {
		at = later(at, one.due())
	}
	return at
}

// failed is the first workload that did not come up again, or nothing. One that is listed by mistake is none.
func (all *round) failed() string {
	for _, t := range all.turns {
		if t.state == Failed && !t.missing && t.lentTo == "" {
			return t.String()
		}
	}
	return ""
}

// room is how many more workloads may restart now.
func (all *round) room() int {
	room := DefaultMaxConcurrent
	if most := all.change.Policy.MaxConcurrent; most != nil {
		room = int(*most)
	}
	for _, t := range all.turns {
		if t.state == RollingOut {
			room--
		}
	}
	return room
}

// progress sums a round up.
func (all *round) progress() Progress {
	sum := Progress{State: Done, Restarted: all.restarted}
	count, partial := map[State]int{}, 0
	for _, t := range all.turns {
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
	sum.RequeueAfter = all.again(count)
	sum.Workloads = all.statuses()
	sum.Message = fmt.Sprintf("%d of %d workloads run with it", count[Done]-partial, len(all.turns))
	if t := all.speaks(sum.State); t != nil {
		sum.Message += "; " + t.String() + ": " + t.message
	}
	if len(all.turns) == 0 {
		sum.Message = "No workload uses Secret " + all.change.Secret
	}
	return sum
}

// speaks is the workload that says why the sum of a round is what it is; nil where none has anything to say.
func (all *round) speaks(sum State) *turn {
	states := []State{sum}
	if sum == RollingOut {
		states = append(states, Waiting) // All may wait, and none restart.
	}
	for _, state := range states {
		for _, t := range all.turns {
			if t.state == state && t.message != "" && (state != Done || t.partial) {
				return t
			}
		}
	}
	return nil
}

// again is when to look again; zero for never.
func (all *round) again(count map[State]int) time.Duration {
	least := paceLeast
	switch {
	case count[RollingOut] > 0:
	case count[Failed]+count[Paused] > 0:
		least = paceStuck
	case count[Waiting] == 0:
		return 0
	}
	began := all.change.Changed
	if delay := all.change.Policy.Delay; delay != nil {
		began = began.Add(delay.Duration)
	}
	next := min(max(all.now.Sub(began)/10, least), paceMost)
	if all.next.IsZero() {
		return next
	}
	until := max(all.next.Sub(all.now), paceLeast/10)
	if all.waitForTime() {
		return min(until, paceMost)
	}
	return min(until, next)
}

// waitForTime says whether nothing is to be seen of the workloads before the next is due.
func (all *round) waitForTime() bool {
	return !slices.ContainsFunc(all.turns, func(t *turn) bool {
		return t.state == RollingOut || t.state == Waiting && (t.due || t.moving)
	})
}

// statuses tell of the workloads, of those first that are not done, where status can't hold them all.
func (all *round) statuses() (told []v1alpha1.WorkloadStatus) {
	surplus := len(all.turns) - statusesMost
	for _, t := range all.turns {
		if surplus > 0 && t.state == Done {
			surplus--
			continue
		}
		if len(told) < statusesMost {
			told = append(told, t.status(t.outcome))
		}
	}
	return told
}
