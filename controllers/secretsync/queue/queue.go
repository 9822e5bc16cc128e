package queue

import (
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// fairQueue is the controller's queue: controller-runtime's own, of which it hands an object out only while Shares gives
// its namespace another worker. A worker never waits for a namespace's share: it parks the object and takes the next one.
type fairQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	shares *Shares
	// gone says that an object no longer exists, and forgets what is known of it. It needs no worker then.
	gone func(types.NamespacedName) bool
}

// New gives the function that makes the queue of a controller (controller.Options.NewQueue). Objects for which gone is
// true need no worker.
func New(shares *Shares, gone func(types.NamespacedName) bool, log logr.Logger) func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		return &fairQueue{
			PriorityQueue: priorityqueue.New(name, func(options *priorityqueue.Opts[reconcile.Request]) {
				options.Log, options.RateLimiter = log, limiter
			}),
			shares: shares, gone: gone,
		}
	}
}

// GetWithPriority waits for an object that a worker may work on.
func (q *fairQueue) GetWithPriority() (reconcile.Request, int, bool) {
	for {
		request, priority, shutdown := q.PriorityQueue.GetWithPriority()
		if shutdown {
			return request, priority, true
		}
		enters, back := q.shares.enter(request.NamespacedName, priority)
		q.putBack(back)
		if enters {
			return request, priority, false
		}
		// An object that is deleted later comes once more, by the event of its deletion.
		if q.gone(request.NamespacedName) {
			q.Forget(request)
			q.putBack(q.shares.drop(request.NamespacedName))
		}
		q.PriorityQueue.Done(request)
	}
}

// Get is GetWithPriority without the priority.
func (q *fairQueue) Get() (reconcile.Request, bool) {
	request, _, shutdown := q.GetWithPriority()
	return request, shutdown
}

// Done is called when a reconcile has ended.
func (q *fairQueue) Done(request reconcile.Request) {
	back := q.shares.leave(request.NamespacedName)
	q.PriorityQueue.Done(request)
	q.putBack(back)
}

func (q *fairQueue) putBack(all []unparked) {
	for _, object := range all {
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &object.priority}, reconcile.Request{NamespacedName: object.name})
	}
}
