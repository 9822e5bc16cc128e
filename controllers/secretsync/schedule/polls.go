package schedule

import (
	"hash/maphash"
	"math"
	"math/rand/v2"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

const (
	// The places of secrets within an interval are rounded to slots, of which an interval has slotsOfInterval, unless
	// they would be shorter than minSlot or longer than maxSlot: waking up for many polls at once costs a fraction of what
	// it costs to wake up for each.
	slotsOfInterval  = 6
	minSlot, maxSlot = 500 * time.Millisecond, 10 * time.Second
	// sharedPart is the part of an interval that an answer found for another SecretSync may be old.
	sharedPart = 0.1
	// While change events arrive, the interval is multiplied by stretchFactor, up to maxStretched.
	stretchFactor, maxStretched = 4, 30 * time.Minute
	// listLag is how long ListSecrets may lag behind a change (page "ListSecrets").
	listLag = 5 * time.Minute
	// never is when a SecretSync is polled that follows change events alone.
	never = 10 * 365 * 24 * time.Hour
)

// Polls places the polls of all SecretSyncs. It is not changed once it is made, and may be used by many goroutines.
type Polls struct {
	// interval applies to SecretSyncs without one of their own.
	interval time.Duration
	// changesAlive says whether change events are known to arrive; nil where none are configured.
	changesAlive func() bool
	// seed makes the places of secrets within a poll interval, phase is when within a slot this process polls.
	seed  maphash.Seed
	phase time.Duration
}

// NewPolls makes the polls of a process. The interval applies to SecretSyncs without one of their own; changesAlive says
// whether change events are known to arrive, nil that none are configured.
func NewPolls(interval time.Duration, changesAlive func() bool) *Polls {
	return &Polls{interval: interval, changesAlive: changesAlive, seed: maphash.MakeSeed(), phase: Within(maxSlot)}
}

// Interval is how often a SecretSync asks to be polled; zero is for one that follows change events alone.
func (p *Polls) Interval(secretSync *v1alpha1.SecretSync) time.Duration {
	if own := secretSync.Spec.PollInterval; own != nil {
		return own.Duration
	}
	return p.interval
}

// stretched is how often a SecretSync is polled, before jitter: less often than it asks for while change events arrive.
// Zero is for one that is not polled.
func (p *Polls) stretched(secretSync *v1alpha1.SecretSync) time.Duration {
	interval := p.Interval(secretSync)
	if p.changesAlive == nil || !p.changesAlive() {
		return interval
	}
	return max(interval, min(stretchFactor*interval, maxStretched))
}

// First is when to ask AWS first in this process. What was in sync when the operator stopped is polled at its own moment
// of the interval, so that a start is no stampede, or once within the operator's own interval where that would be later
// and events are relied on, as one may have been lost when the former process ended. The rest is asked for at once.
func (p *Polls) First(secretSync *v1alpha1.SecretSync, set *resolve.Set, now time.Time) time.Time {
	if !secretSync.InSync() {
		return now
	}
	first := now.Add(Within(max(p.interval, minSlot)))
	switch interval := p.Interval(secretSync); {
	case interval == 0:
	case p.changesAlive != nil && interval > p.interval:
		first = Earlier(first, p.tick(secretSync, set, now))
	default:
		first = p.tick(secretSync, set, now)
	}
	if until := secretSync.Status.PreviousUntil; until != nil {
		first = Earlier(first, until.Time)
	}
	return first
}

// Next is when to poll next, after AWS has answered.
func (p *Polls) Next(secretSync *v1alpha1.SecretSync, set *resolve.Set, trigger Trigger, now time.Time) time.Time {
	next := now.Add(never)
	if p.Interval(secretSync) > 0 {
		next = p.tick(secretSync, set, now)
		for _, input := range set.Inputs {
			next = aroundRotation(next, now, input.Resolution.Version.Rotation)
		}
	}
	if !set.PreviousUntil.IsZero() {
		next = Earlier(next, set.PreviousUntil)
	}
	if trigger == Event && set.Finds() {
		next = Earlier(next, now.Add(listLag)) // What the event names may not be listed yet.
	}
	return next
}

// tick is the next moment at which a secret is polled. Each secret has its own place within the interval, which is the
// same for all SecretSyncs that follow it, so that they share one call; those that one ListSecrets answers for are polled
// together, so that they share it. Places differ from process to process, or the operators of many clusters would all
// poll at the same time.
func (p *Polls) tick(secretSync *v1alpha1.SecretSync, set *resolve.Set, now time.Time) time.Time {
	var place maphash.Hash
	place.SetSeed(p.seed)
	region, secret, listed := set.Polled()
	_, _ = place.WriteString(region) // Never fails, nor does the next.
	part := 0.0
	if !listed {
		_, _ = place.WriteString(secret)
		part = float64(place.Sum64()) / math.MaxUint64
	}
	interval := p.stretched(secretSync)
	slot := min(max(interval/slotsOfInterval, minSlot), maxSlot)
	offset := (time.Duration(part*float64(interval)).Truncate(slot) + p.phase%slot) % interval
	// The sum keeps the reading of the monotonic clock, which Truncate takes off.
	tick := now.Add(now.Truncate(interval).Sub(now.Round(0)) + offset)
	if !tick.After(now) {
		tick = tick.Add(interval)
	}
	return tick
}

// Within is a random moment of an interval, to spread load.
func Within(interval time.Duration) time.Duration {
	return time.Duration(rand.Float64() * float64(interval)) //nolint:gosec // spreading load, not secrets
}
