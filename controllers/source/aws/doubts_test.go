package aws

import (
	"strconv"
	"testing"
	"time"
)

// Only what AWS says without exception, of one thing, for long enough, is believed.
func TestADoubtBeginsAgainWhenAWSSaysSomethingElse(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	d := newDoubts(func() time.Time { return now })
	wants := func(what string, want bool, said doubt) {
		t.Helper()
		if got := d.lasting(said); got != want {
			t.Errorf("%s: it has lasted: %v", what, got)
		}
	}
	gone, moved, other := doubt{id: "db", says: "gone"}, doubt{id: "db", says: "moved"}, doubt{id: "web", says: "gone"}
	wants("at first", false, gone)
	now = now.Add(doubtLasts / 2)
	wants("of another secret", false, other)
	wants("half the time later", false, gone)
	now = now.Add(doubtLasts / 2)
	wants("the time later", true, gone)
	wants("half the time later, of the other secret", false, other)
	wants("what contradicts it", false, moved)
	wants("what contradicts that", false, gone)
	now = now.Add(doubtLasts - 1)
	wants("a moment too early", false, gone)
	d.end(gone)
	now = now.Add(1)
	wants("what AWS has said again", true, gone)
	d.end(moved)
	wants("after AWS has said something else", false, gone)
	now = now.Add(doubtLasts)
	d.end(doubt{id: "db"})
	wants("after all is well", false, gone)
}

func TestSoMuchIsInDoubtAtOneTime(t *testing.T) {
	d := newDoubts(time.Now)
	for n := range maxDoubts {
		d.lasting(doubt{id: strconv.Itoa(n), says: "gone"})
	}
	if len(d.since) != maxDoubts {
		t.Errorf("%d are in doubt", len(d.since))
	}
	if d.lasting(doubt{id: "one more", says: "gone"}); len(d.since) != 1 {
		t.Errorf("after one more %d are in doubt", len(d.since))
	}
}
