package secretsync

import (
	"errors"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

const (
	// maxHeld is how many bytes of values a reconcile may hold that runs beside others of its namespace. Of the 256 secrets
	// that a SecretSync may read, with 64 KiB each, it holds 16 MiB.
	maxHeld = 1 << 20
	// lightBytes and lightKeys are what it may write to a Secret: with more, one write takes the API server tens of
	// milliseconds of processor time, most of it for the owners of the keys.
	lightBytes, lightKeys = 256 << 10, 512
)

// errLarge ends a reconcile that finds out that its SecretSync is large, before it does what takes much memory or keeps
// the API server busy. The next reconcile comes at once, and in its turn among the large ones.
var errLarge = errors.New("the SecretSync is large: its reconcile comes in its turn")

// inTurn gives up a reconcile that has found out that its SecretSync is large, for one that has its turn.
func (c *Controller) inTurn(a *attempt, err error) error {
	if !errors.Is(err, resolve.ErrTooLarge) {
		return err
	}
	c.shares.Mark(client.ObjectKeyFromObject(a.secretSync), true)
	return errLarge
}

// maxBytes bounds the values that a reconcile may hold; zero for one that has its turn.
func (a *attempt) maxBytes() int64 {
	if a.inTurn {
		return 0
	}
	return maxHeld
}

// heavyToWrite says whether keys are many, or have many bytes together.
func heavyToWrite(data map[string][]byte) bool {
	bytes := 0
	for key, value := range data {
		bytes += len(key) + len(value)
	}
	return bytes > lightBytes || len(data) > lightKeys
}

// unmark has the next reconcile of a SecretSync that is no longer large run beside others of its namespace.
func (c *Controller) unmark(a *attempt, set *resolve.Set, data map[string][]byte) {
	if a.inTurn && !a.abridged && set.Size() <= maxHeld && !heavyToWrite(data) {
		c.shares.Mark(client.ObjectKeyFromObject(a.secretSync), false)
	}
}

// unfinished is a reconcile that gave up, as its SecretSync is large. The next one goes on where it was: AWS's answers
// since then serve it, unless there is a change to ask about. The goroutine that reconciles the SecretSync uses it; the
// zero value is none.
type unfinished struct {
	mutex      sync.Mutex
	began      time.Time
	generation int64
	refresh    string
}

// gaveUp notes a reconcile that gave up.
func (u *unfinished) gaveUp(a *attempt) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.began, u.generation, u.refresh = a.began, a.secretSync.Generation, a.secretSync.RefreshToken()
}

// resume is when a reconcile began: with the unfinished one, which is taken up once, or by itself.
func (u *unfinished) resume(a *attempt) time.Time {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	began := u.began
	u.began = time.Time{}
	if began.IsZero() || u.generation != a.secretSync.Generation || u.refresh != a.secretSync.RefreshToken() || a.state.schedule.ChangedAfter(began) {
		return a.began
	}
	return began
}
