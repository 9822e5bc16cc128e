package queue

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
func enterAsync(ctx context.Context, h *Heavy, namespace string) <-chan error {
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
func (h *Heavy) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := len(h.running)
	for _, turns := range h.waiting {
		count += len(turns)
	}
	return count
}

// working is how many namespaces do heavy work.
func (h *Heavy) working() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.running)
}

// isBusy says whether an error puts a reconcile off until it may wait for heavy work.
func isBusy(err error) bool {
	refused, ok := errors.AsType[*source.Error](err)
	return ok && refused.Kind == source.Busy && refused.RetryAfter == heavyAgain
}

func TestHeavyWorkIsSharedByNamespaces(t *testing.T) {
	h := NewHeavy()
	enters := func(namespace string) {
		t.Helper()
		if err := h.enter(t.Context(), namespace); err != nil {
			t.Fatal(namespace, err)
		}
	}
	enters("hostile")
	second, third := enterAsync(t.Context(), h, "hostile"), enterAsync(t.Context(), h, "hostile")
	if err := h.enter(t.Context(), "hostile"); !isBusy(err) {
		t.Errorf("the fourth of a namespace gets %v", err)
	}
	enters("victim") // There is a place for another namespace, however many of the first one wait.
	other := enterAsync(t.Context(), h, "other")
	if working := h.working(); working != heavyAtOnce || len(second)+len(third)+len(other) != 0 {
		t.Fatalf("%d do heavy work at once, and %d more have entered", working, len(second)+len(third)+len(other))
	}
	h.leave("hostile")
	if err := <-second; err != nil || len(other) != 0 {
		t.Errorf("the next one of the namespace that waited first gets %v, and %d of the other namespace have entered", err, len(other))
	}
	h.leave("hostile")
	if err := <-other; err != nil || len(third) != 0 {
		t.Errorf("the other namespace, whose turn is before the third of the first one, gets %v, and %d of the first have entered", err, len(third))
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
	h := NewHeavy()
	if err := h.enter(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	waits, next := enterAsync(ctx, h, "a"), enterAsync(t.Context(), h, "a")
	end()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up got %v", err)
	}
	h.leave("a")
	if err := <-next; err != nil {
		t.Errorf("the one behind got %v", err)
	}
	// A turn that comes while its reconcile gives up goes on to the next one.
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

// heldBytes is what one reconcile may hold that does heavy work: what templates make, the keys before them, and their
// output.
const heldBytes = 64<<20 + 4<<20 + 1<<20

// TestMemoryOfTemplatesIsSharedByAllWorkers has 64 workers of 16 namespaces execute the worst template at once.
func TestMemoryOfTemplatesIsSharedByAllWorkers(t *testing.T) {
	h := NewHeavy()
	var text strings.Builder
	for n := range 8 { // All at once, and not one after the other.
		fmt.Fprintf(&text, "{{ $v%d := repeat 1000 $.s }}", n)
	}
	spec := &v1alpha1.SecretSyncSpec{Template: &v1alpha1.Template{Data: map[string]string{"made": text.String()}}}
	value := source.TextValue(`{"s":"` + strings.Repeat("x", 1_000) + `"}`)
	var mutex sync.Mutex
	most := 0
	var workers sync.WaitGroup
	for n := range 64 {
		workers.Go(func() {
			budget := pattern.NewBudget(t.Context(), pattern.PassSteps)
			defer h.Limit(budget, fmt.Sprint("namespace", n%16))()
			_, err := render.Render(render.Work{Budget: budget}, spec, render.Inputs{Source: &value})
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil && !isBusy(err) {
				t.Error(err)
			}
			most = max(most, h.working()*heldBytes)
		})
	}
	workers.Wait()
	if most > 150<<20 || most == 0 {
		t.Errorf("%d MiB may be held at once", most>>20)
	}
	if h.count() != 0 {
		t.Errorf("%d stay", h.count())
	}
}

// limited is the budget of a reconcile of a namespace, and what ends its heavy work.
func limited(t *testing.T, h *Heavy) (budget *pattern.Budget, leave func()) {
	t.Helper()
	budget = pattern.NewBudget(t.Context(), pattern.PassSteps)
	return budget, h.Limit(budget, "a")
}

// A reconcile takes a turn with its first heavy step.
func TestATurnIsTakenWithTheFirstHeavyStep(t *testing.T) {
	h := NewHeavy()
	budget, leave := limited(t, h)
	if left := budget.Left(); left != pattern.PassSteps {
		t.Errorf("it has %d steps", left)
	}
	if err := budget.Spend("light work", lightSteps); err != nil || h.count() != 0 {
		t.Errorf("light work: %v, %d turns", err, h.count())
	}
	if err := budget.Spend("heavy work", 1); err != nil || h.count() != 1 {
		t.Errorf("heavy work: %v, %d turns", err, h.count())
	}
	if leave(); h.count() != 0 {
		t.Errorf("%d turns are kept", h.count())
	}
}

func TestAPassGivesBackNoTurnOfAnother(t *testing.T) {
	h := NewHeavy()
	budget, leave := limited(t, h)
	if err := budget.Spend("heavy work", lightSteps+1); err != nil {
		t.Fatal(err)
	}
	_, leaveLight := limited(t, h)
	if leaveLight(); h.count() != 1 {
		t.Error("a reconcile without heavy work ends that of another")
	}
	var waiting []<-chan error
	for range heavyWaiting {
		waiting = append(waiting, enterAsync(t.Context(), h, "a"))
	}
	refused, leaveRefused := limited(t, h)
	if err := refused.Spend("heavy work", lightSteps+1); !isBusy(err) {
		t.Errorf("more than may wait: %v", err)
	}
	if leaveRefused(); h.count() != 1+heavyWaiting {
		t.Error("a reconcile that was put off ends the work of another")
	}
	leave()
	for _, entered := range waiting {
		if err := <-entered; err != nil {
			t.Error(err)
		}
		h.leave("a")
	}
	if h.count() != 0 {
		t.Errorf("%d turns are kept", h.count())
	}
}

// Who gives up while it waits leaves those who work, and those who wait, as they are.
func TestWhoGivesUpTakesNoOthersTurn(t *testing.T) {
	h := NewHeavy()
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
			t.Errorf("%s: %v work, %d of %d namespaces wait, in the order %q", what, h.running, h.count()-len(h.running), len(h.waiting), h.order)
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
