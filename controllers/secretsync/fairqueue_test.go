package secretsync

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// awaitMost bounds how long a test waits for what has to come.
const awaitMost = 2 * time.Minute

// hanging is a source that answers questions about the secret "slow" only once it is let go.
type hanging struct {
	source.Source
	mutex sync.Mutex
	// waiting is how many questions wait at present, most how many did at once, asked all of them.
	waiting, most, asked int
	changed              chan struct{}
	letGo                chan struct{}
}

func newHanging(next source.Source) *hanging {
	return &hanging{Source: next, changed: make(chan struct{}, 1), letGo: make(chan struct{})}
}

func (h *hanging) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	if query.SecretID != "slow" {
		return source.Resolution{Version: source.Version{ARN: "arn", ID: "version-1"}}, nil
	}
	h.count(1)
	defer h.count(-1)
	select {
	case <-h.letGo:
		return source.Resolution{}, &source.Error{Kind: source.SecretNotFound, Explanation: "there is none"}
	case <-ctx.Done():
		return source.Resolution{}, ctx.Err()
	}
}

func (h *hanging) Fetch(context.Context, source.Ref, source.Version) (source.Fetched, error) {
	return source.Fetched{Version: source.Version{ARN: "arn", ID: "version-1", Created: noon}, Value: source.TextValue("v")}, nil
}

func (h *hanging) count(change int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting += change
	h.most = max(h.most, h.waiting)
	h.asked += max(0, change)
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// crowd is a controller that runs, with one hostile namespace of many objects, all of which hang.
type crowd struct {
	*world
	source *hanging
	queue  workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func newCrowd(t *testing.T, workers, objects int) *crowd {
	t.Helper()
	w := newWorld(t, fresh())
	w.events.Events = nil // They are not looked at.
	options := w.Options
	slow := newHanging(w.aws)
	options.Workers, options.Source, options.Client = workers, slow, w.server
	w.Controller = New(options)
	c := &crowd{world: w, source: slow}
	for number := range objects {
		secretSync := fresh()
		secretSync.Namespace, secretSync.Name, secretSync.UID = "mallory", fmt.Sprint("m-", number), types.UID(fmt.Sprint("uid-", number))
		secretSync.Spec.Source.SecretID = "slow"
		if err := w.server.Create(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
	}
	as := w.options(logr.Discard())
	as.Reconciler, as.SkipNameValidation, as.Logger = w.Controller, new(true), logr.Discard()
	running, err := controller.NewUnmanaged("crowd", as)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Watch(w.turns); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := running.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); ended.Wait() })
	<-w.turns.runs
	c.queue = w.turns.queue
	return c
}

// attack puts all objects of the hostile namespace into the queue.
func (c *crowd) attack(objects int) {
	for number := range objects {
		c.queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "mallory", Name: fmt.Sprint("m-", number)}})
	}
}

// await waits until something holds, which changes with what the source is asked, or with what a short look finds.
func (c *crowd) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(awaitMost)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-c.source.changed:
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s: %d objects are parked", what, c.shares.parked())
		}
	}
}

func (c *crowd) hang(count int) func() bool {
	return func() bool {
		c.source.mutex.Lock()
		defer c.source.mutex.Unlock()
		return c.source.waiting == count
	}
}

// Two hundred objects of one namespace hang, and a victim's pass begins at once: none of them has to end before it.
func TestPassesThatHangHoldUpTheirNamespaceAlone(t *testing.T) {
	const workers, objects = 8, 200
	c := newCrowd(t, workers, objects)
	c.attack(objects)
	c.await(t, "the rest is parked", func() bool { return c.shares.parked() == objects-workers/2 })
	c.await(t, "its share of the passes hangs", c.hang(workers/2))
	c.queue.Add(reconcile.Request{NamespacedName: here})
	c.await(t, "the victim has its Secret", func() bool { return c.secret(t, "db") != nil })
	if !c.hang(workers/2)() || c.source.asked != workers/2 {
		t.Errorf("the victim's pass came after %d of the others", c.source.asked-workers/2)
	}

	// A deleted object is not kept, though none of its namespace's passes ends.
	before := c.shares.parked()
	last := &v1alpha1.SecretSync{}
	last.Namespace, last.Name = "mallory", fmt.Sprint("m-", objects-1)
	if err := c.server.Delete(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	c.queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: last.Namespace, Name: last.Name}})
	c.await(t, "the deleted object is forgotten", func() bool { return c.shares.parked() == before-1 })

	// What hangs ends, and each of the others gets its pass.
	close(c.source.letGo)
	c.await(t, "all have had their pass", func() bool {
		c.source.mutex.Lock()
		defer c.source.mutex.Unlock()
		return c.source.asked >= objects-1 && c.source.waiting == 0
	})
	c.await(t, "nothing is parked", func() bool { return c.shares.parked() == 0 })
	if c.source.most > workers/2 {
		t.Errorf("%d passes of one namespace hung at once", c.source.most)
	}
}

// Many workers take and end passes of many namespaces at once; each object that is added has a pass after that.
func TestTheQueueLosesNothing(t *testing.T) {
	const workers, namespaces, objects, rounds = 6, 5, 20, 20
	c := New(Options{Workers: workers})
	queue := c.newQueue(logr.Discard())("test", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()).(*fairQueue)
	queue.gone = func(types.NamespacedName) bool { return false }
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
					t.Errorf("%d passes of %s at once", most, request.Namespace)
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
	deadline := time.After(awaitMost)
	for outstanding() > 0 {
		select {
		case <-ended:
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d objects wait for a pass, %d are parked, %d ready", outstanding(), queue.shares.parked(), queue.Len())
		}
	}
	queue.ShutDown()
	all.Wait()
}

// queued is the queue of a controller, with a limiter whose failures a test may count. It has to be shut down.
func queued(t *testing.T, workers int) (*Controller, *fairQueue, workqueue.TypedRateLimiter[reconcile.Request]) {
	t.Helper()
	c := newWorld(t, fresh()).Controller
	c.shares = newShares(workers)
	limiter := workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()
	queue := c.newQueue(logr.Discard())("test", limiter).(*fairQueue)
	return c, queue, limiter
}

func (q *fairQueue) put(name types.NamespacedName, priority int) {
	q.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: name})
}

// An object that comes back in vain, as another one of its namespace was faster, leaves its place to another namespace: at
// once, and with the priority that the other one had.
func TestThePlaceOfOneThatComesInVainIsGivenOn(t *testing.T) {
	c, queue, _ := queued(t, 3)
	defer queue.ShutDown()
	queue.gone = func(types.NamespacedName) bool { return false }
	for _, step := range []struct {
		name     types.NamespacedName
		priority int
		enters   bool
	}{{in("p", 1), 0, true}, {in("p", 2), 0, true}, {in("q", 1), 0, true}, {in("a", 1), 0, false}, {in("c", 1), 5, false}} {
		if enters, back := c.shares.enter(step.name, step.priority); enters != step.enters || len(back) > 0 {
			t.Fatalf("%s has a worker: %v, and %v come back", step.name, enters, back)
		}
	}
	if back := c.shares.leave(in("p", 1)); len(back) != 1 || back[0].name != in("a", 1) {
		t.Fatalf("%v come back", back)
	}
	if enters, _ := c.shares.enter(in("a", 2), 0); !enters || len(c.shares.leave(in("q", 1))) > 0 {
		t.Fatal("the faster one has no worker, or the place is given twice")
	}
	queue.put(in("a", 1), 10)
	queue.put(in("z", 1), 3)
	if request, priority, shutdown := queue.GetWithPriority(); request.NamespacedName != in("c", 1) || priority != 5 || shutdown {
		t.Errorf("%s comes next, with priority %d", request, priority)
	}
}

// Of a parked object that is gone nothing is kept: no place, no count of failures, and nothing that waits for it.
func TestOfAParkedObjectThatIsGoneNothingIsKept(t *testing.T) {
	c, queue, limiter := queued(t, 2)
	lost := in("a", 2)
	c.shares.enter(in("a", 1), 0)
	limiter.When(reconcile.Request{NamespacedName: lost})
	if got := queue.NumRequeues(reconcile.Request{NamespacedName: lost}); got != 1 {
		t.Fatalf("the queue counts %d failures", got)
	}
	c.memories.of(lost, "uid")
	c.shares.mark(lost, true)
	ended := false
	if !c.awaits.begin(lost, &await{secret: "db", end: func() { ended = true }}) {
		t.Fatal("nothing waits")
	}
	queue.put(lost, 1)
	queue.put(here, 0)
	if request, shutdown := queue.Get(); request.NamespacedName != here || shutdown {
		t.Errorf("%s comes next", request)
	}
	if c.memories.byName[lost] != nil || c.shares.isLarge(lost) || !ended || c.shares.parked() != 0 || limiter.NumRequeues(reconcile.Request{NamespacedName: lost}) != 0 {
		t.Errorf("the watch has ended: %v, and %d objects are parked", ended, c.shares.parked())
	}
	queue.ShutDown()
	if _, shutdown := queue.Get(); !shutdown {
		t.Error("a queue that is shut down hands out an object")
	}
}
