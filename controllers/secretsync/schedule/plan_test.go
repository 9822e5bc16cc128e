package schedule

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

// ended is how a reconcile ended that AWS has answered, or that failed.
func ended(failed *failure.Failure, now time.Time) Result {
	return Result{Began: now, Answered: failed == nil, Failure: failed, Interval: time.Minute, NextPoll: now.Add(time.Minute)}
}

// TestAnswersThatAreOutOfDateArePursued: until AWS has said how things are. No answer at all says nothing about that.
func TestAnswersThatAreOutOfDateArePursued(t *testing.T) {
	outdated := func(result *Result) { result.Outdated = true }
	unasked := func(result *Result) { result.Answered = false }
	late := func(result *Result) { result.Outdated, result.Answered = true, true }
	for name, test := range map[string]struct {
		failure          *failure.Failure
		change           func(*Result)
		begins, goesOn   bool
		forgetsTheChange bool
	}{
		"an answer":                               {nil, nil, false, false, true},
		"one that is out of date":                 {nil, outdated, true, true, true},
		"a refusal":                               {refusal(), nil, false, false, true},
		"a refusal that is out of date":           {refusal(), outdated, true, true, true},
		"an outage":                               {outage(), nil, false, true, false},
		"an outage after an answer that is late":  {outage(), late, true, true, false},
		"an outage between answers that are late": {outage(), outdated, true, true, false},
		"nothing asked":                           {nil, unasked, false, true, false},
	} {
		result := ended(test.failure, noon)
		if test.change != nil {
			test.change(&result)
		}
		state := &State{}
		state.Plan(result, noon)
		if got := state.chase != (chase{}); got != test.begins {
			t.Errorf("%s: a chase begins: %t", name, got)
		}
		state = &State{changed: noon.Add(-time.Second)}
		state.chase = state.chase.after(true, time.Time{}, noon.Add(-time.Second))
		state.Plan(result, noon)
		if got := state.chase != (chase{}); got != test.goesOn {
			t.Errorf("%s: a chase goes on: %t", name, got)
		}
		if got := state.changed.IsZero(); got != test.forgetsTheChange {
			t.Errorf("%s: the change event is done with: %t", name, got)
		}
	}
}

// TestAPassThatAsksNothingPlansNothing: neither are failures over, nor is a poll due at another time.
func TestAPassThatAsksNothingPlansNothing(t *testing.T) {
	state, result := &State{failures: 3, restored: noon}, ended(nil, noon)
	result.Answered = false
	state.Plan(result, noon)
	if state.failures != 3 {
		t.Errorf("%d failures", state.failures)
	}
	if state.restored.IsZero() {
		t.Error("the restore counts as checked")
	}
	if next := state.Next(); !next.IsZero() {
		t.Errorf("the next poll is at %s", next)
	}
}

// TestEachOutageIsAsOldAsItself: Ready lasts for as long after a second one began as after the first.
func TestEachOutageIsAsOldAsItself(t *testing.T) {
	state := &State{}
	for _, step := range []struct {
		after   time.Duration
		failure *failure.Failure
		since   time.Duration
	}{{0, outage(), 0}, {time.Minute, outage(), 0}, {time.Hour, nil, 0}, {2 * time.Hour, outage(), 2 * time.Hour}, {3 * time.Hour, refusal(), 3 * time.Hour}, {4 * time.Hour, outage(), 4 * time.Hour}} {
		now := noon.Add(step.after)
		state.Plan(ended(step.failure, now), now)
		if _, since := state.Failures(); step.failure != nil && !since.Equal(noon.Add(step.since)) {
			t.Errorf("after %s: failing since %s", step.after, since)
		}
	}
}

// TestAnotherTroubleIsTriedAgainSoon: however often something else has failed before it.
func TestAnotherTroubleIsTriedAgainSoon(t *testing.T) {
	state, now := &State{}, noon
	for range 20 {
		state.Plan(ended(refusal(), now), now)
		now = state.Next()
	}
	state.Plan(ended(outage(), now), now)
	failures, _ := state.Failures()
	if wait := state.Next().Sub(now); failures != 1 || wait > firstRetry {
		t.Errorf("%d failures, the first try after an outage began comes in %s, want %s at most", failures, wait, firstRetry)
	}
}

// TestATryBeforeItsTimeDelaysNothing: what a change event or an edit sets off counts for no failure more, and the try
// that is due stays due, or comes earlier. Where AWS or a truce has named the time, that holds.
func TestATryBeforeItsTimeDelaysNothing(t *testing.T) {
	state, now := &State{}, noon
	for range 12 { // By now the wait is 150 seconds at least.
		state.Plan(ended(outage(), now), now)
		now = state.Next()
	}
	state.Plan(ended(outage(), now), now)
	due := state.Next()
	failures, _ := state.Failures()
	now = due.Add(-time.Second)
	for range 5 {
		state.Plan(ended(outage(), now), now)
		count, _ := state.Failures()
		if got := state.Next(); !got.Equal(due) || count != failures {
			t.Fatalf("the try is put off by %s, %d failures more", got.Sub(due), count-failures)
		}
	}
	asked := outage()
	asked.RetryAfter = time.Hour
	state.Plan(ended(asked, now), now)
	if got := state.Next().Sub(now); got < time.Hour {
		t.Errorf("AWS asked for an hour, and the try comes in %s", got)
	}
	state.failures = 1
	state.Plan(ended(outage(), now), now)
	if got := state.Next().Sub(now); got > firstRetry {
		t.Errorf("without a wait that AWS asks for the try comes in %s", got)
	}
}

// TestWaitsAreSpread, so that those who failed at one moment do not all come back at one.
func TestWaitsAreSpread(t *testing.T) {
	requests := chase{since: noon, next: noon.Add(maxChaseSpread)}
	asked := outage()
	asked.Class, asked.RetryAfter = failure.Terminal, time.Minute
	for name, test := range map[string]struct {
		draw func() time.Duration
		part time.Duration // within which it is drawn
	}{
		"after an outage":         {func() time.Duration { return Backoff(firstRetry, maxRetry, 50) }, maxRetry / 2},
		"as AWS asks for":         {func() time.Duration { return afterFailure(asked, 1, time.Hour) }, time.Minute / 2},
		"before a request":        {func() time.Duration { return requests.at(noon).Sub(requests.next) }, maxChaseSpread / 4},
		"after the first refusal": {func() time.Duration { return afterFailure(refusal(), 1, time.Hour) }, firstRecheck / 2},
	} {
		least, most := time.Duration(1<<62), time.Duration(0)
		for range 200 {
			got := test.draw()
			least, most = min(least, got), max(most, got)
		}
		if spread := most - least; spread > test.part || spread < test.part/2 {
			t.Errorf("%s: between %s and %s", name, least, most)
		}
	}
}

func TestWaitsGrowAndAreBounded(t *testing.T) {
	for failures := 1; failures < 100; failures++ {
		full := min(maxRetry, firstRetry<<min(failures-1, 20))
		if got := Backoff(firstRetry, maxRetry, failures); got < full/2 || got > full {
			t.Errorf("after %d failures it waits %s, want %s to %s", failures, got, full/2, full)
		}
	}
}

func TestAfterFailure(t *testing.T) {
	const transient, terminal = failure.Transient, failure.Terminal
	for name, test := range map[string]struct {
		failure     failure.Failure
		failures    int
		interval    time.Duration
		least, most time.Duration
	}{
		"an outage, first":                    {failure.Failure{Class: transient}, 1, time.Hour, firstRetry / 2, firstRetry},
		"an outage, for long":                 {failure.Failure{Class: transient}, 50, time.Hour, maxRetry / 2, maxRetry},
		"a refusal, for long":                 {failure.Failure{Class: terminal}, 50, time.Hour, maxRecheck / 2, maxRecheck},
		"a refusal, polled often":             {failure.Failure{Class: terminal}, 50, time.Second, time.Second, time.Second},
		"a wait that AWS asks for":            {failure.Failure{Class: transient, RetryAfter: time.Minute}, 1, time.Hour, time.Minute, 90 * time.Second},
		"a wait asked for, of a short poller": {failure.Failure{Class: terminal, RetryAfter: time.Minute}, 9, time.Second, time.Minute, 90 * time.Second},
	} {
		if got := afterFailure(&test.failure, test.failures, test.interval); got < test.least || got > test.most {
			t.Errorf("%s: waits %s, want %s to %s", name, got, test.least, test.most)
		}
	}
}

// TestBusyIsSpreadOverASecondAtLeast: however short the wait that was named.
func TestBusyIsSpreadOverASecondAtLeast(t *testing.T) {
	least, most := time.Hour, time.Duration(0)
	for range 50 {
		wait := PutOff(time.Millisecond)
		least, most = min(least, wait), max(most, wait)
	}
	if least < time.Millisecond || most > time.Second+time.Millisecond {
		t.Errorf("50 of them wait %s to %s", least, most)
	}
	if most-least < 100*time.Millisecond {
		t.Errorf("50 of them are spread over %s", most-least)
	}
}

// TestAfterAnAnswerThePollIsPlanned, or the next request before it, where the answer was outdated.
func TestAfterAnAnswerThePollIsPlanned(t *testing.T) {
	result := ended(nil, noon)
	state := &State{}
	if state.Plan(result, noon); !state.Next().Equal(result.NextPoll) {
		t.Errorf("the next poll is at %s, want %s", state.Next(), result.NextPoll)
	}
	result.Outdated = true
	state.Plan(result, noon)
	if wait := state.Next().Sub(noon); wait < 2*time.Second || wait > 3*time.Second {
		t.Errorf("after an outdated answer AWS is asked in %s", wait)
	}
}

// TestAFailureAtItsTimeWaits: a try that is due does not make the next one due at once.
func TestAFailureAtItsTimeWaits(t *testing.T) {
	state, now := &State{next: noon}, noon
	for n := range 8 {
		state.Plan(ended(outage(), now), now)
		full := min(maxRetry, firstRetry<<n)
		if wait := state.Next().Sub(now); wait < full/2 || wait > full {
			t.Errorf("after failure %d the next try comes in %s, want %s to %s", n+1, wait, full/2, full)
		}
		now = state.Next()
	}
}

// TestAnOutdatedAnswerIsAskedForSoonThoughTheRetryIsFar: the wait of the refusals before does not hold it up.
func TestAnOutdatedAnswerIsAskedForSoonThoughTheRetryIsFar(t *testing.T) {
	state := &State{failures: 9, class: failure.Terminal, failingSince: noon}
	result := ended(refusal(), noon)
	result.Interval, result.Outdated = time.Hour, true
	state.Plan(result, noon)
	if wait := state.Next().Sub(noon); wait > 3*time.Second {
		t.Errorf("AWS is asked in %s", wait)
	}
}

// TestAnEventThatAFailedTryHasSeenWaitsForTheNextTry: it came before that try began.
func TestAnEventThatAFailedTryHasSeenWaitsForTheNextTry(t *testing.T) {
	for came, want := range map[time.Duration]Trigger{-time.Second: None, 0: Event, time.Millisecond: Event} {
		state, p := &State{}, newPolled("db", time.Hour).inSync()
		state.Changed(noon.Add(came))
		result := ended(outage(), noon)
		state.Plan(result, noon)
		if got := state.Trigger(p.secretSync, false, noon.Add(firstRetry/4)); got != want {
			t.Errorf("an event %s after the try began: the reason is %q, want %q", came, got, want)
		}
		if got := state.Trigger(p.secretSync, false, state.Next()); got != Event {
			t.Errorf("an event %s after the try began: when the next try is due, the reason is %q", came, got)
		}
	}
}

// TestHowLongAValueStaysFresh: for a quarter of an hour at least, and for three polls.
func TestHowLongAValueStaysFresh(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		0: 15 * time.Minute, time.Minute: 15 * time.Minute, 5 * time.Minute: 15 * time.Minute, 10 * time.Minute: 30 * time.Minute, time.Hour: 3 * time.Hour,
	} {
		state := &State{failures: 1, failingSince: noon}
		if !state.Fresh(interval, noon.Add(want-1)) {
			t.Errorf("polled every %s, a value is not fresh just before %s", interval, want)
		}
		if state.Fresh(interval, noon.Add(want)) {
			t.Errorf("polled every %s, a value is still fresh after %s", interval, want)
		}
	}
}
