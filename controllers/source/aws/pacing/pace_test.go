package pacing

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/secretsync/secretsync/controllers/source"
)

// drive sends calls through a pace, wanted a second, to an AWS that lets quota a second through.
func drive(t *testing.T, p *Pace, wanted, quota float64, lasting time.Duration) (through, refused, put int) {
	t.Helper()
	quotas := rate.NewLimiter(rate.Limit(quota), int(quota))
	for range int(wanted * lasting.Seconds()) {
		time.Sleep(time.Duration(float64(time.Second) / wanted))
		if err := p.Wait(t.Context(), true); err != nil {
			if source.KindOf(err) != source.Busy {
				t.Fatal(err)
			}
			put++
			continue
		}
		allowed := quotas.Allow()
		p.Learn(!allowed)
		if allowed {
			through++
		} else {
			refused++
		}
	}
	return through, refused, put
}

func TestThereIsNoPaceUntilAWSThrottles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		through, refused, put := drive(t, NewPace(time.Now), 1000, 10_000, 10*time.Second)
		if through != 10_000 || refused+put != 0 {
			t.Errorf("%d through, %d refused, %d put off", through, refused, put)
		}
	})
}

// crowd has many workers call AWS for a while, each as often as the pace lets it.
func crowd(t *testing.T, p *Pace, workers int, quota float64, lasting time.Duration) (through, refused int) {
	t.Helper()
	quotas, end := rate.NewLimiter(rate.Limit(quota), int(quota)), time.Now().Add(lasting)
	counts := make([][2]int, workers)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for time.Now().Before(end) {
				if p.Wait(t.Context(), true) != nil {
					time.Sleep(200 * time.Millisecond)
					continue
				}
				time.Sleep(5 * time.Millisecond)
				allowed := quotas.Allow()
				p.Learn(!allowed)
				if allowed {
					counts[w][0]++
				} else {
					counts[w][1]++
				}
			}
		})
	}
	group.Wait()
	for _, count := range counts {
		through, refused = through+count[0], refused+count[1]
	}
	return through, refused
}

func TestThePaceAdaptsToWhatAWSLetsThrough(t *testing.T) {
	for _, workers := range []int{1, 32} {
		synctest.Test(t, func(t *testing.T) {
			p := NewPace(time.Now)
			crowd(t, p, workers, 50, 5*time.Second)
			began := time.Now()
			through, refused := crowd(t, p, workers, 50, 5*time.Minute)
			seconds := time.Since(began).Seconds()
			if share := float64(refused) / float64(through+refused); share > 0.03 {
				t.Errorf("%d workers: %.1f %% of calls are refused once adapted", workers, 100*share)
			}
			if perSecond := float64(through) / seconds; perSecond < 0.9*50 {
				t.Errorf("%d workers: %.1f calls a second get through, of 50", workers, perSecond)
			}
		})
	}
}

// A call that is not routine gets a turn, however much routine there is.
func TestRoutineLeavesTurnsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(time.Now)
		crowd(t, p, 32, 5, 30*time.Second)
		var routine sync.WaitGroup
		routine.Go(func() { crowd(t, p, 32, 5, time.Minute) })
		defer routine.Wait()
		for range 20 {
			time.Sleep(2 * time.Second)
			if err := p.Wait(t.Context(), false); err != nil {
				t.Errorf("a call that is not routine got no turn: %v", err)
			}
		}
	})
}

// While AWS refuses everything there is nothing to measure; once it does not, waiting is over soon.
func TestThePaceReturnsFromRefusalsOfEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(time.Now)
		drive(t, p, 100, 10_000, 5*time.Second)
		for range 30 {
			time.Sleep(time.Second)
			if p.Wait(t.Context(), true) == nil {
				p.Learn(true)
			}
		}
		drive(t, p, 100, 10_000, 35*time.Second)
		if through, refused, put := drive(t, p, 100, 10_000, 5*time.Second); through < 400 {
			t.Errorf("35 s after the refusals ended %d calls get through, %d are refused, %d put off", through, refused, put)
		}
	})
}

func TestThePaceRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(time.Now)
		drive(t, p, 500, 50, 5*time.Second)
		drive(t, p, 200, 10_000, 3*time.Minute)
		if through, _, put := drive(t, p, 200, 10_000, 10*time.Second); put != 0 {
			t.Errorf("%d through, %d put off, minutes after AWS stopped throttling", through, put)
		}
		if p.limiter != nil {
			t.Error("a pace is kept for ever")
		}
	})
}

func TestATurnFarOffIsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPace(time.Now)
		p.Learn(true)
		for range 2 {
			if err := p.Wait(t.Context(), true); err != nil {
				t.Fatal(err)
			}
		}
		var off time.Duration
		for range 3 {
			go func() { _ = p.Wait(t.Context(), true) }()
			synctest.Wait()
		}
		began := time.Now()
		err := p.Wait(t.Context(), true)
		off = time.Since(began)
		if source.KindOf(err) != source.Busy || off != 0 {
			t.Errorf("waited %s, then %v", off, err)
		}
	})
}

// paced is a pace with a clock.
type paced struct {
	*Pace
	now time.Time
}

func newPaced() *paced {
	p := &paced{now: time.Now()}
	p.Pace = NewPace(func() time.Time { return p.now })
	return p
}

// passes lets calls through, and refuses some after that.
func (p *paced) passes(through, refused int) {
	for range through {
		p.Learn(false)
	}
	for range refused {
		p.Learn(true)
	}
}

// Each line is how long after a second of a hundred calls thirty more are let through and one is refused, and the rate then.
func TestThePaceIsWhatWasLetThroughInASecond(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		want  float64
	}{
		"in that second":        {time.Second - 1, 130 * paceShare},
		"in the next one":       {time.Second, 100 * paceShare},
		"late in the next one":  {2*time.Second - 1, 100 * paceShare},
		"when that is long ago": {2 * time.Second, 30 * paceShare},
	} {
		p := newPaced()
		p.passes(100, 0)
		p.now = p.now.Add(test.after)
		p.passes(30, 1)
		if got := float64(p.limiter.Limit()); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: %v a second, want %v", name, got, test.want)
		}
	}
	p := newPaced()
	if p.passes(0, 3); float64(p.limiter.Limit()) != paceLeast {
		t.Errorf("%v a second where nothing gets through", p.limiter.Limit())
	}
}

// The rate is lowered once in a second, and raised once in a second that has no refusal.
func TestThePaceChangesOnceASecond(t *testing.T) {
	p := newPaced()
	p.passes(100, 1)
	for n, step := range []struct {
		after            time.Duration
		through, refused int
		change           int
	}{
		{time.Second - 1, 50, 1, 0},         // Another refusal of that second.
		{1, 1, 0, 0},                        // A second after the rate was lowered, and not after the refusal.
		{time.Second - 2, 1, 0, 0},          // Just before that.
		{1, 1, 0, 1},                        // A second after it.
		{time.Second - 1, 1, 0, 0},          // In the second of that rise.
		{1, 3, 0, 1},                        // In the next one.
		{500 * time.Millisecond, 0, 1, -1},  // A refusal.
		{time.Second, 100, 1, -1},           // A second later, another one.
		{1500 * time.Millisecond, 1, 0, 1},  // Calm.
		{500 * time.Millisecond, 200, 0, 0}, // In the second of that rise.
	} {
		before := p.limiter.Limit()
		p.now = p.now.Add(step.after)
		p.passes(step.through, step.refused)
		got := p.limiter.Limit()
		if changed := got != before; changed != (step.change != 0) || step.change > 0 && got < before {
			t.Errorf("step %d: from %v to %v", n, before, got)
		}
	}
}

// A refusal a second after the rate was lowered lowers it again, to what was let through meanwhile.
func TestThePaceFollowsWhatIsLetThroughSecondBySecond(t *testing.T) {
	for after, want := range map[time.Duration]float64{time.Second - 1: 100 * paceShare, time.Second: 150 * paceShare} {
		p := newPaced()
		p.passes(100, 1)
		p.passes(50, 0)
		p.now = p.now.Add(after)
		if p.passes(0, 1); math.Abs(float64(p.limiter.Limit())-want) > 1e-9 {
			t.Errorf("%s later it is %v a second, want %v", after, p.limiter.Limit(), want)
		}
	}
}

func TestThePaceRisesFasterTheLongerItIsCalm(t *testing.T) {
	for calm, want := range map[time.Duration]float64{0: 1, paceSteady: 4, 2 * paceSteady: 13} {
		if got := growth(calm) / paceGrowth; math.Abs(got-want) > 1e-9 {
			t.Errorf("after %s it rises %v times as fast as at first, want %v", calm, got, want)
		}
	}
}

// A pace that nothing here reaches is none, and a tenth of a second's calls may come at once.
func TestThePaceEndsAboveAnythingThatIsCalled(t *testing.T) {
	p := newPaced()
	p.bound(p.now, paceMost)
	if p.Learn(false); p.limiter == nil || p.limiter.Burst() != paceMost/10 {
		t.Error("there is no pace, or another burst")
	}
	p.bound(p.now, 45)
	if got := p.limiter.Burst(); got != 5 {
		t.Errorf("%d calls come at once", got)
	}
	p.bound(p.now, paceMost+1)
	if p.Learn(false); p.limiter != nil {
		t.Errorf("there is a pace of %v", p.limiter.Limit())
	}
}

func TestWhoGivesUpBeforeTheirTurnMakesNoCall(t *testing.T) {
	p := newPaced()
	p.Learn(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Wait(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Routine waits a second for its turn at most, others three; a turn that has come is taken by any caller.
func TestATurnIsWaitedForSoLongAtMost(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for routine, want := range map[bool]int{true: 2, false: 4} {
		p := newPaced() // Its clock stands still: each turn is a second later than the one before.
		for range 20 {
			if err := p.Wait(ended, routine); err != nil {
				t.Errorf("without a bound: %v", err)
			}
		}
		if p.Limited() {
			t.Error("there is a bound")
		}
		p.Learn(true)
		if !p.Limited() {
			t.Error("there is no bound")
		}
		taken := 0
		for ; taken < 20; taken++ {
			if source.KindOf(p.Wait(ended, routine)) == source.Busy {
				break
			}
		}
		if taken != want {
			t.Errorf("%d turns are taken, want %d; routine: %v", taken, want, routine)
		}
	}
}
