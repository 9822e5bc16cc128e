package sharing

import "testing"

// A namespace takes no more than its part, and all together no more than there is.
func TestSharesAreBoundedEachAndTogether(t *testing.T) {
	of := NewAllowance(10, 6)
	a, b := of.NewShare(), of.NewShare()
	for n, step := range []struct {
		who   *Share
		takes int
		want  bool
	}{
		{a, 7, false}, {a, 6, true}, {a, 1, false}, {b, 5, false}, {b, 4, true}, {b, 1, false},
		{a, -2, true}, {b, 2, true}, {b, 1, false}, {a, -4, true}, {b, 1, false}, {a, 4, true}, {a, 1, false},
	} {
		if step.takes < 0 {
			step.who.Give(-step.takes)
		} else if got := step.who.Take(step.takes); got != step.want {
			t.Errorf("step %d: %d are taken: %v; it has %d, all have %d", n, step.takes, got, step.who.taken, of.taken)
		}
	}
	if a.Taken() != 4 || b.Taken() != 6 || of.taken != 10 {
		t.Errorf("they have %d and %d, together %d", a.Taken(), b.Taken(), of.taken)
	}
}
