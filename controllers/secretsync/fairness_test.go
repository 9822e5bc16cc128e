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
	"github.com/secretsync/secretsync/controllers/secretsync/queue"
	"github.com/secretsync/secretsync/controllers/source"
)

// maxAwaited bounds how long a test waits for what has to come.
const maxAwaited = 2 * time.Minute

// calls are those of the secret "slow", which are answered only once they are let go.
type calls struct {
	mutex sync.Mutex
	// waiting is how many calls wait at present, most how many did at once, asked all of them.
	waiting, most, asked int
	changed              chan struct{}
	letGo                chan struct{}
}

func newCalls() *calls {
	return &calls{changed: make(chan struct{}, 1), letGo: make(chan struct{})}
}

// source is an AWS in which the secret "slow" hangs.
func (c *calls) source() source.Source {
	version := source.Version{ARN: "arn", ID: "version-1", Created: noon}
	return &fakeSource{
		before: func(ctx context.Context, query source.VersionQuery) error {
			if query.SecretID != "slow" {
				return nil
			}
			c.count(1)
			defer c.count(-1)
			select {
			case <-c.letGo:
				return &source.Error{Kind: source.SecretNotFound, Explanation: "there is none"}
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		resolve: func(source.VersionQuery) (source.Resolution, error) { return source.Resolution{Version: version}, nil },
		fetch: func(source.Ref, source.Version) (source.Fetched, error) {
			return source.Fetched{Version: version, Value: source.TextValue("v")}, nil
		},
	}
}

func (c *calls) count(change int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.waiting += change
	c.most = max(c.most, c.waiting)
	c.asked += max(0, change)
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// hang says whether so many calls wait.
func (c *calls) hang(count int) func() bool {
	return func() bool {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		return c.waiting == count
	}
}

// total is how many calls there were, and how many waited at once at most.
func (c *calls) total() (asked, most int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.asked, c.most
}

// attacked is a controller that runs, with one hostile namespace of many objects, all of which hang.
type attacked struct {
	*environment
	calls *calls
}

// hostile is an object of the hostile namespace.
func hostile(number int) types.NamespacedName {
	return types.NamespacedName{Namespace: "mallory", Name: fmt.Sprint("m-", number)}
}

func newAttacked(t *testing.T, workers, objects int) *attacked {
	t.Helper()
	e := newEnvironment(t, fresh())
	e.events.Events = nil // No test reads them.
	a := &attacked{environment: e, calls: newCalls()}
	options := e.options
	options.Workers, options.Source, options.Client = workers, a.calls.source(), e.server
	e.Controller = New(options)
	for number := range objects {
		secretSync := fresh()
		secretSync.Namespace, secretSync.Name, secretSync.UID = hostile(number).Namespace, hostile(number).Name, types.UID(fmt.Sprint("uid-", number))
		secretSync.Spec.Source.SecretID = "slow"
		if err := e.server.Create(t.Context(), secretSync); err != nil {
			t.Fatal(err)
		}
	}
	settings := e.controllerOptions(logr.Discard())
	settings.Reconciler, settings.SkipNameValidation, settings.Logger = e.Controller, new(true), logr.Discard()
	running, err := controller.NewUnmanaged("attacked", settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Watch(e.inserter); err != nil {
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
	if err := e.inserter.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

// add puts an object into the queue.
func (a *attacked) add(name types.NamespacedName) {
	a.inserter.Add([]reconcile.Request{{NamespacedName: name}})
}

// await waits until something holds, which changes with what the source is asked, or with what a short look finds.
func (a *attacked) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(maxAwaited)
	defer deadline.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-a.calls.changed:
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("waited in vain until %s: %d objects are parked", what, a.shares.Parked())
		}
	}
}

// Two hundred objects of one namespace hang, and a victim is reconciled at once: none of them has to end before it.
func TestPassesThatHangHoldUpTheirNamespaceAlone(t *testing.T) {
	const workers, objects = 8, 200
	a := newAttacked(t, workers, objects)
	for number := range objects {
		a.add(hostile(number))
	}
	a.await(t, "the rest is parked", func() bool { return a.shares.Parked() == objects-workers/2 })
	a.await(t, "its share of the reconciles hangs", a.calls.hang(workers/2))
	a.add(here)
	a.await(t, "the victim has its Secret", func() bool { return a.secret(t, "db") != nil })
	if !a.calls.hang(workers / 2)() {
		t.Errorf("not %d of the others hang any more", workers/2)
	}
	if asked, _ := a.calls.total(); asked != workers/2 {
		t.Errorf("the victim's reconcile came after %d of the others", asked-workers/2)
	}

	// A deleted object is not kept, though no reconcile of its namespace ends.
	before := a.shares.Parked()
	last := &v1alpha1.SecretSync{}
	last.Namespace, last.Name = hostile(objects-1).Namespace, hostile(objects-1).Name
	if err := a.server.Delete(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	a.add(hostile(objects - 1))
	a.await(t, "the deleted object is forgotten", func() bool { return a.shares.Parked() == before-1 })

	// What hangs ends, and each of the others is reconciled.
	close(a.calls.letGo)
	a.await(t, "all are reconciled", func() bool {
		asked, _ := a.calls.total()
		return asked >= objects-1 && a.calls.hang(0)()
	})
	a.await(t, "nothing is parked", func() bool { return a.shares.Parked() == 0 })
	if _, most := a.calls.total(); most > workers/2 {
		t.Errorf("%d reconciles of one namespace hung at once", most)
	}
}

// Of a parked object that is gone nothing is kept: no place, no count of failures, and nothing that waits for it.
func TestOfAParkedObjectThatIsGoneNothingIsKept(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.shares = queue.NewShares(2)
	limiter := workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()
	fair := e.controllerOptions(logr.Discard()).NewQueue("test", limiter).(priorityqueue.PriorityQueue[reconcile.Request])
	put := func(name types.NamespacedName, priority int) {
		fair.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: name})
	}
	running, lost := hostile(1), hostile(2)
	put(running, 0)
	if request, _ := fair.Get(); request.NamespacedName != running {
		t.Fatalf("%s comes first", request)
	}
	limiter.When(reconcile.Request{NamespacedName: lost})
	if got := fair.NumRequeues(reconcile.Request{NamespacedName: lost}); got != 1 {
		t.Fatalf("the queue counts %d failures", got)
	}
	e.states.of(lost, "uid")
	e.shares.Mark(lost, true)
	ended := false
	if !e.secretWatches.begin(lost, &secretWatch{secret: "db", end: func() { ended = true }}) {
		t.Fatal("no Secret is watched")
	}
	put(lost, 1)
	put(here, 0)
	if request, shutdown := fair.Get(); request.NamespacedName != here || shutdown {
		t.Errorf("%s comes next, and the queue is shut down: %t", request, shutdown)
	}
	if e.states.known(lost) != nil {
		t.Error("its state is kept")
	}
	if e.shares.IsLarge(lost) {
		t.Error("it is large still")
	}
	if !ended {
		t.Error("the watch of its Secret goes on")
	}
	if parked := e.shares.Parked(); parked != 0 {
		t.Errorf("%d objects are parked", parked)
	}
	if failures := limiter.NumRequeues(reconcile.Request{NamespacedName: lost}); failures != 0 {
		t.Errorf("%d failures are counted", failures)
	}
	fair.ShutDown()
	if _, shutdown := fair.Get(); !shutdown {
		t.Error("a queue that is shut down hands out an object")
	}
}
