package ownwrites

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
)

// repairedAgo are repairs that many of the durations ago.
func repairedAgo(ago ...time.Duration) (repairs []time.Time) {
	for _, since := range ago {
		repairs = append(repairs, noon.Add(-since))
	}
	return repairs
}

// TestWhatIsPutOff: repairs where there were many within a minute. That polls are not put off is tested in package
// secretsync.
func TestWhatIsPutOff(t *testing.T) {
	many := slices.Repeat([]time.Duration{fightWindow}, fightRepairs)
	for name, test := range map[string]struct {
		truce   time.Duration
		repairs []time.Duration
		off     bool
		left    int // repairs that are remembered
	}{
		"the first repair":                   {},
		"a repair within a truce":            {truce: 1, repairs: many[:1], off: true, left: 1},
		"a repair after a truce":             {repairs: many[:1], left: 1},
		"a repair after many":                {repairs: many, off: true},
		"a repair after one less":            {repairs: many[1:], left: fightRepairs - 1},
		"a repair after many that were long": {repairs: append([]time.Duration{fightWindow + 1}, many[1:]...), left: fightRepairs - 1},
	} {
		fight := &Fight{truce: noon.Add(test.truce), repairs: repairedAgo(test.repairs...)}
		failed := fight.PutOff("db", noon)
		if (failed != nil) != test.off {
			t.Errorf("%s: put off by %v", name, failed)
		}
		if failed != nil && failed.Class != failure.Contested {
			t.Errorf("%s: put off by %v, which is no fight", name, failed)
		}
		if len(fight.repairs) != test.left {
			t.Errorf("%s: %d repairs are remembered", name, len(fight.repairs))
		}
	}
}

// TestATruceIsBounded, and a single repair after it is none of a fight.
func TestATruceIsBounded(t *testing.T) {
	fight, now := &Fight{}, noon
	for n := range 50 {
		for range fightRepairs {
			fight.Repaired(now, nil)
		}
		if fight.PutOff("db", now) == nil {
			t.Fatal("a fight goes on")
		}
		if truce := fight.truce.Sub(now); truce < firstTruce/2 || truce > maxTruce || n == 0 && truce > firstTruce {
			t.Fatalf("the truce after fight %d is %s", n, truce)
		}
		now = fight.truce
		if failed := fight.PutOff("db", now); failed != nil {
			t.Fatalf("the repair after a truce is put off: %v", failed)
		}
	}
}

// TestWhoAsksForARefreshEndsATruce, and the next one is short again.
func TestWhoAsksForARefreshEndsATruce(t *testing.T) {
	fight := &Fight{truce: noon.Add(time.Hour), repairs: repairedAgo(0, 0), truces: 3}
	fight.Reset()
	if failed := fight.PutOff("db", noon); failed != nil {
		t.Errorf("the repair is put off: %v", failed)
	}
	if len(fight.repairs) != 0 {
		t.Errorf("%d repairs are remembered", len(fight.repairs))
	}
	if fight.truces != 0 {
		t.Errorf("%d truces are remembered", fight.truces)
	}
}

// TestAFightNamesWhoWroteLast, at its beginning and while its truce lasts.
func TestAFightNamesWhoWroteLast(t *testing.T) {
	fight := &Fight{}
	for range fightRepairs {
		fight.Repaired(noon, []string{"kubectl-edit"})
	}
	fight.Repaired(noon, []string{"argocd"})
	for _, when := range []string{"at its beginning", "in its truce"} {
		failed := fight.PutOff("db", noon)
		if failed == nil || !strings.Contains(failed.Message, "field manager argocd keeps") {
			t.Errorf("%s the failure is %v", when, failed)
		}
	}
}

// TestAfterAFightThatIsOverTheNextTruceIsShort: the Secret was as desired in between.
func TestAfterAFightThatIsOverTheNextTruceIsShort(t *testing.T) {
	fight := &Fight{truces: 9, repairs: repairedAgo(slices.Repeat([]time.Duration{0}, fightRepairs)...)}
	fight.Over()
	if failed := fight.PutOff("db", noon); failed == nil || failed.RetryAfter > firstTruce {
		t.Errorf("repairs are put off by %v", failed)
	}
}
