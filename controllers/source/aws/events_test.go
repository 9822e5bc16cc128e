package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// expecting are changes that events are of, which came just now.
func expecting(changes ...source.Change) (x *expected, now *time.Time) {
	moment := time.Now()
	x = &expected{now: func() time.Time { return moment }}
	for _, change := range changes {
		change.Name, change.Region = scriptedID, localaws.DefaultRegion
		x.add(change)
	}
	return x, &moment
}

// Each line is what a description shows at a moment of a secret that was marked for deletion, whose label has moved within
// the second of that.
func TestWhatWasUndoneWithinASecondIsUnclearForAWhile(t *testing.T) {
	moved := source.Change{At: date(10), Stage: stageCurrent, VersionID: "v1"}
	for name, test := range map[string]struct {
		second  float64
		changes []source.Change
		later   bool
	}{
		"of the same second":            {10.5, []source.Change{moved, {At: date(10), Deleted: true}}, true},
		"of the next second":            {11, []source.Change{moved, {At: date(10), Deleted: true}}, false},
		"of changes a second apart":     {10.5, []source.Change{{At: date(9), Stage: stageCurrent, VersionID: "v1"}, {At: date(10), Deleted: true}}, false},
		"of two labels of a second":     {10.5, []source.Change{moved, {At: date(10), Stage: "blue", VersionID: "v0"}}, false},
		"of a version, and of no label": {10.5, []source.Change{{At: date(10), VersionID: "v1"}, {At: date(10)}}, false},
		"of two events of a deletion ":  {10.5, []source.Change{{At: date(10), Deleted: true}, {At: date(10), Deleted: true, VersionID: "v1"}}, false},
	} {
		x, now := expecting(test.changes...)
		d := described{arn: benchARN, region: localaws.DefaultRegion, changed: date(test.second), deleted: date(10.5),
			labels: []label{{stageCurrent, "v1"}, {"blue", "v0"}}}
		if got := x.later(d); got != test.later {
			t.Errorf("%s: it is from before: %v", name, got)
		}
		if *now = now.Add(undatedLasts); x.later(d) {
			t.Errorf("%s: it is from before, a while later", name)
		}
	}
}

func TestWhatUndoesAChange(t *testing.T) {
	moved := source.Change{At: date(10), Stage: stageCurrent, VersionID: "v1"}
	for name, test := range map[string]struct {
		other, change source.Change
		undoes        bool
	}{
		"its label on another version":   {source.Change{At: date(10), Stage: stageCurrent, VersionID: "v2"}, moved, true},
		"its label on the same version":  {moved, moved, false},
		"its label, a second later":      {source.Change{At: date(11), Stage: stageCurrent, VersionID: "v2"}, moved, false},
		"another label":                  {source.Change{At: date(10), Stage: "blue", VersionID: "v2"}, moved, false},
		"another version without labels": {source.Change{At: date(10), VersionID: "v2"}, source.Change{At: date(10), VersionID: "v1"}, false},
		"a deletion":                     {source.Change{At: date(10), Deleted: true}, moved, true},
		"a deletion, the other way":      {moved, source.Change{At: date(10), Deleted: true}, true},
	} {
		if got := undoes(test.other, test.change); got != test.undoes {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Each line is the version of a value that was made at a moment, and whether it is from before what events tell.
func TestTheDateOfAValueIsHeldAgainstTheEvent(t *testing.T) {
	moved := func(second float64, stage, version string) source.Change {
		return source.Change{At: date(second), Stage: stage, VersionID: version}
	}
	twice := []source.Change{moved(10, stageCurrent, "v1"), moved(10, stageCurrent, "v2")}
	for name, test := range map[string]struct {
		ref    source.Ref
		made   float64
		events []source.Change
		before bool
	}{
		"made in the second of another's move": {source.Ref{}, 10.5, []source.Change{moved(10, stageCurrent, "v2")}, true},
		"made in the next second":              {source.Ref{}, 11, []source.Change{moved(10, stageCurrent, "v2")}, false},
		"pinned":                               {source.Ref{VersionID: "v1"}, 3, []source.Change{moved(10, stageCurrent, "v2"), {At: date(12)}}, false},
		"made in a second of two moves":        {source.Ref{}, 10.5, twice, true},
		"made after a second of two moves":     {source.Ref{}, 11.2, twice, false},
		"moved back and forth, and then there": {source.Ref{}, 3, []source.Change{moved(8, stageCurrent, "v1"), moved(8, stageCurrent, "v2"), moved(10, stageCurrent, "v1")}, false},
		"under a label of its own":             {source.Ref{VersionStage: "blue"}, 3, []source.Change{moved(10, stageCurrent, "v2")}, false},
		"under AWSPREVIOUS, another moves":     {source.Ref{VersionStage: stagePrevious}, 3, []source.Change{moved(10, "blue", "v2")}, false},
		"under AWSPREVIOUS, AWSCURRENT moves":  {source.Ref{VersionStage: stagePrevious}, 3, []source.Change{moved(10, stageCurrent, "v2")}, true},
	} {
		x, _ := expecting(test.events...)
		version := source.Version{ARN: benchARN, ID: "v1", Region: localaws.DefaultRegion, Created: date(test.made)}
		if got := x.laterThan(test.ref, version); got != test.before {
			t.Errorf("%s: it is from before: %v", name, got)
		}
	}
}

// A secret is known by its name, its ARN, and its ARN without the random characters.
func TestAnEventIsOfASecretByAnyOfItsNames(t *testing.T) {
	for name, id := range map[string]string{"its name": scriptedID, "its ARN": benchARN, "its partial ARN": arns.Partial(benchARN)} {
		x, now := expecting(source.Change{At: date(10)}, source.Change{At: date(10), Stage: stageCurrent, VersionID: "v1"})
		if !x.made(localaws.DefaultRegion, id) || x.made("us-east-1", id) {
			t.Errorf("by %s it is not there, or in another region", name)
		}
		if *now = now.Add(undatedLasts); x.made(localaws.DefaultRegion, id) {
			t.Errorf("by %s it is there a while later", name)
		}
	}
}

// An event that tells no secret, or neither when nor which version, says nothing of any answer.
func TestAnEventThatTellsNothingIsNotKept(t *testing.T) {
	p := newScripted(t)
	for _, change := range []source.Change{
		{At: date(10), Stage: stageCurrent, VersionID: "v2"}, {Name: scriptedID, Stage: stageCurrent}, {Name: scriptedID, Deleted: true},
	} {
		change.Region = localaws.DefaultRegion
		p.source.Expect(change)
	}
	p.says(3, "AWSCURRENT=v1")
	if p.want("the state", "v1", false, source.VersionQuery{}); len(p.source.expected.changes) != 0 {
		t.Errorf("%d secrets are known of", len(p.source.expected.changes))
	}
}

// Of one secret the latest changes are kept.
func TestTheLatestChangesOfASecretAreKept(t *testing.T) {
	x, _ := expecting()
	for n := range 100 {
		x.add(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(float64(n))})
	}
	kept := x.of(localaws.DefaultRegion, scriptedID, expectedLasts)
	if len(kept) != changesMost || changesMost > 24 || kept[0].At != date(100-changesMost) || kept[len(kept)-1].At != date(99) {
		t.Errorf("%d changes are kept", len(kept))
	}
}

// Where events tell of very many secrets, those that have had their time go first.
func TestEventsThatHaveHadTheirTimeMakeRoom(t *testing.T) {
	x, now := expecting()
	tell := func(name string) { x.add(source.Change{Name: name, At: date(1)}) }
	known := func(name string) bool { return len(x.changes[secretName{"", name}]) > 0 }
	for n := range maxExpected - 1 {
		tell(fmt.Sprint("old-", n))
	}
	*now = now.Add(expectedLasts - 20*time.Second)
	tell("recent")
	*now = now.Add(20 * time.Second)
	tell("last")
	if !known("recent") || !known("last") || len(x.changes) != 2 {
		t.Errorf("of %d secrets that are known of one is recent: %v, and one the last: %v", len(x.changes), known("recent"), known("last"))
	}
	for n := range maxExpected {
		if tell(fmt.Sprint("new-", n)); len(x.changes) > maxExpected {
			t.Fatalf("%d secrets are known of", len(x.changes))
		}
	}
}

// They also go where there are few: a minute after the last ones went.
func TestEventsThatHaveHadTheirTimeGo(t *testing.T) {
	x, now := expecting()
	x.add(source.Change{Name: "one", At: date(1)})
	*now = now.Add(expectedLasts - time.Minute)
	x.add(source.Change{Name: "two", At: date(1)})
	*now = now.Add(time.Minute)
	x.add(source.Change{Name: "three", At: date(1)})
	if _, is := x.changes[secretName{"", "one"}]; is || len(x.changes) != 2 {
		t.Errorf("%d secrets are known of", len(x.changes))
	}
}
