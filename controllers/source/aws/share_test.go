package aws

import "testing"

// A namespace takes no more than its part, and all together no more than there is.
func TestSharesAreBoundedEachAndTogether(t *testing.T) {
	of := &allowance{most: 10, each: 6}
	a, b := &share{of: of}, &share{of: of}
	for n, step := range []struct {
		who   *share
		takes int
		want  bool
	}{
		{a, 7, false}, {a, 6, true}, {a, 1, false}, {b, 5, false}, {b, 4, true}, {b, 1, false},
		{a, -2, true}, {b, 2, true}, {b, 1, false}, {a, -4, true}, {b, 1, false}, {a, 4, true}, {a, 1, false},
	} {
		if step.takes < 0 {
			step.who.give(-step.takes)
		} else if got := step.who.take(step.takes); got != step.want {
			t.Errorf("step %d: %d are taken: %v; it has %d, all have %d", n, step.takes, got, step.who.taken, of.taken)
		}
	}
	if a.taken != 4 || b.taken != 6 || of.taken != 10 {
		t.Errorf("they have %d and %d, together %d", a.taken, b.taken, of.taken)
	}
}
