package queue

import (
	"cmp"
	"container/heap"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// Shares divides the workers between namespaces. A namespace gets another worker while it has fewer than are free. One
// that is alone has half of the workers, two have a third each, and so on: the more there are, the less each of them has,
// and some workers are always free for a namespace that has none. So reconciles that hang hold up their own namespace
// alone.
//
// Of the objects that are marked as large a namespace has one reconcile at a time, and all namespaces together a share of
// the workers: they hold a lot of memory, or keep the API server busy.
//
// An object that may not have another worker is parked, and goes back to the queue as soon as a reconcile has ended that
// makes room for it. Those of a namespace go back by priority, and then in the order in which they came.
//
// Any goroutine may call its methods.
type Shares struct {
	workers int
	mutex   sync.Mutex
	// busy is how many workers have a reconcile, running how many of them each namespace has.
	busy    int
	running map[string]int
	// large are the objects that are marked as such, largeIn those of them that have a reconcile, by their
	// namespaces: a mark that comes or goes during a reconcile is for the next one.
	large   map[types.NamespacedName]bool
	largeIn map[string]string
	// lots are those of the groups that have parked objects, or some on their way back to the queue.
	lots map[group]*lot
	// turns are these groups, in the order in which they get the next place.
	turns []group
	// returning is how many objects are on their way back to the queue, largeReturning how many of them are large.
	returning, largeReturning int
	// arrivals numbers what is parked.
	arrivals uint64
}

// group are the large objects of a namespace, or all others of it.
type group struct {
	namespace string
	large     bool
}

// largeShare is the part of the workers that large objects may have, one in so many; one at least.
const largeShare = 8

// lot holds the objects of a group that are parked, and those that are on their way back to the queue.
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

// NewShares makes the shares of so many workers.
func NewShares(workers int) *Shares {
	return &Shares{
		workers: max(1, workers), running: map[string]int{}, lots: map[group]*lot{},
		large: map[types.NamespacedName]bool{}, largeIn: map[string]string{},
	}
}

// enter gives an object that the queue has handed out a worker, or parks it. What it was parked for before is merged
// with that. Either may make room for others, which go back to the queue.
func (s *Shares) enter(name types.NamespacedName, priority int) (enters bool, back []unparked) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at, in := s.take(name), group{name.Namespace, s.large[name]}
	if s.hasRoom(in, s.busy, 0, 0) {
		s.running[name.Namespace]++
		s.busy++
		if in.large {
			s.largeIn[name.Namespace] = name.Name
		}
		return true, s.release()
	}
	of := s.lots[in]
	if of == nil {
		of = &lot{parked: map[string]*place{}, returned: map[string]*place{}}
		s.lots[in] = of
		s.turns = append(s.turns, in)
	}
	if at == nil || priority > at.priority {
		at = &place{name: name.Name, priority: priority, arrival: s.arrivals}
		s.arrivals++
	}
	of.parked[name.Name] = at
	heap.Push(&of.order, at)
	return false, s.release()
}

// hasRoom says whether a group may have another worker, where so many workers are taken. coming are how many of its own
// objects are about to have one, largeComing how many large ones of all namespaces are.
func (s *Shares) hasRoom(of group, taken, coming, largeComing int) bool {
	if s.running[of.namespace]+coming >= s.workers-taken {
		return false
	}
	if !of.large {
		return true
	}
	_, has := s.largeIn[of.namespace]
	return !has && coming == 0 && len(s.largeIn)+largeComing < max(1, s.workers/largeShare)
}

// leave is called when a reconcile has ended.
func (s *Shares) leave(name types.NamespacedName) []unparked {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.busy--
	if s.running[name.Namespace]--; s.running[name.Namespace] == 0 {
		delete(s.running, name.Namespace)
	}
	if s.largeIn[name.Namespace] == name.Name {
		delete(s.largeIn, name.Namespace)
	}
	return s.release()
}

// Mark says whether an object is large from its next reconcile on, and gives whether it was not before.
func (s *Shares) Mark(name types.NamespacedName, large bool) (changed bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	changed = s.large[name] != large
	if large {
		s.large[name] = true
	} else {
		delete(s.large, name)
	}
	return changed
}

// IsLarge says whether an object is marked as large.
func (s *Shares) IsLarge(name types.NamespacedName) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.large[name]
}

// drop forgets a parked object.
func (s *Shares) drop(name types.NamespacedName) []unparked {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.take(name)
	return s.release()
}

// Parked counts the objects that wait until they may have a worker.
func (s *Shares) Parked() (count int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, of := range s.lots {
		count += len(of.parked)
	}
	return count
}

// take takes an object from those that are parked or on their way back; nil where it was neither. It may be marked
// otherwise by now.
func (s *Shares) take(name types.NamespacedName) *place {
	at := s.takeFrom(group{name.Namespace, false}, name.Name)
	return cmp.Or(at, s.takeFrom(group{name.Namespace, true}, name.Name))
}

func (s *Shares) takeFrom(from group, name string) *place {
	of := s.lots[from]
	if of == nil {
		return nil
	}
	at := of.returned[name]
	if at != nil {
		delete(of.returned, name)
		s.returning--
		if from.large {
			s.largeReturning--
		}
	} else if at = of.parked[name]; at != nil {
		delete(of.parked, name)
		heap.Remove(&of.order, at.index)
	}
	return at
}

// release gives the objects that may go back to the queue, one of each group in turn. An object on its way back counts
// as if it had its worker already: each reconcile that ends brings back as many as it makes room for, and an object comes
// back in vain only where another one of its namespace was faster.
func (s *Shares) release() (back []unparked) {
	for passed := 0; passed < len(s.turns); {
		next := s.turns[0]
		s.turns = s.turns[1:]
		of := s.lots[next]
		if len(of.parked)+len(of.returned) == 0 {
			delete(s.lots, next)
			continue
		}
		s.turns = append(s.turns, next)
		if len(of.parked) == 0 || !s.hasRoom(next, s.busy+s.returning, len(of.returned), s.largeReturning) {
			passed++
			continue
		}
		passed = 0
		at := heap.Pop(&of.order).(*place)
		delete(of.parked, at.name)
		of.returned[at.name] = at
		s.returning++
		if next.large {
			s.largeReturning++
		}
		back = append(back, unparked{types.NamespacedName{Namespace: next.namespace, Name: at.name}, at.priority})
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
