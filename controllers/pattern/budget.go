package pattern

import (
	"context"
	"sync"
	"sync/atomic"
)

// PassSteps is how many steps a reconcile may take. A step is the work of one instruction of a compiled pattern on one
// byte of the text. In the slowest patterns known it takes 5 to 25 nanoseconds (BenchmarkStep), so a reconcile takes at
// most half a second to two seconds of processor time. Ordinary work takes thousands of steps: the pattern of a guard
// with forty instructions takes 4,000 for a value of a hundred bytes, in a microsecond. Work of other kinds counts a
// step for about 10 nanoseconds.
const PassSteps = 100_000_000

// Budget is the processor time that a reconcile may use, counted in steps. It is safe for concurrent use.
type Budget struct {
	ctx  context.Context
	most int64
	left atomic.Int64
	gate gate
}

// gate is passed once, before the first heavy work.
type gate struct {
	mu sync.Mutex
	// below is the number of steps left below which work is heavy.
	below  int64
	enter  func(context.Context) error
	passed atomic.Bool
}

// NewBudget returns a budget of that many steps. Work ends when ctx does.
func NewBudget(ctx context.Context, steps int64) *Budget {
	made := &Budget{ctx: ctx, most: steps}
	made.left.Store(steps)
	made.gate.passed.Store(true)
	return made
}

// WhenHeavy sets a function that is called once: before work that brings the steps from now on above light, or by
// Heavy. The function may wait. If it fails, the work is refused with its error. WhenHeavy must not be called while
// work is going on.
func (b *Budget) WhenHeavy(light int64, enter func(context.Context) error) {
	b.gate.below, b.gate.enter = b.Left()-light, enter
	b.gate.passed.Store(false)
}

// Heavy announces heavy work, whatever its steps.
func (b *Budget) Heavy() error {
	if b.gate.passed.Load() {
		return nil
	}
	b.gate.mu.Lock()
	defer b.gate.mu.Unlock()
	if b.gate.passed.Load() {
		return nil
	}
	if err := b.gate.enter(b.ctx); err != nil {
		return err
	}
	b.gate.passed.Store(true)
	return nil
}

// Spend takes steps for work that is about to run. It fails if not as many are left, with an *Exceeded that says what
// was refused, or if the context has ended, with the context's error. Refused work takes no steps.
func (b *Budget) Spend(what string, steps int64) error {
	err := b.spend(steps)
	if err != nil {
		err = named(err, what)
	}
	return err
}

// spend is Spend without the name of the work.
func (b *Budget) spend(steps int64) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	for {
		left := b.left.Load()
		if steps < 0 || steps > left {
			return &Exceeded{Steps: steps, Left: left, Most: b.most}
		}
		if !b.left.CompareAndSwap(left, left-steps) {
			continue
		}
		if left-steps < b.gate.below {
			return b.Heavy()
		}
		return nil
	}
}

// Left is how many steps are left.
func (b *Budget) Left() int64 { return b.left.Load() }

// Spent is how many steps were spent.
func (b *Budget) Spent() int64 { return b.most - b.Left() }
