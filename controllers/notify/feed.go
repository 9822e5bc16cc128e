package notify

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
)

// aheadMost is how far in the future an event may be, as clocks differ. The time of one that is further is not believed.
const aheadMost = 5 * time.Minute

// Feed turns events into turns of SecretSyncs. All its parts are required but for Now.
type Feed struct {
	// Matcher knows whom a change concerns.
	Matcher *Matcher
	// Notify puts SecretSyncs into the reconciler's queue. Once it has returned nil, the event is done with.
	Notify func(ctx context.Context, names []types.NamespacedName, change Change) error
	// Metrics counts events.
	Metrics *Metrics
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

func (f *Feed) now() time.Time {
	if f.Now != nil {
		return f.Now()
	}
	return time.Now()
}

// taken is what became of one event.
type taken struct {
	outcome string
	// age of the event; negative where it tells of no change, or not of its time.
	age time.Duration
	// err is why it is not done with, and has to come again.
	err error
}

// take handles one event.
func (f *Feed) take(ctx context.Context, body []byte) taken {
	change, err := Parse(body)
	if change.Time.Sub(f.now()) > aheadMost {
		change.Time = time.Time{} // It would count as later than all that happens until then.
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
		result.outcome, result.err = f.hand(ctx, change)
	}
	f.Metrics.events.WithLabelValues(result.outcome).Inc()
	return result
}

// hand hands a change on to those whom it concerns.
func (f *Feed) hand(ctx context.Context, change Change) (outcome string, err error) {
	names, err := f.Matcher.Match(ctx, change)
	if err != nil {
		return outcomeFailed, err
	}
	if len(names) == 0 {
		return outcomeStranger, nil
	}
	if err := f.Notify(ctx, names, change); err != nil {
		return outcomeFailed, err
	}
	ctrl.LoggerFrom(ctx).V(1).Info("change event", "event", change.Event, "secretSyncs", len(names))
	return outcomeNotified, nil
}
