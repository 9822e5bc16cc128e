package secretsync

import (
	"context"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// fairQueue is the controller's queue: controller-runtime's own, of which it hands an object out only while shares gives
// its namespace another worker. A worker never waits for a namespace's share: it parks the object and takes the next one.
type fairQueue struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	shares *shares
	// gone says that an object no longer exists, and forgets what is known of it. It needs no worker then.
	gone func(types.NamespacedName) bool
}

// newQueue makes the queue of the controller.
func (c *Controller) newQueue(log logr.Logger) func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		return &fairQueue{
			PriorityQueue: priorityqueue.New(name, func(options *priorityqueue.Opts[reconcile.Request]) {
				options.Log, options.RateLimiter = log, limiter
			}),
			shares: c.shares, gone: c.gone,
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

// Done is called when a pass has ended.
func (q *fairQueue) Done(request reconcile.Request) {
	back := q.shares.leave(request.NamespacedName)
	q.PriorityQueue.Done(request)
	q.putBack(back)
}

func (q *fairQueue) putBack(all []unparked) {
	for _, one := range all {
		q.AddWithOpts(priorityqueue.AddOpts{Priority: &one.priority}, reconcile.Request{NamespacedName: one.name})
	}
}

// gone says whether a SecretSync no longer exists, and forgets what is remembered of it then.
func (c *Controller) gone(name types.NamespacedName) bool {
	err := c.Client.Get(context.Background(), name, &v1alpha1.SecretSync{}, client.UnsafeDisableDeepCopy)
	if !apierrors.IsNotFound(err) {
		return false
	}
	c.forget(name)
	return true
}

// forget forgets what is remembered of a SecretSync.
func (c *Controller) forget(name types.NamespacedName) {
	c.memories.forget(name)
	c.awaits.end(name)
	c.shares.mark(name, false)
	if c.Rollouts != nil {
		c.Rollouts.Forget(name.Namespace, name.Name)
	}
}
