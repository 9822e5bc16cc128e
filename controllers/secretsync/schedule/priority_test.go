package schedule

import "testing"

func TestRoutineGoesBehindAllElse(t *testing.T) {
	for trigger, want := range map[Trigger]int{Poll: PriorityPoll, Spec: PriorityFirst, Drift: PriorityFirst, None: PriorityFirst} {
		if got := trigger.Priority(); got != want {
			t.Errorf("by %q: priority %d", trigger, got)
		}
	}
}
