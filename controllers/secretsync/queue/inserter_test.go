package queue

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// requestsOf are requests for some objects of a namespace.
func requestsOf(namespace string, numbers ...int) (requests []reconcile.Request) {
	for _, number := range numbers {
		requests = append(requests, reconcile.Request{NamespacedName: in(namespace, number)})
	}
	return requests
}

// added is a queue that records what is added to it, with the priority where there is one.
type added struct {
	priorityqueue.PriorityQueue[reconcile.Request]
	objects    []string
	priorities []int
	down       bool
}

func (a *added) Add(request reconcile.Request) { a.objects = append(a.objects, request.String()) }

func (a *added) AddWithOpts(options priorityqueue.AddOpts, requests ...reconcile.Request) {
	if options.Priority != nil {
		a.priorities = append(a.priorities, *options.Priority)
	}
	for _, request := range requests {
		a.Add(request)
	}
}

func (a *added) ShuttingDown() bool { return a.down }

// plain is a queue without priorities.
type plain struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	to *added
}

func (p plain) Add(request reconcile.Request) { p.to.Add(request) }

func (p plain) ShuttingDown() bool { return p.to.down }

// TestAnInserterWaitsForItsQueue: until there is one nothing is added, and who waits for it gives up with its context.
func TestAnInserterWaitsForItsQueue(t *testing.T) {
	inserter, queue := NewInserter(), &added{}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := inserter.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("without a queue waiting for it ends with %v", err)
	}
	inserter.Add(requestsOf("a", 1))
	if err := inserter.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	if err := inserter.Wait(t.Context()); err != nil {
		t.Errorf("with a queue waiting for it ends with %v", err)
	}
	inserter.Add(requestsOf("b", 1, 2))
	if diff := cmp.Diff([]string{"b/1", "b/2"}, queue.objects); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
}

// TestAnInserterAddsWithAPriority, to a queue that knows any, and says whether the queue still takes objects.
func TestAnInserterAddsWithAPriority(t *testing.T) {
	for name, down := range map[string]bool{"a queue": false, "one that is shutting down": true} {
		prioritized, other := &added{down: down}, &added{down: down}
		for _, to := range []struct {
			queue      workqueue.TypedRateLimitingInterface[reconcile.Request]
			added      *added
			priorities []int
		}{{prioritized, prioritized, []int{-150}}, {plain{to: other}, other, nil}} {
			inserter := NewInserter()
			if err := inserter.Start(t.Context(), to.queue); err != nil {
				t.Fatal(err)
			}
			if takes := inserter.AddWithPriority(-150, requestsOf("a", 1, 2)); takes == down {
				t.Errorf("%s takes objects: %t", name, takes)
			}
			if diff := cmp.Diff([]string{"a/1", "a/2"}, to.added.objects); diff != "" {
				t.Errorf("%s: added (-want +got):\n%s", name, diff)
			}
			if diff := cmp.Diff(to.priorities, to.added.priorities); diff != "" {
				t.Errorf("%s: priorities (-want +got):\n%s", name, diff)
			}
		}
	}
}
