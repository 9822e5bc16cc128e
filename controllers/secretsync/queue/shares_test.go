package queue

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// sharing is the queue and its workers, without time: what is ready is handed out in any order.
type sharing struct {
	*Shares
	t       *testing.T
	ready   map[types.NamespacedName]bool
	running map[types.NamespacedName]bool
	// owed are the objects that something has come for which no reconcile has begun for yet.
	owed map[types.NamespacedName]bool
	gone map[types.NamespacedName]bool
	// largeRunning are the reconciles that began of objects that were marked as large.
	largeRunning map[types.NamespacedName]bool
	// handed counts how often an object was handed out.
	handed int
}

func newSharing(t *testing.T, workers int) *sharing {
	none := func() map[types.NamespacedName]bool { return map[types.NamespacedName]bool{} }
	return &sharing{Shares: NewShares(workers), t: t, ready: none(), running: none(), owed: none(), gone: none(), largeRunning: none()}
}

func in(namespace string, number int) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(number)}
}

func (s *sharing) add(name types.NamespacedName) { s.ready[name], s.owed[name] = true, !s.gone[name] }

func (s *sharing) putBack(back []unparked) {
	for _, object := range back {
		s.ready[object.name] = true
	}
}

// free is how many workers have no reconcile.
func (s *sharing) free() int { return s.workers - len(s.running) }

// of is how many of them a namespace has.
func (s *sharing) of(namespace string) (count int) {
	for name := range s.running {
		if name.Namespace == namespace {
			count++
		}
	}
	return count
}

// hand gives a ready object to a worker, as the queue does.
func (s *sharing) hand(name types.NamespacedName, priority int) (ran bool) {
	s.t.Helper()
	delete(s.ready, name)
	s.handed++
	large := s.IsLarge(name)
	may := s.of(name.Namespace) < s.free() && (!large || s.mayBeLarge(name.Namespace))
	enters, back := s.enter(name, priority)
	if enters != may {
		s.t.Fatalf("%s has %d workers and %d are free: it gets one: %v", name.Namespace, s.of(name.Namespace), s.free(), enters)
	}
	s.putBack(back)
	switch {
	case enters:
		s.running[name] = true
		if large {
			s.largeRunning[name] = true
		}
		delete(s.owed, name)
	case s.gone[name]:
		s.putBack(s.drop(name))
	}
	return enters
}

func (s *sharing) finish(name types.NamespacedName) {
	delete(s.running, name)
	delete(s.largeRunning, name)
	s.putBack(s.leave(name))
}

// mayBeLarge says whether a large object of a namespace may have a worker, as far as other large ones matter.
func (s *sharing) mayBeLarge(namespace string) bool {
	for name := range s.largeRunning {
		if name.Namespace == namespace {
			return false
		}
	}
	return len(s.largeRunning) < max(1, s.workers/8)
}

// any is an object of a set.
func (s *sharing) any(random *rand.Rand, set map[types.NamespacedName]bool) (types.NamespacedName, bool) {
	all := slices.SortedFunc(maps.Keys(set), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	if len(all) == 0 {
		return types.NamespacedName{}, false
	}
	return all[random.IntN(len(all))], true
}

// handable are the objects that the queue would hand out.
func (s *sharing) handable() map[types.NamespacedName]bool {
	all := map[types.NamespacedName]bool{}
	for name := range s.ready {
		if !s.running[name] {
			all[name] = true
		}
	}
	return all
}

func FuzzSharesNeverExceedAndNeverForget(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 13))
		s := newSharing(t, 1+random.IntN(24))
		namespaces := 1 + random.IntN(6)
		drawn := func() types.NamespacedName { return in(fmt.Sprint("ns-", random.IntN(namespaces)), random.IntN(8)) }
		for range 400 {
			switch random.IntN(8) {
			case 0, 1, 2:
				s.add(drawn())
			case 3, 4:
				if name, ok := s.any(random, s.handable()); ok && s.free() > 0 {
					s.hand(name, random.IntN(3))
				}
			case 5:
				if name, ok := s.any(random, s.running); ok {
					s.finish(name)
				}
			case 6:
				name := drawn()
				s.gone[name] = !s.gone[name]
				s.add(name) // The event of the deletion, or of the creation.
			case 7:
				s.Mark(drawn(), random.IntN(2) == 0)
			}
			s.nothingLost()
		}
		s.drain(random)
	})
}

// nothingLost wants each object that something has come for to be ready or parked, and room to be used.
func (s *sharing) nothingLost() {
	s.t.Helper()
	parked := map[types.NamespacedName]bool{}
	for in, of := range s.lots {
		for name := range of.parked {
			parked[types.NamespacedName{Namespace: in.namespace, Name: name}] = true
		}
		s.lotIsWell(in, of)
	}
	if len(parked) != s.Parked() {
		s.t.Fatalf("%d objects are parked, and %d are counted", len(parked), s.Parked())
	}
	for name, owed := range s.owed {
		if owed && !s.ready[name] && !parked[name] {
			s.t.Fatalf("%s is neither in the queue nor parked", name)
		}
	}
}

// lotIsWell wants a lot to have a place for each parked object, and room to be used.
func (s *sharing) lotIsWell(in group, of *lot) {
	s.t.Helper()
	if len(of.order) != len(of.parked) {
		s.t.Fatalf("%s has %d places for %d parked objects", in.namespace, len(of.order), len(of.parked))
	}
	if in.large && len(of.returned) > 1 {
		s.t.Fatalf("%d large objects of %s are on their way back", len(of.returned), in.namespace)
	}
	room := s.workers - s.busy - s.returning
	may := !in.large || s.mayBeLarge(in.namespace) && s.largeReturning == 0
	if len(of.parked) > 0 && may && s.Shares.running[in.namespace]+len(of.returned) < room {
		s.t.Fatalf("%d objects of %s are parked, which has %d workers and could have another: %d are free", len(of.parked), in.namespace, s.of(in.namespace), s.free())
	}
}

// drain lets all reconciles end, and wants every object to have had its own then and nothing to be kept.
func (s *sharing) drain(random *rand.Rand) {
	s.t.Helper()
	for range 10_000 {
		if name, ok := s.any(random, s.handable()); ok && s.free() > 0 {
			s.hand(name, 0)
		} else if name, ok := s.any(random, s.running); ok {
			s.finish(name)
		} else {
			break
		}
		s.nothingLost()
	}
	for name, owed := range s.owed {
		if owed && !s.gone[name] {
			s.t.Errorf("%s was never reconciled", name)
		}
	}
	if len(s.lots)+len(s.turns)+len(s.Shares.running)+len(s.largeIn)+s.busy+s.returning+s.largeReturning > 0 {
		s.t.Errorf("at the end %d lots, %d turns, %d namespaces, %d reconciles, %d on their way back are kept",
			len(s.lots), len(s.turns), len(s.Shares.running), s.busy, s.returning)
	}
}

// What is left free is shared, too: no number of namespaces that ask at the same time takes all workers.
func TestSharesOfSeveralNamespaces(t *testing.T) {
	for namespaces, want := range map[int][]int{1: {32}, 2: {32, 16}, 5: {32, 16, 8, 4, 2}} {
		s := newSharing(t, 64)
		for namespace := range namespaces {
			for number := range 200 {
				s.hand(in(fmt.Sprint(namespace), number), 0)
			}
		}
		for namespace, workers := range want {
			if got := s.of(fmt.Sprint(namespace)); got != workers {
				t.Errorf("of %d namespaces, number %d has %d workers, want %d", namespaces, namespace, got, workers)
			}
		}
		if !s.hand(in("victim", 0), 0) {
			t.Errorf("beside %d namespaces there is no worker for another one", namespaces)
		}
	}
	s := newSharing(t, 1)
	if !s.hand(in("a", 0), 0) {
		t.Error("a single worker has no work")
	}
}

// Once reconciles end, those who came first give back what they have more than others.
func TestSharesBecomeEqual(t *testing.T) {
	s := newSharing(t, 60)
	random := rand.New(rand.NewPCG(1, 2))
	for _, namespace := range []string{"first", "second"} {
		for number := range 1000 {
			s.hand(in(namespace, number), 0)
		}
	}
	for range 500 {
		name, _ := s.any(random, s.running)
		s.finish(name)
		for len(s.handable()) > 0 {
			next, _ := s.any(random, s.handable())
			s.hand(next, 0)
		}
	}
	if a, b := s.of("first"), s.of("second"); a < 18 || b < 18 || s.free() < 18 {
		t.Errorf("two namespaces have %d and %d workers, and %d are free", a, b, s.free())
	}
}

func TestParkedObjectsComeBackInOrderAndOnce(t *testing.T) {
	s := newSharing(t, 2)
	s.hand(in("a", 0), 0)
	for number, priority := range []int{1: -200, 2: -200, 3: 0, 4: -200, 5: 0} {
		if number > 0 {
			s.hand(in("a", number), priority)
		}
	}
	s.hand(in("a", 1), -200) // Comes again, and keeps its place.
	s.hand(in("a", 4), 0)    // Comes again, and is urgent now.
	s.gone[in("a", 2)] = true
	s.hand(in("a", 2), -200) // The event of its deletion.
	s.handed = 0
	var order []string
	for running := 0; running >= 0; {
		s.finish(in("a", running))
		running = -1
		for name := range s.handable() {
			order = append(order, name.Name)
			s.hand(name, 0)
			if _, err := fmt.Sscan(name.Name, &running); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := []string{"3", "5", "4", "1"}; !slices.Equal(order, want) {
		t.Errorf("they come back as %s, want %s", order, want)
	}
	if s.handed != len(order) {
		t.Errorf("%d objects were handed out %d times", len(order), s.handed)
	}
}

// However many are parked, a reconcile that ends brings back as many as it makes room for.
func TestNoBusyRequeue(t *testing.T) {
	s := newSharing(t, 64)
	random := rand.New(rand.NewPCG(3, 4))
	const objects = 5000
	for number := range objects {
		s.hand(in("a", number), 0)
	}
	for len(s.running) > 0 {
		name, _ := s.any(random, s.running)
		s.finish(name)
		for next := range s.handable() {
			s.hand(next, 0)
		}
	}
	if most := 2 * objects; s.handed > most {
		t.Errorf("%d objects were handed out %d times, more than %d", objects, s.handed, most)
	}
}

// What is parked and comes again keeps its place, and those of one priority come back in the order in which they came.
func TestParkedObjectsKeepTheirPlaces(t *testing.T) {
	s := NewShares(2)
	s.enter(in("a", 0), 0)
	for number := 1; number <= 9; number++ {
		s.enter(in("a", number), 7)
	}
	for _, priority := range []int{7, 3} { // The same again, and less.
		if enters, _ := s.enter(in("a", 1), priority); enters {
			t.Fatal("it is not parked")
		}
	}
	running := in("a", 0)
	for number := 1; number <= 9; number++ {
		back := s.leave(running)
		if len(back) != 1 || back[0].name != in("a", number) || back[0].priority != 7 {
			t.Fatalf("%v come back, want number %d", back, number)
		}
		running = back[0].name
		if enters, _ := s.enter(running, 7); !enters {
			t.Fatalf("%s comes in vain", running)
		}
	}
}

// What has left the order is not held by it.
func TestThePlacesThatWereLeftAreLetGo(t *testing.T) {
	places := order{&place{name: "a"}, &place{name: "b", arrival: 1, index: 1}}
	all := places[:2]
	heap.Pop(&places)
	heap.Pop(&places)
	if len(places) != 0 || all[0] != nil || all[1] != nil {
		t.Errorf("%v are held", all)
	}
}

func TestLargeObjectsHaveOnePassANamespaceAndAShareOfTheWorkers(t *testing.T) {
	s := newSharing(t, 64)
	for namespace := range 10 {
		for number := range 3 {
			s.Mark(in(fmt.Sprint(namespace), number), true)
			entered, want := s.hand(in(fmt.Sprint(namespace), number), 0), number == 0 && namespace < 8
			if entered != want {
				t.Errorf("the large object %d of namespace %d gets a worker: %v", number, namespace, entered)
			}
		}
		if !s.hand(in(fmt.Sprint(namespace), 3), 0) {
			t.Errorf("a small object of namespace %d waits for the large ones", namespace)
		}
	}
	// Each reconcile of a large object that ends makes room for one, which is that of a namespace that has none.
	s.finish(in("0", 0))
	if len(s.ready) != 1 || !s.ready[in("8", 0)] && !s.ready[in("9", 0)] && !s.ready[in("0", 1)] {
		t.Errorf("one reconcile has ended, and %v come back", s.ready)
	}
}

func TestALargeObjectIsParkedOnceAndKeepsItsPlace(t *testing.T) {
	s := newSharing(t, 4)
	for number := range 3 {
		s.Mark(in("a", number), true)
	}
	for _, number := range []int{0, 1, 2, 1} {
		s.hand(in("a", number), 0)
	}
	s.nothingLost()
	if s.Parked() != 2 {
		t.Errorf("%d objects are parked", s.Parked())
	}
	if s.finish(in("a", 0)); len(s.ready) != 1 || !s.ready[in("a", 1)] {
		t.Errorf("%v come back, and the first that was parked is number 1", s.ready)
	}
	if s.putBack(s.drop(in("a", 2))); s.Parked() != 0 {
		t.Error("a large object that is gone stays parked")
	}
}

// TestAMarkSaysWhetherItIsNew, and nothing is kept of an object that is not large.
func TestAMarkSaysWhetherItIsNew(t *testing.T) {
	s := NewShares(4)
	for n, step := range []struct{ large, changes bool }{{false, false}, {true, true}, {true, false}, {false, true}, {false, false}, {true, true}} {
		if changed := s.Mark(in("a", 1), step.large); changed != step.changes {
			t.Errorf("step %d: a mark that says %t is new: %t", n, step.large, changed)
		}
		if got := s.IsLarge(in("a", 1)); got != step.large {
			t.Errorf("step %d: it is large: %t", n, got)
		}
		if kept := len(s.large) > 0; kept != step.large {
			t.Errorf("step %d: %d marks are kept", n, len(s.large))
		}
	}
}
