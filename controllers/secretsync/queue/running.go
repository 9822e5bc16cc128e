package queue

import (
	"context"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Running are the reconciles that are running, by their objects. The zero value has none; any goroutine may call its
// methods.
type Running struct {
	mutex sync.Mutex
	began map[types.NamespacedName]time.Time
	// ended is closed when the last one has ended after the stop; nil until then.
	ended chan struct{}
}

// Begin notes that a reconcile begins; none does after the stop.
func (r *Running) Begin(name types.NamespacedName, now time.Time) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.ended != nil {
		return false
	}
	if r.began == nil {
		r.began = map[types.NamespacedName]time.Time{}
	}
	r.began[name] = now
	return true
}

// End notes that it has ended.
func (r *Running) End(name types.NamespacedName) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.began, name)
	if r.ended != nil && len(r.began) == 0 {
		close(r.ended)
	}
}

// Stop has no more reconciles begin, and waits until those that are running have ended, or ctx has. It says which have not.
func (r *Running) Stop(ctx context.Context) (left map[types.NamespacedName]time.Time) {
	select {
	case <-r.stopped():
	case <-ctx.Done():
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return maps.Clone(r.began)
}

func (r *Running) stopped() chan struct{} {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.ended == nil {
		r.ended = make(chan struct{})
		if len(r.began) == 0 {
			close(r.ended)
		}
	}
	return r.ended
}

// Longest is the reconcile that has been running for longest, and for how long; zero where there is none.
func (r *Running) Longest(now time.Time) (name types.NamespacedName, most time.Duration) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for other, began := range r.began {
		if since := now.Sub(began); since > most {
			name, most = other, since
		}
	}
	return name, most
}
