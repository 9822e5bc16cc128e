package queue

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// maxAwaited bounds how long a test waits for what has to come.
const maxAwaited = 2 * time.Minute

// newFairQueue is a queue of so many workers, in which no object is gone. It has to be shut down.
func newFairQueue(workers int) *fairQueue {
	newQueue := New(NewShares(workers), func(types.NamespacedName) bool { return false }, logr.Discard())
	return newQueue("test", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()).(*fairQueue)
}

// Many workers take and end reconciles of many namespaces at once; each object that is added is reconciled after that.
func TestTheQueueLosesNothing(t *testing.T) {
	const workers, namespaces, objects, rounds = 6, 5, 20, 20
	queue := newFairQueue(workers)
	var mutex sync.Mutex
	running, added, began := map[string]int{}, map[types.NamespacedName]int{}, map[types.NamespacedName]int{}
	ended := make(chan struct{}, 1)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				request, _, shutdown := queue.GetWithPriority()
				if shutdown {
					return
				}
				mutex.Lock()
				running[request.Namespace]++
				if most := running[request.Namespace]; most > workers/2 {
					t.Errorf("%d reconciles of %s at once", most, request.Namespace)
				}
				began[request.NamespacedName] = added[request.NamespacedName]
				mutex.Unlock()
				mutex.Lock()
				running[request.Namespace]--
				mutex.Unlock()
				queue.Done(request)
				select {
				case ended <- struct{}{}:
				default:
				}
			}
		})
	}
	for range rounds {
		for number := range namespaces * objects {
			name := in(fmt.Sprint(number%namespaces), number)
			mutex.Lock()
			added[name]++
			mutex.Unlock()
			queue.Add(reconcile.Request{NamespacedName: name})
		}
	}
	outstanding := func() (count int) {
		mutex.Lock()
		defer mutex.Unlock()
		for name, times := range added {
			if began[name] < times {
				count++
			}
		}
		return count
	}
	deadline := time.After(maxAwaited)
	for outstanding() > 0 {
		select {
		case <-ended:
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d objects wait for a reconcile, %d are parked, %d ready", outstanding(), queue.shares.Parked(), queue.Len())
		}
	}
	queue.ShutDown()
	all.Wait()
}

// An object that comes back in vain, as another one of its namespace was faster, leaves its place to another namespace: at
// once, and with the priority that the other one had.
func TestThePlaceOfOneThatComesInVainIsGivenOn(t *testing.T) {
	queue := newFairQueue(3)
	defer queue.ShutDown()
	put := func(name types.NamespacedName, priority int) {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: name})
	}
	for _, step := range []struct {
		name     types.NamespacedName
		priority int
		enters   bool
	}{{in("p", 1), 0, true}, {in("p", 2), 0, true}, {in("q", 1), 0, true}, {in("a", 1), 0, false}, {in("c", 1), 5, false}} {
		if enters, back := queue.shares.enter(step.name, step.priority); enters != step.enters || len(back) > 0 {
			t.Fatalf("%s has a worker: %v, and %v come back", step.name, enters, back)
		}
	}
	if back := queue.shares.leave(in("p", 1)); len(back) != 1 || back[0].name != in("a", 1) {
		t.Fatalf("%v come back", back)
	}
	if enters, _ := queue.shares.enter(in("a", 2), 0); !enters {
		t.Fatal("the faster one has no worker")
	}
	if back := queue.shares.leave(in("q", 1)); len(back) > 0 {
		t.Fatalf("the place is given twice: %v come back", back)
	}
	put(in("a", 1), 10)
	put(in("z", 1), 3)
	if request, priority, shutdown := queue.GetWithPriority(); request.NamespacedName != in("c", 1) || priority != 5 || shutdown {
		t.Errorf("%s comes next, with priority %d; the queue is shut down: %t", request, priority, shutdown)
	}
}
