package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// lightSteps are what a reconcile does beside all others: some 10 ms of processor time. What takes more is heavy work,
	// as is what takes more than a megabyte of memory.
	lightSteps = 1_000_000
	// heavyAtOnce bounds the heavy work of all SecretSyncs together, and with it the memory: one reconcile may take some 70
	// MB. heavyWaiting is how many reconciles of a namespace wait for it; each takes a worker meanwhile.
	heavyAtOnce, heavyWaiting = 2, 2
	// heavyAgain is when a reconcile is tried again that may not even wait.
	heavyAgain = 5 * time.Second
)

// Heavy shares heavy work between namespaces: one reconcile of a namespace does it at a time, and those that wait have their
// turns namespace by namespace. Its methods may be called by any goroutine.
type Heavy struct {
	mu sync.Mutex
	// running are the namespaces of which a reconcile does heavy work.
	running map[string]bool
	// waiting are the reconciles that wait, by their namespaces, and order is whose turn is next.
	waiting map[string][]chan struct{}
	order   []string
}

// NewHeavy makes a Heavy without work.
func NewHeavy() *Heavy {
	return &Heavy{running: map[string]bool{}, waiting: map[string][]chan struct{}{}}
}

// Limit has a budget wait for a turn of the namespace when its work becomes heavy, and gives the function that ends what
// of it is heavy.
func (h *Heavy) Limit(budget *pattern.Budget, namespace string) (leave func()) {
	entered := false
	budget.WhenHeavy(lightSteps, func(ctx context.Context) error {
		err := h.enter(ctx, namespace)
		entered = err == nil
		return err
	})
	return func() {
		if entered {
			h.leave(namespace)
		}
	}
}

// enter waits until a namespace may do heavy work. It puts the reconcile off where too many of the namespace wait.
func (h *Heavy) enter(ctx context.Context, namespace string) error {
	turn, err := h.queue(namespace)
	if err != nil || turn == nil {
		return err
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		h.giveUp(namespace, turn)
		return ctx.Err()
	}
}

// queue gives the turn to wait for; nil where it has come.
func (h *Heavy) queue(namespace string) (chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running[namespace] && len(h.running) < heavyAtOnce {
		h.running[namespace] = true
		return nil, nil
	}
	if len(h.waiting[namespace]) >= heavyWaiting {
		return nil, &source.Error{Kind: source.Busy, RetryAfter: heavyAgain, Explanation: "other SecretSyncs of the namespace work on large values or costly patterns: trying again"}
	}
	if len(h.waiting[namespace]) == 0 {
		h.order = append(h.order, namespace)
	}
	turn := make(chan struct{})
	h.waiting[namespace] = append(h.waiting[namespace], turn)
	return turn, nil
}

// giveUp takes a turn back, whether it has come meanwhile or not.
func (h *Heavy) giveUp(namespace string, turn chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.Index(h.waiting[namespace], turn)
	if at < 0 {
		h.end(namespace)
		return
	}
	h.waiting[namespace] = slices.Delete(h.waiting[namespace], at, at+1)
	if len(h.waiting[namespace]) == 0 {
		delete(h.waiting, namespace)
		h.order = slices.DeleteFunc(h.order, func(name string) bool { return name == namespace })
	}
}

// leave ends heavy work.
func (h *Heavy) leave(namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end(namespace)
}

// end gives the turn to the next namespace, which then stands last if more of its reconciles wait.
func (h *Heavy) end(namespace string) {
	delete(h.running, namespace)
	for at := 0; at < len(h.order) && len(h.running) < heavyAtOnce; {
		next := h.order[at]
		if h.running[next] {
			at++
			continue
		}
		h.running[next] = true
		close(h.waiting[next][0])
		h.order = slices.Delete(h.order, at, at+1)
		if h.waiting[next] = h.waiting[next][1:]; len(h.waiting[next]) > 0 {
			h.order = append(h.order, next)
		} else {
			delete(h.waiting, next)
		}
	}
}
