package schedule

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// age is how old an answer may be at a moment, of a SecretSync that is polled every hour.
func age(state *State, trigger Trigger, p polled, now time.Time) time.Duration {
	return state.Freshness(trigger, p.secretSync, time.Hour, now).Age(now)
}

func TestAnAnswerIsSharedThatIsNewerThanTheEvent(t *testing.T) {
	state, p := &State{}, newPolled("db", time.Hour)
	state.Changed(noon)
	for after, want := range map[time.Duration]time.Duration{0: 0, 3 * time.Second: 3 * time.Second, time.Minute: resolve.MaxSharedAge} {
		if got := age(state, Event, p, noon.Add(after)); got != want {
			t.Errorf("%s after the event an answer of %s will do, want %s", after, got, want)
		}
	}
	now := noon.Add(3 * time.Second)
	if got := age(state, Drift, p, now); got != 3*time.Second {
		t.Errorf("an edit of the Secret has the event forgotten: an answer of %s will do", got)
	}
	state.changed = time.Time{}
	if got := age(state, Drift, p, now); got != time.Duration(sharedPart*float64(time.Hour)) {
		t.Errorf("without an event an answer of %s will do", got)
	}
}

// Whatever else sets off a reconcile: what was out of date, or a failure, is not answered from what was found before it.
func TestAnAnswerThatDidNotDoIsNotShared(t *testing.T) {
	for _, trigger := range []Trigger{Poll, Drift, Event, Restore} {
		state, p, now := &State{failures: 1, tried: noon}, newPolled("db", time.Hour), noon.Add(3*time.Second)
		if got := age(state, trigger, p, now); got != 3*time.Second {
			t.Errorf("%s: three seconds after a failure an answer of %s will do", trigger, got)
		}
		state = &State{chase: chase{since: noon, next: noon.Add(2 * time.Second)}}
		if got := age(state, trigger, p, now); got != time.Second {
			t.Errorf("%s: a second after what was out of date should be right, an answer of %s will do", trigger, got)
		}
	}
}

func TestHowOldAnAnswerMayBe(t *testing.T) {
	hour := time.Duration(sharedPart * float64(time.Hour))
	for name, test := range map[string]struct {
		trigger Trigger
		state   *State
		want    time.Duration
	}{
		"a poll":                             {Poll, &State{}, hour},
		"a repair":                           {Drift, &State{}, hour},
		"anything else":                      {Restore, &State{}, 10 * time.Second},
		"after a failure that is over":       {Poll, &State{tried: noon.Add(-time.Second)}, hour},
		"after a failure":                    {Poll, &State{failures: 1, tried: noon.Add(-time.Minute)}, time.Minute},
		"after a restore":                    {Poll, &State{restored: noon.Add(-2 * time.Second)}, 2 * time.Second},
		"an event before a failure":          {Event, &State{failures: 1, tried: noon.Add(-time.Second), changed: noon.Add(-5 * time.Second)}, time.Second},
		"an event after a failure":           {Event, &State{failures: 1, tried: noon.Add(-5 * time.Second), changed: noon.Add(-time.Second)}, time.Second},
		"long after an event":                {Poll, &State{changed: noon.Add(-time.Minute)}, 10 * time.Second},
		"before what was out of date is due": {Poll, &State{chase: chase{since: noon, next: noon.Add(time.Second)}}, hour},
		"where the clock was set back":       {Event, &State{changed: noon.Add(time.Second)}, 0},
		"an edit":                            {Spec, &State{}, 0},
	} {
		if got := age(test.state, test.trigger, newPolled("db", time.Hour), noon); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestASuspensionLeavesNothingDue: no poll, no change event, no request after an answer that was out of date.
func TestASuspensionLeavesNothingDue(t *testing.T) {
	state := &State{next: noon, changed: noon, failures: 3, chase: chase{since: noon, next: noon}}
	state.Suspend()
	if next := state.Next(); !next.IsZero() {
		t.Errorf("it is due at %s", next)
	}
	if !state.changed.IsZero() {
		t.Error("a change event is to be followed")
	}
	if state.failures != 0 {
		t.Errorf("%d failures are counted", state.failures)
	}
	if state.chase != (chase{}) {
		t.Errorf("AWS is to be asked again at %s", state.chase.next)
	}
}

// TestWhatWentBackInTimeIsCheckedSoon: not all at one moment, and as a restore, not as a poll.
func TestWhatWentBackInTimeIsCheckedSoon(t *testing.T) {
	soonest, latest, p := time.Hour, time.Duration(0), newPolled("db", time.Hour).inSync()
	for range 200 {
		state := RestoredState(noon)
		wait := state.Next().Sub(noon)
		soonest, latest = min(soonest, wait), max(latest, wait)
		if got := state.Trigger(p.secretSync, false, noon.Add(-1)); got != None {
			t.Fatalf("before it is due the reason is %q", got)
		}
		if got := state.Trigger(p.secretSync, false, state.Next()); got != Restore {
			t.Fatalf("the reason is %q", got)
		}
	}
	if soonest < 0 || latest > 10*time.Second || latest-soonest < 5*time.Second {
		t.Errorf("they are checked in %s to %s", soonest, latest)
	}
}

// TestWhenTheFirstRequestIsPlanned: once in this process, and anything sooner brings it forward.
func TestWhenTheFirstRequestIsPlanned(t *testing.T) {
	state := &State{}
	at := func(after time.Duration) func() time.Time { return func() time.Time { return noon.Add(after) } }
	if state.Start(at(time.Minute)); !state.Next().Equal(noon.Add(time.Minute)) {
		t.Errorf("the first request is planned for %s", state.Next())
	}
	if state.Start(at(time.Second)); !state.Next().Equal(noon.Add(time.Minute)) {
		t.Errorf("a request that is planned is planned again, for %s", state.Next())
	}
	if state.Advance(noon.Add(time.Hour)); !state.Next().Equal(noon.Add(time.Minute)) {
		t.Errorf("it is put off to %s", state.Next())
	}
	if state.Advance(noon.Add(time.Second)); !state.Next().Equal(noon.Add(time.Second)) {
		t.Errorf("it is not brought forward: %s", state.Next())
	}
	if state.Stop(); !state.Next().IsZero() {
		t.Errorf("after the stop it is planned for %s", state.Next())
	}
}

func TestWhetherAnEventCameSince(t *testing.T) {
	state := &State{}
	if state.ChangedAfter(noon.Add(-time.Hour)) {
		t.Error("without an event one came")
	}
	state.Changed(noon)
	if !state.ChangedAfter(noon.Add(-1)) {
		t.Error("an event after the moment did not come")
	}
	if state.ChangedAfter(noon) {
		t.Error("an event of the moment itself came after it")
	}
}
