package secretsync

import (
	"testing"
	"time"
)

func TestTheQueueIsStuckOnlyWhenNothingMoves(t *testing.T) {
	e := newEnvironment(t, fresh())
	waiting := e.states.of(here, "uid").schedule
	for name, test := range map[string]struct {
		overdue, idle time.Duration
		stuck         bool
	}{
		"nothing is due":                  {-time.Hour, time.Hour, false},
		"overdue, and reconciles end":     {time.Hour, time.Second, false},
		"a little overdue":                {time.Minute, time.Hour, false},
		"overdue, and no reconcile ended": {stuckAfter, stuckAfter, true},
	} {
		waiting.SetNext(noon.Add(-test.overdue))
		e.lastReconcile.set(noon.Add(-test.idle))
		if err := e.Check(nil); (err != nil) != test.stuck {
			t.Errorf("%s: %v", name, err)
		}
	}
}
