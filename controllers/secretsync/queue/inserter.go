package queue

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Inserter puts objects into the queue of a controller, which controller-runtime makes. It is a source of the controller
// that adds nothing by itself. Any goroutine may call its methods.
type Inserter struct {
	// started is closed once there is a queue.
	started chan struct{}
	queue   workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// NewInserter makes an Inserter, which is to be started by the controller.
func NewInserter() *Inserter { return &Inserter{started: make(chan struct{})} }

// Start takes the queue.
func (i *Inserter) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	i.queue = queue
	close(i.started)
	return nil
}

// Wait waits for the queue.
func (i *Inserter) Wait(ctx context.Context) error {
	select {
	case <-i.started:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Add puts objects into the queue, once there is one.
func (i *Inserter) Add(requests []reconcile.Request) {
	select {
	case <-i.started:
	default:
		return
	}
	for _, request := range requests {
		i.queue.Add(request)
	}
}

// AddWithPriority puts objects into the queue, which must be there. It is false where the queue is shutting down.
func (i *Inserter) AddWithPriority(priority int, requests []reconcile.Request) bool {
	if prioritized, ok := i.queue.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
		prioritized.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, requests...)
	} else {
		for _, request := range requests {
			i.queue.Add(request)
		}
	}
	return !i.queue.ShuttingDown()
}
