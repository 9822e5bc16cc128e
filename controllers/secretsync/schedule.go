package secretsync

import (
	"hash/maphash"
	"math"
	"math/rand/v2"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// retryFirst and retryMost bound the wait after trouble that time can heal.
	retryFirst, retryMost = time.Second, 5 * time.Minute
	// recheckFirst and recheckMost bound the wait after a refusal that only an edit can heal: edits
	// in AWS are not seen, so they are looked for, slowly.
	recheckFirst, recheckMost = 10 * time.Second, 10 * time.Minute
	// pollSlot is what the places of secrets within an interval are rounded to: waking up for some polls
	// at once costs less than half of what it costs to wake up for each.
	pollSlot = 500 * time.Millisecond
	// sharedPart is the part of an interval that an answer found for another SecretSync may be old.
	sharedPart = 0.1
	// rotationLag is how soon after a planned rotation is looked for its new version; rotationPoll how
	// often then, until it has come or rotationWindow is over: AWS rotates at some moment within a window.
	rotationLag, rotationPoll, rotationWindow = 5 * time.Second, 30 * time.Second, time.Hour
)

// Priorities in the queue; what concerns a person comes with priority zero. A start brings all
// SecretSyncs at once with handler.LowPriority, -100, so that first syncs stand between the two.
const (
	// priorityEvent is that of what a change event concerns.
	priorityEvent = -50
	// priorityFirst is that of the first syncs that are put off, and of what else somebody waits for.
	priorityFirst = handler.LowPriority
	// priorityReport puts status and events off until the Secrets that wait are written.
	priorityReport = -150
	// priorityPoll lets routine wait for everything else.
	priorityPoll = -200
)

// priority is that of the next try of a pass that was put off.
func (p *pass) priority() int {
	if p.trigger == triggerPoll {
		return priorityPoll
	}
	return priorityFirst
}

// interval is how often a SecretSync asks to be polled; zero is for one that follows change events alone.
func (c *Controller) interval(secretSync *v1alpha1.SecretSync) time.Duration {
	if own := secretSync.Spec.PollInterval; own != nil {
		return own.Duration
	}
	return c.PollInterval
}

// nextPoll is when to poll next, after AWS has answered.
func (c *Controller) nextPoll(p *pass, now time.Time) time.Time {
	next := now.Add(never)
	if c.interval(p.sync) > 0 {
		next = c.nextTick(p, now)
		for _, one := range p.inputs {
			next = aroundRotation(next, now, one.observation.Version.Rotation)
		}
	}
	if !p.until.IsZero() {
		next = earlier(next, p.until)
	}
	if p.trigger == triggerEvent && p.looks() {
		next = earlier(next, now.Add(listLag))
	}
	return next
}

// aroundRotation brings a poll forward to where a rotation is planned, or due.
func aroundRotation(next, now time.Time, rotation *source.Rotation) time.Time {
	if rotation == nil || !rotation.Enabled || rotation.Next.IsZero() {
		return next
	}
	due := rotation.Next.Add(rotationLag)
	if due.After(now) {
		return earlier(next, due)
	}
	if now.Sub(due) < rotationWindow && rotation.LastRotated.Before(rotation.Next) {
		return earlier(next, now.Add(rotationPoll))
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// nextTick is the next moment at which a secret is polled. Each secret has its own place within the
// interval, which is the same for all SecretSyncs that follow it, so that they share one call; those
// that are found by a sweep keep close together, so that they share the sweep. Places differ from
// process to process, or the operators of many clusters would all poll at the same time.
func (c *Controller) nextTick(p *pass, now time.Time) time.Time {
	var place maphash.Hash
	place.SetSeed(c.seed)
	region, secret, swept := p.polled()
	_, _ = place.WriteString(region) // Never fails, nor does the next.
	part := 0.0
	if !swept {
		_, _ = place.WriteString(secret)
		part = float64(place.Sum64()) / math.MaxUint64
	}
	interval := c.polls(p.sync)
	offset := (time.Duration(part*float64(interval)).Truncate(pollSlot) + c.phase) % interval
	// The sum keeps the reading of the monotonic clock, which Truncate takes off.
	tick := now.Add(now.Truncate(interval).Sub(now.Round(0)) + offset)
	if !tick.After(now) {
		tick = tick.Add(interval)
	}
	return tick
}

// polled is what a SecretSync is polled with others for: the first secret it reads, which a sweep of all that
// it reads may answer for, or what it looks for.
func (p *pass) polled() (region, secret string, swept bool) {
	for _, one := range p.inputs {
		swept = one.observation.Listed
		if !swept {
			break
		}
	}
	if one := p.main(); one != nil {
		return one.ref.Region, one.ref.SecretID, swept
	}
	for _, from := range p.sync.Spec.DataFrom {
		if from.Find != nil {
			return from.Find.Region, from.Find.NamePrefix, false
		}
	}
	return "", "", false
}

// somewhereWithin is any moment of an interval.
func somewhereWithin(interval time.Duration) time.Duration {
	return time.Duration(rand.Float64() * float64(interval)) //nolint:gosec // spreading load, not secrets
}

// wait is how long to wait after the given number of failures in a row: doubled each time up to a
// limit, of which the upper half is random.
func wait(first, most time.Duration, failures int) time.Duration {
	full := first << min(failures-1, 20)
	full = min(full, most)
	return full/2 + somewhereWithin(full/2)
}

// afterFailure is how long to wait before the next try.
func afterFailure(f *failure, failures int, interval time.Duration) time.Duration {
	if f.retryAfter > 0 {
		return f.retryAfter + somewhereWithin(f.retryAfter/2)
	}
	if f.heals == byTime {
		return wait(retryFirst, retryMost, failures)
	}
	recheck := wait(recheckFirst, recheckMost, failures)
	if interval == 0 {
		return recheck
	}
	// Whoever asked for a shorter interval has accepted that many calls.
	return min(recheck, interval)
}
