package secretsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
)

// enterAsync enters in the background, and gives what comes of it once it waits, or has entered.
func enterAsync(ctx context.Context, h *heavy, namespace string) <-chan error {
	before, done := h.count(), make(chan error, 1)
	go func() { done <- h.enter(ctx, namespace) }()
	for h.count() == before {
		select {
		case err := <-done:
			done <- err
			return done
		default:
		}
	}
	return done
}

// count is how many do heavy work or wait for it.
func (h *heavy) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := len(h.running)
	for _, turns := range h.waiting {
		count += len(turns)
	}
	return count
}

func TestHeavyWorkIsSharedByNamespaces(t *testing.T) {
	h := newHeavy()
	enters := func(namespace string) {
		t.Helper()
		if err := h.enter(t.Context(), namespace); err != nil {
			t.Fatal(namespace, err)
		}
	}
	enters("hostile")
	second, third := enterAsync(t.Context(), h, "hostile"), enterAsync(t.Context(), h, "hostile")
	err := h.enter(t.Context(), "hostile")
	if refused, ok := errors.AsType[*source.Error](err); !ok || refused.Kind != source.Busy || putOff(err) < heavyAgain {
		t.Errorf("the fourth of a namespace gets %v", err)
	}
	enters("victim") // There is a place for another namespace, however many of the first one wait.
	other := enterAsync(t.Context(), h, "other")
	if len(h.running) != heavyAtOnce || len(second)+len(third)+len(other) != 0 {
		t.Fatalf("%d do heavy work at once", len(h.running))
	}
	h.leave("hostile")
	if err := <-second; err != nil || len(other) != 0 {
		t.Errorf("the next one of the namespace that waited first gets %v", err)
	}
	h.leave("hostile")
	if err := <-other; err != nil || len(third) != 0 {
		t.Errorf("the other namespace, whose turn is before the third of the first one, gets %v", err)
	}
	h.leave("victim")
	if err := <-third; err != nil {
		t.Error(err)
	}
	h.leave("hostile")
	h.leave("other")
	if len(h.running)+len(h.waiting)+len(h.order) != 0 {
		t.Errorf("it keeps %v, %v, %v", h.running, h.waiting, h.order)
	}
}

func TestWaitingForHeavyWorkEndsWithThePass(t *testing.T) {
	h := newHeavy()
	if err := h.enter(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	waits, next := enterAsync(ctx, h, "a"), enterAsync(t.Context(), h, "a")
	end()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	h.leave("a")
	if err := <-next; err != nil {
		t.Errorf("the one behind got %v", err)
	}
	// A turn that comes while its pass gives up goes on to the next one.
	turn, err := h.queue("a")
	if err != nil {
		t.Fatal(err)
	}
	last := enterAsync(t.Context(), h, "a")
	h.leave("a")
	<-turn
	h.giveUp("a", turn)
	if err := <-last; err != nil {
		t.Error(err)
	}
	h.leave("a")
	if h.count() != 0 || len(h.order) != 0 {
		t.Errorf("%d stay, %v", h.count(), h.order)
	}
}

// heldBytes is what one pass may hold that does heavy work: what templates make, the keys before them, and their output.
const heldBytes = 64<<20 + 4<<20 + 1<<20

// TestMemoryOfTemplatesIsSharedByAllWorkers has 64 workers of 16 namespaces execute the worst template at once.
func TestMemoryOfTemplatesIsSharedByAllWorkers(t *testing.T) {
	c := &Controller{heavy: newHeavy(), patterns: nil}
	var text strings.Builder
	for n := range 8 { // All at once, and not one after the other.
		fmt.Fprintf(&text, "{{ $v%d := repeat 1000 $.s }}", n)
	}
	spec := &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"made": text.String()}}}
	value := source.TextValue(`{"s":"` + strings.Repeat("x", 1_000) + `"}`)
	var mu sync.Mutex
	most := 0
	var workers sync.WaitGroup
	for n := range 64 {
		workers.Go(func() {
			p := &pass{sync: &v1alpha1.SecretSync{}}
			p.sync.Namespace = fmt.Sprint("namespace", n%16)
			work, leave := c.work(t.Context(), p)
			defer leave()
			_, err := render.Render(work, spec, render.Inputs{Source: &value})
			mu.Lock()
			defer mu.Unlock()
			if err != nil && putOff(err) == 0 {
				t.Error(err)
			}
			most = max(most, len(c.heavy.held())*heldBytes)
		})
	}
	workers.Wait()
	if most > 150<<20 || most == 0 {
		t.Errorf("%d MiB may be held at once", most>>20)
	}
	if c.heavy.count() != 0 {
		t.Errorf("%d stay", c.heavy.count())
	}
}

// held are the namespaces that do heavy work.
func (h *heavy) held() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for namespace := range h.running {
		all = append(all, namespace)
	}
	return all
}

// TestASpecThatIsTooLargeIsRefused stands in for what an older CRD has let pass.
func TestASpecThatIsTooLargeIsRefused(t *testing.T) {
	p := &pass{sync: &v1alpha1.SecretSync{}}
	p.sync.Spec.Template = &v1alpha1.Template{Data: map[string]string{"a": strings.Repeat("x", v1alpha1.SpecMostBytes-1)}}
	if err := readable(t.Context(), p); err != nil {
		t.Errorf("the largest spec is refused: %v", err)
	}
	p.sync.Spec.Source.SecretID = "b"
	err := readable(t.Context(), p)
	if refused := explain(err); refused == nil || refused.reason != v1alpha1.ReasonInvalidSpec || !strings.Contains(refused.message, "262145 bytes together, and 262144 are the most") {
		t.Errorf("a larger one gives %v", err)
	}
}

// hungry is a pass of a namespace with what it may do, and what ends its heavy work.
func hungry(t *testing.T, c *Controller) (p *pass, work render.Work, leave func()) {
	t.Helper()
	p = &pass{sync: &v1alpha1.SecretSync{}}
	p.sync.Namespace = "a"
	work, leave = c.work(t.Context(), p)
	return p, work, leave
}

// A pass takes a turn with its first heavy step.
func TestATurnIsTakenWithTheFirstHeavyStep(t *testing.T) {
	c := New(Options{})
	p, work, leave := hungry(t, c)
	if left := work.Budget.Left(); left != pattern.PassSteps || p.steps(t.Context()) != work.Budget || work.Patterns != c.patterns {
		t.Errorf("it has %d steps, and phases share them: %v", left, p.steps(t.Context()) == work.Budget)
	}
	if err := work.Budget.Spend("light work", lightSteps); err != nil || c.heavy.count() != 0 {
		t.Errorf("light work: %v, %d turns", err, c.heavy.count())
	}
	if err := work.Budget.Spend("heavy work", 1); err != nil || c.heavy.count() != 1 {
		t.Errorf("heavy work: %v, %d turns", err, c.heavy.count())
	}
	if leave(); c.heavy.count() != 0 {
		t.Errorf("%d turns are kept", c.heavy.count())
	}
}

func TestAPassGivesBackNoTurnOfAnother(t *testing.T) {
	c := New(Options{})
	_, work, leave := hungry(t, c)
	if err := work.Budget.Spend("heavy work", lightSteps+1); err != nil {
		t.Fatal(err)
	}
	_, _, leaveLight := hungry(t, c)
	if leaveLight(); c.heavy.count() != 1 {
		t.Error("a pass without heavy work ends that of another")
	}
	var waiting []<-chan error
	for range heavyWaiting {
		waiting = append(waiting, enterAsync(t.Context(), c.heavy, "a"))
	}
	_, refused, leaveRefused := hungry(t, c)
	err := refused.Budget.Spend("heavy work", lightSteps+1)
	if busy, ok := errors.AsType[*source.Error](err); !ok || busy.Kind != source.Busy || busy.RetryAfter != heavyAgain {
		t.Errorf("more than may wait: %v", err)
	}
	if leaveRefused(); c.heavy.count() != 1+heavyWaiting {
		t.Error("a pass that was put off ends the work of another")
	}
	leave()
	for _, one := range waiting {
		if err := <-one; err != nil {
			t.Error(err)
		}
		c.heavy.leave("a")
	}
	if c.heavy.count() != 0 {
		t.Errorf("%d turns are kept", c.heavy.count())
	}
}

// Who gives up while it waits leaves those who work, and those who wait, as they are.
func TestWhoGivesUpTakesNoOthersTurn(t *testing.T) {
	h := newHeavy()
	for _, namespace := range []string{"a", "b"} {
		if err := h.enter(t.Context(), namespace); err != nil {
			t.Fatal(err)
		}
	}
	queue := func(namespace string) chan struct{} {
		turn, err := h.queue(namespace)
		if err != nil || turn == nil {
			t.Fatalf("%s does not wait: %v", namespace, err)
		}
		return turn
	}
	wants := func(what string, waiting int, order ...string) {
		t.Helper()
		if len(h.running) != heavyAtOnce || h.count() != heavyAtOnce+waiting || !slices.Equal(h.order, order) || len(h.waiting) != len(order) {
			t.Errorf("%s: %v work, %d wait, in the order %q", what, h.running, h.count()-len(h.running), h.order)
		}
	}
	first, other, second := queue("a"), queue("c"), queue("a")
	wants("at first", 3, "a", "c")
	h.giveUp("a", first)
	wants("one of two has given up", 2, "a", "c")
	h.giveUp("a", second)
	wants("both have given up", 1, "c")
	again := queue("a")
	h.order = []string{"a", "c"} // The turn of a namespace that works already is passed over.
	h.leave("b")
	select {
	case <-other:
	default:
		t.Error("the other namespace has no turn")
	}
	wants("the other one works", 1, "a")
	select {
	case <-again:
		t.Error("a namespace has two turns at once")
	default:
	}
}
