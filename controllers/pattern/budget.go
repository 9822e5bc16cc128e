package pattern

import (
	"context"
	"sync"
	"sync/atomic"
)

// PassSteps is what one pass of the reconciler may take. A step is what one instruction of a compiled pattern does
// with one byte of the text. In the patterns that were found to be slowest it takes 5 to 25 nanoseconds (BenchmarkStep), so
// that a pass takes at most half a second to two seconds of processor time. Ordinary work takes thousands of steps: a
// guard's pattern of forty instructions and a value of a hundred bytes take 4,000, in a microsecond. Work of other kinds
// counts one step for some 10 nanoseconds.
const PassSteps = 100_000_000

// Budget is the processor time that one pass may take, counted in steps. It is safe for concurrent use.
type Budget struct {
	ctx  context.Context
	most int64
	left atomic.Int64
	gate gate
}

// gate is what heavy work has to pass, once.
type gate struct {
	mu sync.Mutex
	// below is how many steps are left where heavy work begins.
	below  int64
	enter  func(context.Context) error
	passed atomic.Bool
}

// NewBudget gives a budget of some steps for work that ends when ctx does.
func NewBudget(ctx context.Context, steps int64) *Budget {
	made := &Budget{ctx: ctx, most: steps}
	made.left.Store(steps)
	made.gate.passed.Store(true)
	return made
}

// WhenHeavy has enter called once, before work begins by which more than light steps are spent from now on, or by Heavy.
// Enter may wait; where it fails, the work is refused with its error. Call it while nothing is being done.
func (b *Budget) WhenHeavy(light int64, enter func(context.Context) error) {
	b.gate.below, b.gate.enter = b.Left()-light, enter
	b.gate.passed.Store(false)
}

// Heavy says that heavy work begins, whatever its steps.
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

// Spend takes steps for work that is about to run, and refuses where not as many are left, or where the context has
// ended: with an *Exceeded that says what was refused, or with the context's error. What is refused takes nothing.
func (b *Budget) Spend(what string, steps int64) error {
	err := b.spend(steps)
	if err != nil {
		err = named(err, what)
	}
	return err
}

// spend is Spend; what was refused is still to be named.
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

// Left is how many steps can be spent still.
func (b *Budget) Left() int64 { return b.left.Load() }

// Spent is how many steps were spent.
func (b *Budget) Spent() int64 { return b.most - b.Left() }
