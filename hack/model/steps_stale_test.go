package model

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

// shortestStale and longestStale limit how long after a change a read may see the state before it.
const shortestStale, longestStale = time.Second, 5 * time.Second

// staleness is what the model knows of stale reads.
type staleness struct {
	// lasts is how long after a change a read may be stale; 0 while none is.
	lasts time.Duration
	// lately says that reads may have been stale since the last settling.
	lately bool
	// undated are the secrets that the operator may have read by GetSecretValue alone since the last settling: its answers
	// have no date by which the operator could see that they are old.
	undated map[*awsSecret]bool
	// denied are those for which DescribeSecret was denied since the operator's last start. It does not ask again for
	// minutes.
	denied map[*awsSecret]bool
	// changed is when a secret changed last.
	changed map[*awsSecret]time.Time
}

// goStale lets the operator's reads see secrets as they were before a change or after it, at random, for
// some seconds after each change.
func (r *run) goStale() bool {
	next := localaws.Staleness{
		Principal: operatorARN, Operation: pick(r, "", "", "", "DescribeSecret", "*GetSecretValue", "List*"), Seed: r.random.Uint64(),
		Random: shortestStale + time.Duration(r.random.Int64N(int64(longestStale-shortestStale))),
	}
	if r.chance(25) {
		next.Lag = time.Duration(r.random.Int64N(int64(shortestStale)))
	}
	r.setStaleness(next)
	return true
}

func (r *run) setStaleness(next localaws.Staleness) {
	r.Helper()
	r.note("reads by %q lag %s, and then for %s are stale at random", next.Operation, next.Lag, next.Random)
	if err := r.env.AWS.SetStaleness(next); err != nil {
		r.Fatal(err)
	}
	r.stale.lasts, r.stale.lately = max(r.stale.lasts, next.Lag+next.Random), true
}

// waver rotates a secret that a SecretSync follows, and requests repeated refreshes while each read sees the secret
// before or after the rotation.
func (r *run) waver() bool {
	by, found := anyOf(r, r.slots, func(s *slot) bool { return s.calm && s.exists && s.spec.from.is == present && s.spec.label == current })
	if !found {
		return false
	}
	r.setStaleness(localaws.Staleness{Principal: operatorARN, Random: shortestStale, Seed: r.random.Uint64()})
	r.put(by.spec.from, r.drawContent(by.spec.from, plain), current)
	for range 8 {
		r.pause(2 * longestPause)
		r.askRefresh(by)
	}
	return true
}

// freshen ends stale reads.
func (r *run) freshen() bool {
	if r.stale.lasts == 0 {
		return false
	}
	r.note("no read is stale")
	if err := r.env.AWS.SetStaleness(); err != nil {
		r.Fatal(err)
	}
	r.stale.lasts = 0
	return true
}

// mayLag says whether a read of a secret may be stale now.
func (r *run) mayLag(of *awsSecret) bool { return time.Since(r.stale.changed[of]) < r.stale.lasts }

// lags says whether a read of a slot's secrets may be stale now.
func (r *run) lags(of *slot) bool {
	for i := range 1 + len(of.spec.more) {
		if r.mayLag(of.spec.readingAt(i).from) {
			return true
		}
	}
	return false
}

// lagging is reported while reads may be stale: then a Secret that is set back may be so only for a moment, which the
// watch must see.
func (r *run) lagging() []string {
	if slices.ContainsFunc(r.secrets, r.mayLag) {
		return []string{"reads are still stale"}
	}
	return nil
}

// begins records that the operator reconciles a SecretSync for the first time, or by a new spec. The event of an
// earlier change is over by then, so that nothing tells the operator that it reads a state from before the change.
func (r *run) begins(of *slot) { of.late = of.late || of.exists && r.lags(of) }

// noteStart records that a process has started, which knows nothing of earlier denials.
func (r *run) noteStart() {
	clear(r.stale.denied)
	r.noteUndated()
}

// noteSettled records that the operator has read all again, those for which it remembers a denial without a date.
func (r *run) noteSettled() {
	r.stale.lately = false
	r.stale.undated = maps.Clone(r.stale.denied)
	r.noteUndated()
}

// noteUndated records the secrets for which DescribeSecret is denied.
func (r *run) noteUndated() {
	for _, of := range r.secrets {
		_, all := r.rules["DescribeSecret "]
		_, this := r.rules["DescribeSecret *"+of.name+"*"]
		if all || this {
			r.stale.undated[of], r.stale.denied[of] = true, true
		}
	}
}

// TestADenialOutlastsASettling: the operator reads a secret without a date until it starts again.
func TestADenialOutlastsASettling(t *testing.T) {
	of := &awsSecret{name: "/model/a"}
	r := &run{T: t, secrets: []*awsSecret{of}, rules: map[string]localaws.Rule{"DescribeSecret *" + of.name + "*": {}},
		stale: staleness{undated: map[*awsSecret]bool{}, denied: map[*awsSecret]bool{}}}
	r.noteUndated()
	clear(r.rules)
	r.noteSettled()
	if !r.stale.undated[of] {
		t.Error("a denial is forgotten while the operator remembers it")
	}
	r.noteStart()
	if !r.stale.undated[of] {
		t.Error("what the former process read is forgotten before all is read again")
	}
	r.noteSettled()
	if r.stale.undated[of] {
		t.Error("a denial is remembered after a start")
	}
}
