package identity

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// refusalLasts is how long it is kept that there are no credentials for an identity. Those who want an answer that is not as old
// have STS asked.
const refusalLasts = 30 * time.Second

// keptRefusal is why an identity got no credentials.
type keptRefusal struct {
	err error
	at  time.Time
}

// refusals keeps the latest refusal of credentials of an identity, so that many who have the same identity do not ask STS
// for what it has just refused. Another ServiceAccount, role or external id is another identity.
type refusals struct {
	now    func() time.Time
	latest atomic.Pointer[keptRefusal]
}

// recall is the refusal of a moment ago; nil where there is none.
func (r *refusals) recall() error {
	if known := r.latest.Load(); known != nil && r.now().Sub(known.at) < refusalLasts {
		return known.err
	}
	return nil
}

// learn notes how it ended that credentials were asked for, at a moment.
func (r *refusals) learn(at time.Time, err error) {
	switch {
	case err == nil:
		if r.latest.Load() != nil {
			r.latest.Store(nil)
		}
	case lasting(err):
		r.latest.Store(&keptRefusal{err, at})
	}
}

// Outdate forgets a refusal that is older than the caller wants an answer to be.
func (r *refusals) outdate(maxAge time.Duration) {
	if known := r.latest.Load(); known != nil && (maxAge <= 0 || r.now().Sub(known.at) > maxAge) {
		r.latest.CompareAndSwap(known, nil)
	}
}

// lasting says whether an error is one of credentials, and not of the one who asked, of a pace, or of a single connection.
func lasting(err error) bool {
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, net.ErrClosed) &&
		source.KindOf(err) != source.Busy
}
