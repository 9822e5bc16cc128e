package secretsync

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

func TestANewSecretSyncOfAnOldNameRemembersNothing(t *testing.T) {
	states := newStates(time.Now)
	first := states.of(here, "uid-1")
	first.schedule.Plan(schedule.Result{Began: noon, Failure: failure.DeadlineExceeded(0)}, noon)
	if again := states.of(here, "uid-1"); again != first {
		t.Error("a SecretSync has two states")
	}
	if failures, _ := states.of(here, "uid-2").schedule.Failures(); failures != 0 {
		t.Error("a SecretSync that was recreated remembers the old one's failures")
	}
	states.forget(here)
	if len(states.byName) != 0 {
		t.Error("a deleted SecretSync is remembered")
	}
}

func TestTheMostOverdue(t *testing.T) {
	states := newStates(time.Now)
	if got := states.mostOverdue(noon); got != 0 {
		t.Errorf("nothing is overdue by %s", got)
	}
	for name, due := range map[string]time.Time{"late": noon.Add(-time.Minute), "later": noon.Add(-time.Hour), "ahead": noon.Add(time.Hour), "suspended": {}} {
		states.of(types.NamespacedName{Name: name}, "uid").schedule.SetNext(due)
	}
	if got := states.mostOverdue(noon); got != time.Hour {
		t.Errorf("the most overdue is so by %s", got)
	}
}

func TestWhatIsStaleIsSoForLong(t *testing.T) {
	states := newStates(time.Now)
	for name, behind := range map[string]time.Duration{"just now": 0, "a while": ownwrites.MaxWatchLag - 1, "long": ownwrites.MaxWatchLag, "longer": time.Minute} {
		states.of(types.NamespacedName{Name: name}, "uid").cache.behind = noon.Add(-behind)
	}
	states.of(here, "uid")
	count, longest := states.stale(noon)
	if count != 2 {
		t.Errorf("%d are stale", count)
	}
	if longest != time.Minute {
		t.Errorf("one is so for %s", longest)
	}
}

func TestNothingIsLeftOfWhatIsGone(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.states.of(here, "uid")
	e.wakes.wake(here, true)
	e.changes.record(here, noon, RotationFailure{})
	all := e.states.all()
	e.forget(here)
	if woken, surely := e.wakes.take(here); woken || surely {
		t.Errorf("it is to be woken still: %t, surely %t", woken, surely)
	}
	if _, known := e.changes.take(here); known {
		t.Error("a change event of it is known still")
	}
	if len(all) != 1 {
		t.Error("a list of all states changes under its reader")
	}
	if len(e.states.all()) != 0 {
		t.Error("a list of all states is not up to date")
	}
}
