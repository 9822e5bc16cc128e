package schedule

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

func TestWhenAnEventIsDue(t *testing.T) {
	const before, after = -time.Minute, time.Minute
	for name, test := range map[string]struct {
		failures             int
		next, changed, chase time.Duration
		due                  bool
	}{
		"nothing":                                  {next: after},
		"an event":                                 {next: after, changed: -2 * time.Minute, due: true},
		"an event during the failed try":           {failures: 1, next: after, changed: before, due: true},
		"an event before the failed try":           {failures: 1, next: after, changed: before - 1},
		"an event, and the next try is due":        {failures: 1, next: before, changed: before - 1, due: true},
		"a request that is due":                    {next: after, chase: before, due: true},
		"a request that is not due":                {next: after, chase: after},
		"a request that is due, after a failure":   {failures: 1, next: after, chase: before},
		"a request and the next try that are due":  {failures: 1, next: before, chase: before, due: true},
		"a request that is due, after many failed": {failures: 9, next: after, chase: before},
	} {
		state := &State{failures: test.failures, tried: noon.Add(before), next: noon.Add(test.next)}
		if test.changed != 0 {
			state.Changed(noon.Add(test.changed))
		}
		if test.chase != 0 {
			state.chase.next = noon.Add(test.chase)
		}
		if got := state.eventDue(noon); got != test.due {
			t.Errorf("%s: due: %t", name, got)
		}
	}
}

func TestAnEventIsFollowedUntilAWSHasAnswered(t *testing.T) {
	throttled := outage()
	for name, test := range map[string]struct {
		answered bool
		failure  *failure.Failure
		want     Trigger
	}{
		"answered":                  {true, nil, None},
		"refused":                   {false, refusal(), None},
		"throttled":                 {false, throttled, Event},
		"answered, and not written": {true, throttled, Event},
	} {
		t.Run(name, func(t *testing.T) {
			state, p := &State{next: noon.Add(time.Hour)}, newPolled("db", time.Hour).inSync()
			trigger := func() Trigger { return state.Trigger(p.secretSync, false, noon) }
			if got := trigger(); got != None {
				t.Fatalf("the reason before the event is %q", got)
			}
			if state.Changed(noon); trigger() != Event {
				t.Fatalf("the reason is %q", trigger())
			}
			state.Plan(Result{Began: noon, Answered: test.answered, Failure: test.failure, Interval: time.Hour, NextPoll: noon.Add(time.Hour)}, noon)
			if got := trigger(); got != test.want {
				t.Errorf("the reason for the next reconcile is %q, want %q", got, test.want)
			}
			if state.Changed(noon); trigger() != Event {
				t.Error("another event is no reason")
			}
		})
	}
}
