package notify

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
)

// maxClockSkew is how far in the future the time of an event may be, because clocks differ. A later time is ignored.
const maxClockSkew = 5 * time.Minute

// Feed queues the SecretSyncs that events concern. All fields but Now are required. Safe for concurrent use.
type Feed struct {
	// Matcher finds the SecretSyncs that a change concerns.
	Matcher *Matcher
	// Notify puts SecretSyncs into the reconciler's queue. Once it has returned nil, the event needs no other
	// delivery.
	Notify func(ctx context.Context, names []types.NamespacedName, change Change) error
	// Metrics counts events.
	Metrics *Metrics
	// Now returns the current time. Default: time.Now.
	Now func() time.Time
}

func (f *Feed) now() time.Time {
	if f.Now != nil {
		return f.Now()
	}
	return time.Now()
}

// taken is the result of one event.
type taken struct {
	outcome string
	// age of the event; negative if the event is no change, or has no time.
	age time.Duration
	// err is why the event must be delivered again; nil if it needs no other delivery.
	err error
}

// take parses one event, and queues the SecretSyncs that it concerns.
func (f *Feed) take(ctx context.Context, body []byte) taken {
	change, err := Parse(body)
	if change.Time.Sub(f.now()) > maxClockSkew {
		change.Time = time.Time{} // It would count as later than every change until then.
	}
	result := taken{age: -1}
	if err == nil && !change.Time.IsZero() {
		result.age = max(0, f.now().Sub(change.Time))
		f.Metrics.age.Observe(result.age.Seconds())
	}
	switch {
	case errors.Is(err, errNoChange):
		result.outcome = outcomeIgnored
	case err != nil:
		result.outcome, result.err = outcomeMalformed, err
	default:
		result.outcome, result.err = f.queue(ctx, change)
	}
	f.Metrics.events.WithLabelValues(result.outcome).Inc()
	return result
}

// queue queues the SecretSyncs that a change concerns.
func (f *Feed) queue(ctx context.Context, change Change) (outcome string, err error) {
	names, err := f.Matcher.Match(ctx, change)
	if err != nil {
		return outcomeFailed, err
	}
	if len(names) == 0 {
		return outcomeUnmatched, nil
	}
	if err := f.Notify(ctx, names, change); err != nil {
		return outcomeFailed, err
	}
	ctrl.LoggerFrom(ctx).V(1).Info("queued the SecretSyncs that a change event concerns", "event", change.Event, "secretSyncs", len(names))
	return outcomeNotified, nil
}
