package aws

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// expectedLasts is for how long an answer is held against a change event. Whatever AWS says after it is how things
	// are.
	expectedLasts = 6 * time.Minute
	// undatedLasts is for how long that is so where no date tells which of the two is older: AWS says that there is no such
	// secret, the event does not say on which version a label is, or both are of one second.
	undatedLasts = 45 * time.Second
	// changesMost is how many changes of one secret are kept, the latest of them, and maxExpected how many secrets have
	// any: some 300 bytes for each change. A call may move 20 labels (page "PutSecretValue").
	changesMost, maxExpected = 24, 10_000
)

// expected are the changes that events were about: answers from before them are out of date. It serves all
// endpoints, as an event does not say who may read the secret.
type expected struct {
	now   func() time.Time
	mutex sync.Mutex
	// changes of each secret, the oldest first. Nil while there are none.
	changes map[secretName][]expectedChange
	// tidied is when those that have had their time were forgotten last.
	tidied time.Time
}

// secretName is how an event and an answer name the same secret; that two accounts may have one of that name costs a
// query more.
type secretName struct{ region, name string }

type expectedChange struct {
	source.Change
	until time.Time
}

// Expect records a change that an event was about. Resolve says from then on, for some minutes, which answers are from
// before it.
func (s *Source) Expect(change source.Change) {
	if change.At.IsZero() && change.VersionID == "" || change.Name == "" {
		return // There is nothing to hold an answer against.
	}
	s.expected.add(change)
}

func (x *expected) add(change source.Change) {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	now := x.now()
	if now.Sub(x.tidied) >= time.Minute || len(x.changes) >= maxExpected {
		x.tidied = now
		maps.DeleteFunc(x.changes, func(_ secretName, changes []expectedChange) bool {
			return !now.Before(changes[len(changes)-1].until)
		})
	}
	if len(x.changes) >= maxExpected {
		clear(x.changes)
	}
	if x.changes == nil {
		x.changes = map[secretName][]expectedChange{}
	}
	name := secretName{change.Region, change.Name}
	if slices.ContainsFunc(x.changes[name], func(known expectedChange) bool { return known.Change == change && now.Before(known.until) }) {
		return // Events come more than once, which makes them no newer.
	}
	x.changes[name] = append(x.changes[name], expectedChange{change, now.Add(expectedLasts)})
	x.changes[name] = x.changes[name][max(0, len(x.changes[name])-changesMost):]
}

// of are the changes of a secret that events of a period were about.
func (x *expected) of(region, name string, within time.Duration) []source.Change {
	x.mutex.Lock()
	defer x.mutex.Unlock()
	if len(x.changes) == 0 {
		return nil
	}
	var changes []source.Change
	for _, noted := range x.changes[secretName{region, name}] {
		if expectedLasts-noted.until.Sub(x.now()) < within {
			changes = append(changes, noted.Change)
		}
	}
	return changes
}

// later says whether an event was about a change that a description does not show, or may not show: what is of the
// same second, which is as exact as events are, may be from after it all the same, and counts for a while alone.
func (x *expected) later(d described) bool {
	changes := x.of(d.region, arns.NameOf(d.arn), expectedLasts)
	if len(changes) == 0 {
		return false
	}
	older := func(change source.Change) bool { return d.changed.Before(change.At) && !d.shows(change) }
	unclear := func(change source.Change) bool {
		return !d.shows(change) || d.changed.Before(change.At.Add(time.Second)) && undone(changes, change)
	}
	return slices.ContainsFunc(changes, older) || slices.ContainsFunc(x.of(d.region, arns.NameOf(d.arn), undatedLasts), unclear)
}

// undone says whether another change may have undone a change.
func undone(changes []source.Change, change source.Change) bool {
	return slices.ContainsFunc(changes, func(other source.Change) bool { return undoes(other, change) })
}

// undoes says whether one of two changes has undone the other, and which one is not known, as both were in one second, which
// is as exact as events are: a label has moved to two versions; or a secret was deleted, and made again or restored.
func undoes(other, change source.Change) bool {
	if !other.At.Equal(change.At) {
		return false
	}
	moved := change.Stage != "" && other.Stage == change.Stage && other.VersionID != change.VersionID
	return moved || other.Deleted != change.Deleted
}

// shows says whether a description is from after a change, or as the change left it. Events have whole seconds: of
// two changes in one second, the version tells.
func (d described) shows(change source.Change) bool {
	switch {
	case !change.At.IsZero() && !d.changed.Before(change.At.Add(time.Second)):
		return true
	case change.Gone:
		return false // It is marked at first, and removed in the background.
	case change.Deleted:
		return !d.deleted.IsZero()
	case change.Restored:
		return d.deleted.IsZero()
	case change.Stage != "":
		return d.carrier(change.Stage) == change.VersionID
	case d.changed.Before(change.At):
		return false
	case change.VersionID != "":
		return slices.ContainsFunc(d.labels, func(l label) bool { return l.versionID == change.VersionID })
	}
	return true
}

// laterThan says whether an event was about a change that the version of a value does not show.
func (x *expected) laterThan(ref source.Ref, version source.Version) bool {
	if ref.VersionID != "" {
		return false
	}
	stage, name := stageOf(ref), arns.NameOf(version.ARN)
	changes := x.of(version.Region, name, expectedLasts)
	moved, shown, told := lastMove(changes, stage, version.ID)
	if told && !shown && (moved.IsZero() || version.Created.Before(moved.Add(time.Second))) {
		return true
	}
	return slices.ContainsFunc(x.of(version.Region, name, undatedLasts), func(change source.Change) bool {
		if change.Stage == stage {
			return change.At.Equal(moved) && version.Created.Before(moved.Add(time.Second)) && undone(changes, change)
		}
		return mayConcern(change, stage) && change.At.After(moved) && version.Created.Before(change.At)
	})
}

// lastMove is when a label has moved last, and whether to that version then, or in that same second.
func lastMove(changes []source.Change, stage, versionID string) (at time.Time, there, told bool) {
	for _, change := range changes {
		if change.Stage != stage || told && change.At.Before(at) {
			continue
		}
		there = change.VersionID == versionID || there && change.At.Equal(at)
		at, told = change.At, true
	}
	return at, there, told
}

// mayConcern says whether a change does not say where a label is, and may have moved it, or have taken away what is
// under it: AWSPREVIOUS moves with AWSCURRENT (page "UpdateSecretVersionStage").
func mayConcern(change source.Change, stage string) bool {
	switch {
	case change.Restored:
		return false
	case change.Stage == "":
		return true
	}
	return stage == stagePrevious && change.Stage == stageCurrent
}

// made says whether the latest event of a secret has told that it was made, restored or changed, and lately, which AWS
// says it does not have, or has marked for deletion.
func (x *expected) made(region, id string) bool {
	return there(x.of(region, arns.Tail(id), undatedLasts)) || there(x.of(region, arns.NameOf(id), undatedLasts))
}

// there says whether a secret is there after the latest of its changes. Of those of one second a deletion counts.
func there(changes []source.Change) (is bool) {
	var latest time.Time
	for _, change := range changes {
		switch {
		case change.At.After(latest):
			latest, is = change.At, !change.Deleted
		case change.At.Equal(latest):
			is = is && !change.Deleted
		}
	}
	return is
}
