package pacing

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// paceShare of what AWS let through is the rate after a refusal: AWS counts others' calls too.
	paceShare = 0.8
	// paceGrowth is the part by which the rate rises in a second without a refusal. It rises faster the
	// longer there has been none, four times as fast after paceSteady: slowly past the rate that was
	// refused, and soon back from an outage that looked like throttling.
	paceGrowth, paceSteady = 0.01, 8660 * time.Millisecond
	// paceLeast keeps a call a second going, whatever happens.
	paceLeast = 1.0
	// paceMost ends pacing: nothing here is called more often.
	paceMost = 10_000.0
	// paceWait is how long a call waits for its turn, a routine call routineWait, so that others always
	// get one soon; longer waits are the queue's, which has no worker stand idle meanwhile.
	paceWait, routineWait = 3 * time.Second, time.Second
)

// Pace holds the calls of one operation below the rate that AWS lets through. There is no bound until
// AWS throttles; what it let through in the second before is then the measure, as quotas differ by
// account and are shared with others (page "AWS Secrets Manager quotas").
type Pace struct {
	now func() time.Time

	mutex sync.Mutex
	// limiter is nil while there is no bound.
	limiter *rate.Limiter
	// refused is when AWS throttled last, lowered and changed when the rate was lowered and changed last.
	refused, lowered, changed time.Time
	// second is the one that is being counted in, passed what was let through in it, before in the one before.
	second         time.Time
	passed, before float64
}

// NewPace has no bound yet. It goes by the clock now.
func NewPace(now func() time.Time) *Pace { return &Pace{now: now} }

// Wait waits for a call's turn, or says that it is too far off.
func (p *Pace) Wait(ctx context.Context, routine bool) error {
	patience := paceWait
	if routine {
		patience = routineWait
	}
	off := p.reserve(patience)
	switch {
	case off > patience:
		return busy(off)
	case off <= 0:
		return nil
	}
	timer := time.NewTimer(off)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Limited says whether AWS has throttled, so that there is a bound.
func (p *Pace) Limited() bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.limiter != nil
}

// reserve gives how far off the next turn is, and takes it if that is not too far.
func (p *Pace) reserve(patience time.Duration) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.limiter == nil {
		return 0
	}
	now := p.now()
	turn := p.limiter.ReserveN(now, 1)
	off := turn.DelayFrom(now)
	if off > patience {
		turn.CancelAt(now) // Under the lock: a turn is only given back in full while no later one is taken.
	}
	return off
}

// Learn takes note of how a call ended.
func (p *Pace) Learn(throttled bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	now := p.now()
	p.count(now, throttled)
	if throttled {
		p.refused = now
		if p.limiter == nil || now.Sub(p.lowered) >= time.Second {
			p.lowered = now
			p.bound(now, max(paceLeast, paceShare*max(p.before, p.passed)))
		}
		return
	}
	switch {
	case p.limiter == nil:
	case p.limiter.Limit() > paceMost:
		p.limiter = nil
	case now.Sub(p.changed) >= time.Second && now.Sub(p.refused) >= time.Second:
		p.bound(now, float64(p.limiter.Limit())*(1+growth(now.Sub(p.refused))))
	}
}

// growth is the part by which the rate rises, that long after the last refusal.
func growth(calm time.Duration) float64 {
	steady := calm.Seconds() / paceSteady.Seconds()
	return paceGrowth * (1 + 3*steady*steady)
}

// count counts what was let through by the second.
func (p *Pace) count(now time.Time, throttled bool) {
	if since := now.Sub(p.second); since >= time.Second {
		p.before = p.passed
		if since >= 2*time.Second {
			p.before = 0
		}
		p.passed, p.second = 0, now
	}
	if !throttled {
		p.passed++
	}
}

func (p *Pace) bound(now time.Time, perSecond float64) {
	p.changed = now
	burst := int(math.Ceil(perSecond / 10))
	if p.limiter == nil {
		p.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return
	}
	p.limiter.SetLimitAt(now, rate.Limit(perSecond))
	p.limiter.SetBurstAt(now, burst)
}
