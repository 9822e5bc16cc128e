package secretsync

import (
	"slices"
	"testing"
	"time"
)

// repairedAgo are repairs that many of the durations ago.
func repairedAgo(ago ...time.Duration) (repairs []time.Time) {
	for _, one := range ago {
		repairs = append(repairs, noon.Add(-one))
	}
	return repairs
}

// TestWhatIsPutOff: repairs alone, and where there were many within a minute.
func TestWhatIsPutOff(t *testing.T) {
	many := slices.Repeat([]time.Duration{fightWindow}, fightRepairs)
	for name, test := range map[string]struct {
		trigger trigger
		truce   time.Duration
		repairs []time.Duration
		off     bool
		left    int // repairs that are remembered
	}{
		"the first repair":                   {trigger: triggerDrift},
		"a repair within a truce":            {trigger: triggerDrift, truce: 1, repairs: many[:1], off: true, left: 1},
		"a repair after a truce":             {trigger: triggerDrift, repairs: many[:1], left: 1},
		"a poll within a truce":              {trigger: triggerPoll, truce: 1},
		"a poll after many repairs":          {trigger: triggerPoll, repairs: many, left: fightRepairs},
		"a repair after many":                {trigger: triggerDrift, repairs: many, off: true},
		"a repair after one less":            {trigger: triggerDrift, repairs: many[1:], left: fightRepairs - 1},
		"a repair after many that were long": {trigger: triggerDrift, repairs: append([]time.Duration{fightWindow + 1}, many[1:]...), left: fightRepairs - 1},
	} {
		p := written("version-1", "version-1")
		d := newDesk(t, p.before.DeepCopy())
		p.trigger, p.memory.truce, p.memory.repairs = test.trigger, noon.Add(test.truce), repairedAgo(test.repairs...)
		if err := d.hold(t.Context(), p); (err != nil) != test.off || len(p.memory.repairs) != test.left {
			t.Errorf("%s: put off by %v, %d repairs are remembered", name, err, len(p.memory.repairs))
		}
	}
}

// TestATruceIsBounded, and a single repair after it is none of a fight.
func TestATruceIsBounded(t *testing.T) {
	p := written("version-1", "version-1")
	d := newDesk(t, p.before.DeepCopy())
	p.trigger = triggerDrift
	for n := range 50 {
		p.memory.repairs = slices.Repeat([]time.Time{d.clock.Now()}, fightRepairs)
		if d.hold(t.Context(), p) == nil {
			t.Fatal("a fight goes on")
		}
		if truce := p.memory.truce.Sub(d.clock.Now()); truce < truceFirst/2 || truce > truceMost || n == 0 && truce > truceFirst {
			t.Fatalf("the truce after fight %d is %s", n, truce)
		}
		d.clock.SetTime(p.memory.truce)
		if err := d.hold(t.Context(), p); err != nil {
			t.Fatalf("the repair after a truce is put off: %v", err)
		}
	}
}
