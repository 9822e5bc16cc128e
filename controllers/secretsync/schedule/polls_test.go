package schedule

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

func TestThoseWhoFollowOneSecretPollTogether(t *testing.T) {
	polls := NewPolls(0, nil)
	want := newPolled("db", time.Minute).tick(polls, noon)
	other := newPolled("db", time.Minute)
	other.secretSync.Name = "other"
	if got := other.tick(polls, noon.Add(want.Sub(noon)/2)); !got.Equal(want) {
		t.Errorf("two SecretSyncs of a secret are polled at %s and %s", want, got)
	}
	if next := newPolled("db", time.Minute).tick(polls, want); next.Sub(want) != time.Minute {
		t.Errorf("the poll after that comes %s later", next.Sub(want))
	}
}

func TestPollsAreSpreadOverTheInterval(t *testing.T) {
	polls := NewPolls(0, nil)
	const secrets, parts = 2000, 10
	interval := 5 * time.Minute
	var count [parts]int
	for i := range secrets {
		until := newPolled(fmt.Sprintf("db-%d", i), interval).tick(polls, noon).Sub(noon)
		if until <= 0 || until > interval {
			t.Fatalf("the next poll is in %s", until)
		}
		count[int(until-1)*parts/int(interval)]++
	}
	for part, got := range count {
		if got < secrets/parts*7/10 || got > secrets/parts*13/10 {
			t.Errorf("%d of %d polls are in part %d of %d of the interval", got, secrets, part, parts)
		}
	}
}

func TestPollsThatShareASweepKeepTogether(t *testing.T) {
	polls := NewPolls(0, nil)
	ticks := map[time.Time]bool{}
	for i := range 100 {
		p := newPolled(fmt.Sprintf("db-%d", i), 10*time.Minute)
		p.set.Inputs[0].Resolution.Listed = true
		ticks[p.tick(polls, noon)] = true
	}
	if len(ticks) != 1 {
		t.Errorf("polls that a sweep answers come at %d moments", len(ticks))
	}
}

// TestPollsComeInSlots, which are the same for all secrets of a process, and others in another process. The longer the
// interval, the more secrets share a slot.
func TestPollsComeInSlots(t *testing.T) {
	phases := map[time.Duration]bool{}
	for range 20 {
		phase := NewPolls(0, nil).phase
		if phase < 0 || phase >= maxSlot {
			t.Fatalf("a process polls %s after each slot begins", phase)
		}
		phases[phase] = true
	}
	if len(phases) < 10 {
		t.Errorf("20 processes poll at %d moments of a slot", len(phases))
	}
	polls := NewPolls(0, nil)
	polls.phase = 200 * time.Millisecond
	for interval, slot := range map[time.Duration]time.Duration{
		time.Second: minSlot, 6 * time.Second: time.Second, 30 * time.Second: 5 * time.Second, time.Minute: maxSlot, time.Hour: maxSlot,
	} {
		slots := map[time.Time]bool{}
		for i := range 1000 {
			tick := newPolled(fmt.Sprintf("db-%d", i), interval).tick(polls, noon)
			if within := tick.Sub(noon) % slot; within != polls.phase {
				t.Fatalf("at %s, a poll comes %s after a slot begins", interval, within)
			}
			slots[tick] = true
		}
		if most := min(int(interval/slot), 1000); len(slots) < most/2 || len(slots) > int(interval/slot) {
			t.Errorf("at %s, 1,000 secrets are polled in %d of %d slots", interval, len(slots), interval/slot)
		}
	}
	listed := newPolled("db", time.Minute)
	listed.set.Inputs[0].Resolution.Listed = true
	if tick := listed.tick(polls, noon); tick.Sub(noon) != polls.phase {
		t.Errorf("a secret that ListSecrets answers for is polled after %s", tick.Sub(noon))
	}
}

func TestWithoutAPollIntervalEventsAloneAreFollowed(t *testing.T) {
	polls := NewPolls(5*time.Minute, nil)
	p := newPolled("db", 0)
	if next := p.next(polls, None); next.Sub(noon) != never {
		t.Errorf("the next poll is in %s", next.Sub(noon))
	}
	for failures := 1; failures < 20; failures++ {
		for _, failed := range []*failure.Failure{outage(), refusal()} {
			if got := afterFailure(failed, failures, 0); got < firstRetry/2 || got > maxRecheck {
				t.Errorf("after %d failures the next try is in %s", failures, got)
			}
		}
	}
	if first := p.first(polls); !first.Equal(noon) {
		t.Errorf("before the first sync AWS is asked in %s", first.Sub(noon))
	}
	if first := p.inSync().first(polls).Sub(noon); first < 0 || first > 5*time.Minute {
		t.Errorf("after a start AWS is asked in %s", first)
	}
}

// What the former process had in its queue when it was killed is lost. That change events are relied on counts, and not
// that the first one has arrived already.
func TestAfterAStartThoseWhoRelyOnEventsLookOnce(t *testing.T) {
	const operators = 5 * time.Minute
	within := func(polls *Polls, interval time.Duration) (latest time.Duration) {
		for number := range 200 {
			latest = max(latest, newPolled(fmt.Sprintf("db-%d", number), interval).inSync().first(polls).Sub(noon))
		}
		return latest
	}
	if got := within(NewPolls(operators, nil), 24*time.Hour); got < 12*time.Hour {
		t.Errorf("without events all are polled within %s", got)
	}
	events := NewPolls(operators, func() bool { return false })
	if got := within(events, 24*time.Hour); got > operators {
		t.Errorf("with events the last SecretSync is polled after %s", got)
	}
	if got := within(events, time.Minute); got > time.Minute {
		t.Errorf("those with a short interval are polled after %s", got)
	}
}

func TestPollsStretchWhileEventsCome(t *testing.T) {
	alive := true
	polls := NewPolls(5*time.Minute, func() bool { return alive })
	for interval, want := range map[time.Duration]time.Duration{
		0: 0, time.Second: 4 * time.Second, 5 * time.Minute: 20 * time.Minute, 10 * time.Minute: 30 * time.Minute, time.Hour: time.Hour,
	} {
		p := newPolled("db", interval)
		alive = true
		if got := polls.stretched(p.secretSync); got != want {
			t.Errorf("%s is stretched to %s, want %s", interval, got, want)
		}
		alive = false
		if got := polls.stretched(p.secretSync); got != interval {
			t.Errorf("%s is stretched to %s without events", interval, got)
		}
	}
	p := newPolled("db", 5*time.Minute)
	alive = true
	first := p.tick(polls, noon)
	if next := p.tick(polls, first); next.Sub(first) != 20*time.Minute {
		t.Errorf("polls are %s apart", next.Sub(first))
	}
}

// What keepPrevious keeps is taken out in time, whatever the poll interval is, and also after a restart.
func TestFormerValuesGoWithoutAPoll(t *testing.T) {
	for _, interval := range []time.Duration{0, 24 * time.Hour} {
		polls, p := NewPolls(5*time.Minute, nil), newPolled("db", interval)
		p.set.PreviousUntil = noon.Add(10 * time.Second)
		if next := p.next(polls, None); !next.Equal(p.set.PreviousUntil) {
			t.Errorf("polled every %s, they are taken out in %s", interval, next.Sub(noon))
		}
		p.inSync().secretSync.Status.PreviousUntil = &metav1.Time{Time: noon.Add(-time.Second)}
		if first := p.first(polls); first.After(noon) {
			t.Errorf("polled every %s, they are taken out in %s after a restart", interval, first.Sub(noon))
		}
	}
}

// The event of a new secret comes before ListSecrets lists it.
func TestThoseWhoLookForSecretsLookOnceMore(t *testing.T) {
	polls, p := NewPolls(5*time.Minute, nil), newPolled("db", 0)
	p.secretSync.Spec.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/prod/"}}}
	for trigger, want := range map[Trigger]time.Duration{Event: listLag, Poll: never} {
		if next := p.next(polls, trigger).Sub(noon); next != want {
			t.Errorf("after a reconcile because of %q the next poll is in %s, want %s", trigger, next, want)
		}
	}
	p.secretSync.Spec.DataFrom = nil
	if next := p.next(polls, Event).Sub(noon); next != never {
		t.Errorf("without find the next poll is in %s", next)
	}
}

// After a start those that rely on events are polled within the operator's interval, at moments that are spread over it;
// others, and those whose own interval is not longer, at the place of their secret.
func TestFirstLooksAreSpread(t *testing.T) {
	events := func() bool { return false }
	for name, test := range map[string]struct {
		operators, own time.Duration
		events         func() bool
		within         time.Duration
		spread         bool
	}{
		"no poll of their own":         {5 * time.Minute, 0, nil, 5 * time.Minute, true},
		"no poll at all":               {0, 0, nil, minSlot, true},
		"events, and rare polls":       {5 * time.Minute, never, events, 5 * time.Minute, true},
		"events, and polls as often":   {5 * time.Minute, 5 * time.Minute, events, 5 * time.Minute, false},
		"events, and more often polls": {5 * time.Minute, time.Minute, events, time.Minute, false},
		"rare polls":                   {5 * time.Minute, 24 * time.Hour, nil, 24 * time.Hour, false},
	} {
		polls, p := NewPolls(test.operators, test.events), newPolled("db", test.own).inSync()
		soonest, latest := 365*24*time.Hour, time.Duration(0)
		for range 300 {
			first := p.first(polls).Sub(noon)
			soonest, latest = min(soonest, first), max(latest, first)
		}
		if latest > test.within || soonest < 0 {
			t.Errorf("%s: the first polls are in %s to %s, want within %s", name, soonest, latest, test.within)
		}
		if spread := latest-soonest > test.within/2; spread != test.spread {
			t.Errorf("%s: the first polls are in %s to %s", name, soonest, latest)
		}
	}
	polls := NewPolls(5*time.Minute, events)
	for n := range 100 {
		p := newPolled(fmt.Sprint("db-", n), 6*time.Minute).inSync()
		if first := p.first(polls); first.After(p.tick(polls, noon)) {
			t.Errorf("the first poll is %s after the place of its secret", first.Sub(p.tick(polls, noon)))
		}
		p = newPolled(fmt.Sprint("db-", n), 5*time.Minute).inSync()
		if first := p.first(polls); !first.Equal(p.tick(polls, noon)) {
			t.Errorf("a poll as often as the operator's own is not waited for: the first poll is %s before it", p.tick(polls, noon).Sub(first))
		}
	}
}

// TestTheOperatorsIntervalIsForThoseWithoutOne: an interval of zero is one.
func TestTheOperatorsIntervalIsForThoseWithoutOne(t *testing.T) {
	polls, p := NewPolls(5*time.Minute, nil), newPolled("db", 0)
	if got := polls.Interval(p.secretSync); got != 0 {
		t.Errorf("polled every %s, though the spec says zero", got)
	}
	p.secretSync.Spec.PollInterval = nil
	if got := polls.Interval(p.secretSync); got != 5*time.Minute {
		t.Errorf("without an interval of its own it is polled every %s", got)
	}
}
