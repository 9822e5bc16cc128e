package resolve

import (
	"errors"
	"time"

	"k8s.io/utils/clock"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// MaxSharedAge bounds how old an answer may be that is shared after a change event, in addition to being newer than
// the event: older answers are for requests that can wait for longer.
const MaxSharedAge = 10 * time.Second

// ErrTooLarge ends a request whose values have more bytes than Request.MaxBytes, before it reads more.
var ErrTooLarge = errors.New("the values have more bytes than may be held at once")

// Request says for which SecretSync AWS is asked, and how.
type Request struct {
	// SecretSync as it was read. Its status names the versions that are in the Secret.
	SecretSync *v1alpha1.SecretSync
	// Since is when the operator learned of the SecretSync; zero where that was before it started.
	Since time.Time
	// Began is when the reconcile began: answers may be as old as that.
	Began time.Time
	// Freshness bounds how old answers may be that were found for another SecretSync.
	Freshness Freshness
	// Routine says that no person waits for the answer.
	Routine bool
	// MaxBytes bounds the values that are held at once; zero for no bound.
	MaxBytes int64
	// Consistency is what is remembered of earlier requests for the SecretSync.
	Consistency *Consistency
}

// reader is the SecretSync, for AWS's audit trail.
func (r *Request) reader() source.Reader {
	return source.Reader{Namespace: r.SecretSync.Namespace, Name: r.SecretSync.Name, Since: r.Since}
}

// Freshness bounds how old an answer may be.
type Freshness struct {
	// Max is the highest age; zero wants an answer to a question that is asked now.
	Max time.Duration
	// Since is the moment that an answer must be newer than; zero for none.
	Since time.Time
}

// Age is how old an answer may be now.
func (f Freshness) Age(now time.Time) time.Duration {
	return max(min(f.Max, now.Sub(f.Since)), 0) // The zero time is longer ago than any Max.
}

// Resolver asks a source what Secrets are to be made of.
type Resolver struct {
	Source source.Source
	Clock  clock.PassiveClock
}

// query is what to ask about each input.
func (r *Resolver) query(set *Set) source.VersionQuery {
	return source.VersionQuery{Routine: set.request.Routine, MaxAge: set.request.Freshness.Age(r.Clock.Now())}
}
