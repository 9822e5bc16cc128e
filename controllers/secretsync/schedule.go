package secretsync

import (
	"math/rand/v2"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const (
	// retryFirst and retryMost bound the wait after trouble that time can heal.
	retryFirst, retryMost = time.Second, 5 * time.Minute
	// recheckFirst and recheckMost bound the wait after a refusal that only an edit can heal: edits
	// in AWS are not seen, so they are looked for, slowly.
	recheckFirst, recheckMost = 10 * time.Second, 10 * time.Minute
	// jitterPart is the part of an interval by which polls are brought forward at most.
	jitterPart = 0.1
	// sharedPart is the part of an interval that an answer found for another SecretSync may be old.
	sharedPart = 0.1
)

// interval is how often a SecretSync is polled, before jitter.
func (c *Controller) interval(sync *v1alpha1.SecretSync) time.Duration {
	if own := sync.Spec.PollInterval; own != nil {
		return own.Duration
	}
	return c.PollInterval
}

// jittered brings an interval forward by up to jitterPart, so that objects made together drift apart.
func jittered(interval time.Duration) time.Duration {
	return interval - time.Duration(rand.Float64()*jitterPart*float64(interval)) //nolint:gosec // spreading load, not secrets
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
		return f.retryAfter
	}
	if f.heals == byTime {
		return wait(retryFirst, retryMost, failures)
	}
	// Whoever asked for a shorter interval has accepted that many calls.
	return min(wait(recheckFirst, recheckMost, failures), jittered(interval))
}
