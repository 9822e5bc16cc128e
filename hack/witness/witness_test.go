package witness

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

// least is how many calls both are asked.
const least = 240

// ticking is a clock that is ahead by a little each time it is looked at, and never by more, however slow the machine:
// what the local AWS does in the background, it does not get to.
func ticking() func() time.Time {
	var looks atomic.Int64
	begin := time.Now()
	return func() time.Time { return begin.Add(time.Duration(looks.Add(1)) * time.Microsecond) }
}

// TestTheLocalAWSAgainstMoto asks both the same, and wants each difference to be judged, and each judgement to be needed.
func TestTheLocalAWSAgainstMoto(t *testing.T) {
	moto, err := Start(t.Context())
	if errors.Is(err, ErrNone) {
		t.Skip("SKIPPED, the local AWS is not held against a witness here:", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := moto.Close(); err != nil {
			t.Error(err)
		}
	})
	local, err := localaws.Start(&localaws.Server{Account: Account, Now: ticking()}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})

	ours, theirs := &side{url: local.URL(), arns: map[string]string{}}, &side{url: moto.URL, arns: map[string]string{}}
	calls := scenes(t)
	if len(calls) < least {
		t.Fatalf("%d calls, want %d", len(calls), least)
	}
	judge := newJudge()
	asked := map[string]bool{}
	for _, c := range calls {
		if asked[c.String()] {
			t.Fatalf("two calls are named %s", c)
		}
		asked[c.String()] = true
		a, err := ours.ask(t.Context(), c)
		if err != nil {
			t.Fatalf("the local AWS, %s: %v", c, err)
		}
		b, err := theirs.ask(t.Context(), c)
		if err != nil {
			t.Fatalf("moto, %s: %v", c, err)
		}
		for _, d := range compare(c, a, b) {
			if !judge.knows(d) {
				t.Errorf("not judged: %s", d)
			}
		}
	}
	for _, unused := range judge.unused() {
		t.Errorf("nothing needs the judgement %s any more with moto %s: drop it", unused, moto.Version)
	}
	t.Logf("moto %s: %d calls, %d differences, judged by %d entries", moto.Version, len(calls), judge.differences, len(judge.entries))
}
