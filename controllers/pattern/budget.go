package pattern

import (
	"context"
	"fmt"
	"sync/atomic"
)

// PassSteps is what one pass of the reconciler may take. A step is what one instruction of a compiled pattern does
// with one byte of the text. In the patterns that were found to be slowest it takes 5 to 25 nanoseconds (BenchmarkStep), so
// that a pass takes at most a quarter of a second to 1.3 seconds of processor time. Ordinary work takes thousands of
// steps: a guard's pattern of forty instructions and a value of a hundred bytes take 4,000, in a microsecond.
const PassSteps = 50_000_000

// NanosecondsPerStep is what work of another kind counts for one step; see PassSteps.
const NanosecondsPerStep = 10

// Budget is the processor time that one pass may take, counted in steps. It is safe for concurrent use.
type Budget struct {
	ctx  context.Context
	most int64
	left atomic.Int64
}

// NewBudget gives a budget of some steps for work that ends when ctx does.
func NewBudget(ctx context.Context, steps int64) *Budget {
	made := &Budget{ctx: ctx, most: steps}
	made.left.Store(steps)
	return made
}

// Spend takes steps for work that is about to run, and refuses where not as many are left, or where the context has
// ended: with an *Exceeded that says what was refused, or with the context's error. What is refused takes nothing.
func (b *Budget) Spend(what string, steps int64) error {
	if err := b.ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if b.take(steps) {
		return nil
	}
	return &Exceeded{What: what, Steps: steps, Left: b.Left(), Most: b.most}
}

func (b *Budget) take(steps int64) bool {
	for {
		left := b.left.Load()
		if steps < 0 || steps > left {
			return false
		}
		if b.left.CompareAndSwap(left, left-steps) {
			return true
		}
	}
}

// Left is how many steps can be spent still.
func (b *Budget) Left() int64 { return b.left.Load() }

// Spent is how many steps were spent.
func (b *Budget) Spent() int64 { return b.most - b.Left() }

// Context is that of the pass.
func (b *Budget) Context() context.Context { return b.ctx }
