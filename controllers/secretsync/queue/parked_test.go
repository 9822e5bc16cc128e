package queue

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// limiter counts the failures of objects.
type limiter map[reconcile.Request]int

func (l limiter) When(request reconcile.Request) time.Duration {
	l[request]++
	return time.Hour
}

func (l limiter) Forget(request reconcile.Request) { delete(l, request) }

func (l limiter) NumRequeues(request reconcile.Request) int { return l[request] }

// newParking is a queue of two workers, of which a namespace alone has one. Objects of gone do not exist.
func newParking(gone map[types.NamespacedName]bool, failures limiter) *fairQueue {
	newQueue := New(NewShares(2), func(name types.NamespacedName) bool { return gone[name] }, logr.Discard())
	return newQueue("parking", failures).(*fairQueue)
}

// take is the object that the queue hands out; empty while it has none to hand out.
func take(queue *fairQueue) string {
	handed := make(chan string, 1)
	go func() {
		if request, shutdown := queue.Get(); !shutdown {
			handed <- request.String()
		}
	}()
	synctest.Wait()
	select {
	case object := <-handed:
		return object
	default:
		return ""
	}
}

// TestWhatIsParkedComesBackWhenAReconcileEnds, and meanwhile another namespace is served.
func TestWhatIsParkedComesBackWhenAReconcileEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := newParking(nil, limiter{})
		defer queue.ShutDown()
		first, second, other := requestsOf("a", 1)[0], requestsOf("a", 2)[0], requestsOf("z", 1)[0]
		for _, request := range []reconcile.Request{first, second, other} {
			queue.Add(request)
			synctest.Wait()
		}
		for _, want := range []reconcile.Request{first, other} {
			if got := take(queue); got != want.String() {
				t.Fatalf("%q is handed out, want %s", got, want)
			}
		}
		if parked := queue.shares.Parked(); parked != 1 {
			t.Errorf("%d objects are parked", parked)
		}
		queue.Done(other)
		queue.Done(first)
		if got := take(queue); got != second.String() {
			t.Errorf("%q comes back, want %s", got, second)
		}
		queue.Done(second)
		queue.Add(first)
		if got := take(queue); got != first.String() {
			t.Errorf("%q is handed out after its reconcile has ended, want %s", got, first)
		}
	})
}

// TestWhatIsGoneIsNotParked: it needs no worker, and nothing is kept of it. Where it is created again, it is handed out
// as any other.
func TestWhatIsGoneIsNotParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, failures := map[types.NamespacedName]bool{in("a", 2): true}, limiter{}
		queue := newParking(gone, failures)
		defer queue.ShutDown()
		first, second, other := requestsOf("a", 1)[0], requestsOf("a", 2)[0], requestsOf("z", 1)[0]
		queue.Add(first)
		synctest.Wait()
		queue.AddRateLimited(second)
		synctest.Wait()
		if failures[second] != 1 {
			t.Errorf("the queue counts %d failures by the limiter that it was given", failures[second])
		}
		for _, request := range []reconcile.Request{second, other} {
			queue.Add(request)
			synctest.Wait()
		}
		for _, want := range []reconcile.Request{first, other} {
			if got := take(queue); got != want.String() {
				t.Fatalf("%q is handed out, want %s", got, want)
			}
		}
		if parked := queue.shares.Parked(); parked != 0 {
			t.Errorf("%d objects are parked", parked)
		}
		if failures[second] != 0 {
			t.Errorf("%d failures of it are remembered", failures[second])
		}
		queue.Done(other)
		queue.Done(first)
		delete(gone, second.NamespacedName)
		queue.Add(second)
		if got := take(queue); got != second.String() {
			t.Errorf("%q is handed out, want %s", got, second)
		}
	})
}

// TestAQueueThatIsShutDownHandsNothingOut, and says so to the workers.
func TestAQueueThatIsShutDownHandsNothingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := newParking(nil, limiter{})
		queue.ShutDown()
		if _, shutdown := queue.Get(); !shutdown {
			t.Error("a worker goes on")
		}
	})
}
