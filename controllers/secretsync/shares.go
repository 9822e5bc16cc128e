package secretsync

import (
	"cmp"
	"container/heap"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// shares divides the workers between namespaces. A namespace gets another worker while it has fewer than are free. One
// that is alone has half of the workers, two have a third each, and so on: the more there are, the less each of them has,
// and some workers are always free for a namespace that has none. So passes that hang hold up their own namespace alone.
//
// An object whose namespace may not have another worker is parked, and goes back to the queue as soon as a pass has
// ended that makes room for it. Those of a namespace go back by priority, and then in the order in which they came.
type shares struct {
	workers int
	mutex   sync.Mutex
	// busy is how many workers have a pass, running how many of them each namespace has.
	busy    int
	running map[string]int
	// lots are those of the namespaces that have parked objects, or some on their way back to the queue.
	lots map[string]*lot
	// turns are these namespaces, in the order in which they get the next place.
	turns []string
	// returning is how many objects are on their way back to the queue.
	returning int
	// arrivals numbers what is parked.
	arrivals uint64
}

// lot holds the objects of a namespace that are parked, and those that are on their way back to the queue.
type lot struct {
	order    order
	parked   map[string]*place
	returned map[string]*place
}

// place is where a parked object stands among those of its namespace.
type place struct {
	name     string
	priority int
	arrival  uint64
	// index is the place's own in order.
	index int
}

// unparked is an object that goes back to the queue.
type unparked struct {
	name     types.NamespacedName
	priority int
}

func newShares(workers int) *shares {
	return &shares{workers: max(1, workers), running: map[string]int{}, lots: map[string]*lot{}}
}

// enter gives an object that the queue has handed out a worker, or parks it. What it was parked for before is merged
// with that. Either may make room for others, which go back to the queue.
func (s *shares) enter(name types.NamespacedName, priority int) (enters bool, back []unparked) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.running[name.Namespace] < s.workers-s.busy {
		s.take(name)
		s.running[name.Namespace]++
		s.busy++
		return true, s.release()
	}
	of := s.lots[name.Namespace]
	if of == nil {
		of = &lot{parked: map[string]*place{}, returned: map[string]*place{}}
		s.lots[name.Namespace] = of
		s.turns = append(s.turns, name.Namespace)
	}
	at := s.take(name)
	if at == nil || priority > at.priority {
		at = &place{name: name.Name, priority: priority, arrival: s.arrivals}
		s.arrivals++
	}
	of.parked[name.Name] = at
	heap.Push(&of.order, at)
	return false, s.release()
}

// leave is called when a pass has ended.
func (s *shares) leave(name types.NamespacedName) []unparked {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.busy--
	if s.running[name.Namespace]--; s.running[name.Namespace] == 0 {
		delete(s.running, name.Namespace)
	}
	return s.release()
}

// drop forgets a parked object.
func (s *shares) drop(name types.NamespacedName) []unparked {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.take(name)
	return s.release()
}

// parked counts the objects that wait until their namespace may have another worker.
func (s *shares) parked() (count int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, of := range s.lots {
		count += len(of.parked)
	}
	return count
}

// take takes an object from those that are parked or on their way back; nil where it was neither.
func (s *shares) take(name types.NamespacedName) *place {
	of := s.lots[name.Namespace]
	if of == nil {
		return nil
	}
	at := of.returned[name.Name]
	if at != nil {
		delete(of.returned, name.Name)
		s.returning--
	} else if at = of.parked[name.Name]; at != nil {
		delete(of.parked, name.Name)
		heap.Remove(&of.order, at.index)
	}
	return at
}

// release gives the objects that may go back to the queue, one of each namespace in turn. An object on its way back
// counts as if it had its worker already: each pass that ends brings back as many as it makes room for, and an object
// comes back in vain only where another one of its namespace was faster.
func (s *shares) release() (back []unparked) {
	for passed := 0; passed < len(s.turns); {
		namespace := s.turns[0]
		s.turns = s.turns[1:]
		of := s.lots[namespace]
		if len(of.parked)+len(of.returned) == 0 {
			delete(s.lots, namespace)
			continue
		}
		s.turns = append(s.turns, namespace)
		if len(of.parked) == 0 || s.running[namespace]+len(of.returned) >= s.workers-s.busy-s.returning {
			passed++
			continue
		}
		passed = 0
		at := heap.Pop(&of.order).(*place)
		delete(of.parked, at.name)
		of.returned[at.name] = at
		s.returning++
		back = append(back, unparked{types.NamespacedName{Namespace: namespace, Name: at.name}, at.priority})
	}
	return back
}

// order has the place first whose priority is the highest, and of those the one that came first. It implements
// heap.Interface.
type order []*place

func (o order) Len() int { return len(o) }

func (o order) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(o[j].priority, o[i].priority), cmp.Compare(o[i].arrival, o[j].arrival)) < 0
}

func (o order) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].index, o[j].index = i, j
}

// Push appends a place.
func (o *order) Push(at any) {
	added := at.(*place)
	added.index = len(*o)
	*o = append(*o, added)
}

// Pop takes the last place off.
func (o *order) Pop() any {
	last := len(*o) - 1
	at := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	return at
}
