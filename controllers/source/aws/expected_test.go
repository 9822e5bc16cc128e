package aws

import (
	"fmt"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// Each line is what an event tells, what AWS says by then, and whether that is from before the event.
func TestAnAnswerIsHeldAgainstTheEvent(t *testing.T) {
	at := date(10)
	for name, test := range map[string]struct {
		change source.Change
		second float64
		labels []string
		behind bool
	}{
		"a value, and the state before":                  {source.Change{At: at, Stage: stageCurrent, VersionID: "v2"}, 3, []string{"AWSCURRENT=v1"}, true},
		"a value, and its state":                         {source.Change{At: at, Stage: stageCurrent, VersionID: "v2"}, 10.4, []string{"AWSCURRENT=v2", "AWSPREVIOUS=v1"}, false},
		"a value, and another of the same second":        {source.Change{At: at, Stage: stageCurrent, VersionID: "v2"}, 10.2, []string{"AWSCURRENT=v1"}, true},
		"a value, and a later one":                       {source.Change{At: at, Stage: stageCurrent, VersionID: "v2"}, 11, []string{"AWSCURRENT=v3"}, false},
		"a value whose event is a second late":           {source.Change{At: at, Stage: stageCurrent, VersionID: "v2"}, 9.9, []string{"AWSCURRENT=v2"}, false},
		"a rollback, and the state before":               {source.Change{At: at, Stage: stageCurrent, VersionID: "v1"}, 10.1, []string{"AWSCURRENT=v2", "AWSPREVIOUS=v1"}, true},
		"a version under any label":                      {source.Change{At: at, VersionID: "v2"}, 10.1, []string{"AWSCURRENT=v1", "AWSPENDING=v2"}, false},
		"a version that has no label yet":                {source.Change{At: at, VersionID: "v2"}, 10.1, []string{"AWSCURRENT=v1"}, true},
		"a label that was taken away, and it is":         {source.Change{At: at, Stage: "blue"}, 10, []string{"AWSCURRENT=v1"}, false},
		"a label that was taken away, and it is not":     {source.Change{At: at, Stage: "blue"}, 9, []string{"AWSCURRENT=v1", "blue=v0"}, true},
		"a change without a version, of the same second": {source.Change{At: at}, 10, []string{"AWSCURRENT=v1"}, false},
		"a change without a version, and before":         {source.Change{At: at}, 9.999, []string{"AWSCURRENT=v1"}, true},
		"a deletion that is not there yet":               {source.Change{At: at, Deleted: true}, 10.9, []string{"AWSCURRENT=v1"}, true},
		"a secret that is restored":                      {source.Change{At: at, Restored: true}, 1, []string{"AWSCURRENT=v1"}, false},
		"a version without a time":                       {source.Change{Stage: stageCurrent, VersionID: "v2"}, 1, []string{"AWSCURRENT=v1"}, true},
		"a deletion by force that has just begun":        {source.Change{At: at, Deleted: true, Gone: true}, 10.9, []string{"AWSCURRENT=v1"}, true},
		"a deletion by force, and a successor":           {source.Change{At: at, Deleted: true, Gone: true}, 11, []string{"AWSCURRENT=v1"}, false},
		"nothing to go by":                               {source.Change{}, 1, []string{"AWSCURRENT=v1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newScripted(t)
			test.change.Name, test.change.Region = scriptedID, localaws.DefaultRegion
			p.source.Expect(test.change)
			p.says(test.second, test.labels...)
			seen, err := p.ask(source.VersionQuery{})
			if err != nil || seen.Outdated != test.behind {
				t.Errorf("behind: %v, %v", seen.Outdated, err)
			}
			if seen, err := p.ask(source.VersionQuery{Ref: source.Ref{SecretID: benchARN}}); err != nil || seen.Outdated != test.behind {
				t.Errorf("by its ARN it is behind: %v, %v", seen.Outdated, err)
			}
			p.now = p.now.Add(expectedLasts)
			p.want("after some minutes", seen.Version.ID, false, source.VersionQuery{})
		})
	}
}

// A secret may be marked for deletion and restored within a second.
func TestWhatShowsADeletion(t *testing.T) {
	at := date(10)
	for name, test := range map[string]struct {
		change source.Change
		marked bool
		shown  bool
	}{
		"a deletion, and a secret that is marked":            {source.Change{At: at, Deleted: true}, true, true},
		"a deletion, and one that is not":                    {source.Change{At: at, Deleted: true}, false, false},
		"a restored secret, and one that is still marked":    {source.Change{At: at, Restored: true}, true, false},
		"a restored secret, and one that is not marked":      {source.Change{At: at, Restored: true}, false, true},
		"a deletion by force, and a secret that is marked":   {source.Change{At: at, Deleted: true, Gone: true}, true, false},
		"another change of the second, and a marked secret":  {source.Change{At: at}, true, true},
		"a change of the next second, and one that is older": {source.Change{At: date(11)}, true, false},
	} {
		d := described{changed: date(10.5)}
		if test.marked {
			d.deleted = date(10.5)
		}
		if shown := d.shows(test.change); shown != test.shown {
			t.Errorf("%s: shown: %v", name, shown)
		}
	}
}

// Events tell whole seconds, and not in which order a label has moved within one.
func TestALabelThatMovesSeveralTimesInASecond(t *testing.T) {
	p := newScripted(t)
	for _, version := range []string{"v1", "v2"} {
		p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(10), Stage: stageCurrent, VersionID: version})
	}
	p.says(3, "AWSCURRENT=v0")
	p.want("the state before", "v0", true, source.VersionQuery{})
	p.says(10.4, "AWSCURRENT=v1", "AWSPREVIOUS=v2")
	p.want("one of the moves", "v1", true, source.VersionQuery{})
	p.now = p.now.Add(undatedLasts)
	p.want("one of the moves, a while later", "v1", false, source.VersionQuery{})
	p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(11), Stage: stageCurrent, VersionID: "v2"})
	p.want("a move of the next second", "v1", true, source.VersionQuery{})
	p.denied = true
	p.gives("v1", 3)
	p.want("the value of a move before the last", "v1", true, source.VersionQuery{})
	p.gives("v2", 4)
	p.want("the value of the last", "v2", false, source.VersionQuery{})
}

// A secret may be deleted by force and made again within a second, or marked and restored: as it is then is not held
// against the deletion for longer than AWS may take.
func TestASecretThatIsDeletedAndMadeAgainInASecond(t *testing.T) {
	deleted := source.Change{At: date(10), Deleted: true}
	forced := source.Change{At: date(10), Deleted: true, Gone: true}
	for name, test := range map[string]struct {
		changes []source.Change
		second  float64
		lasting bool
	}{
		"deleted by force and made again":             {[]source.Change{forced, {At: date(10), Stage: stageCurrent, VersionID: "v1"}}, 10.4, false},
		"the wrong way round":                         {[]source.Change{{At: date(10), Stage: stageCurrent, VersionID: "v1"}, forced}, 10.4, false},
		"made again, the event names no version":      {[]source.Change{forced, {At: date(10)}}, 10.4, false},
		"made again with another version":             {[]source.Change{forced, {At: date(10), Stage: stageCurrent, VersionID: "v2"}}, 10.4, false},
		"made again, and the state before":            {[]source.Change{forced, {At: date(10), Stage: stageCurrent, VersionID: "v2"}}, 3, true},
		"a label moved, deleted by force, made again": {[]source.Change{{At: date(10), Stage: "blue", VersionID: "v0"}, forced, {At: date(10)}}, 10.4, false},
		"marked and restored":                         {[]source.Change{deleted, {At: date(10), Restored: true}}, 10.4, false},
		"deleted by force, and nothing else is told":  {[]source.Change{forced}, 10.4, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newScripted(t)
			for _, change := range test.changes {
				change.Name, change.Region = scriptedID, localaws.DefaultRegion
				p.source.Expect(change)
			}
			p.says(test.second, "AWSCURRENT=v1")
			p.want("at once", "v1", true, source.VersionQuery{})
			p.now = p.now.Add(undatedLasts)
			p.want("a while later", "v1", test.lasting, source.VersionQuery{})
		})
	}
}

// What an event has told last of a secret counts against the answer that there is none, and not for long.
func TestASecretIsThereByItsLatestEvent(t *testing.T) {
	change := func(second float64, deleted bool) source.Change {
		return source.Change{Name: "s", Region: "r", At: date(second), Deleted: deleted}
	}
	for name, test := range map[string]struct {
		changes []source.Change
		there   bool
	}{
		"none":                              {nil, false},
		"made":                              {[]source.Change{change(1, false)}, true},
		"made and deleted":                  {[]source.Change{change(1, false), change(2, true)}, false},
		"deleted and made":                  {[]source.Change{change(1, true), change(2, false)}, true},
		"deleted and made, the wrong way":   {[]source.Change{change(2, false), change(1, true)}, true},
		"both in one second":                {[]source.Change{change(1, true), change(1, false)}, false},
		"both in one second, the wrong way": {[]source.Change{change(1, false), change(1, true)}, false},
	} {
		now := time.Now()
		x := &expected{now: func() time.Time { return now }}
		for _, change := range test.changes {
			x.add(change)
		}
		if got := x.made("r", "s"); got != test.there {
			t.Errorf("%s: there: %v", name, got)
		}
		if now = now.Add(undatedLasts); x.made("r", "s") {
			t.Errorf("%s: it is there a while later", name)
		}
	}
}

// Where DescribeSecret is denied, the value is all that there is to go by. Each line has what events tell, and whether
// version v1, which was made at second 3, is from before it: at once, and once undatedLasts is over.
func TestAValueIsHeldAgainstTheEvent(t *testing.T) {
	moved := func(second float64, stage, version string) source.Change {
		return source.Change{At: date(second), Stage: stage, VersionID: version}
	}
	for name, test := range map[string]struct {
		stage         string
		changes       []source.Change
		behind, later bool
	}{
		"its label is on another version":        {"", []source.Change{moved(10, stageCurrent, "v2")}, true, true},
		"its label is on this version":           {"", []source.Change{moved(10, stageCurrent, "v1")}, false, false},
		"its label was taken away":               {"blue", []source.Change{moved(10, "blue", "")}, true, true},
		"its label came back":                    {"", []source.Change{moved(10, stageCurrent, "v2"), moved(12, stageCurrent, "v1")}, false, false},
		"its label came back, the wrong way":     {"", []source.Change{moved(12, stageCurrent, "v1"), moved(10, stageCurrent, "v2")}, false, false},
		"a label moved twice in a second":        {"", []source.Change{moved(10, stageCurrent, "v1"), moved(10, stageCurrent, "v2")}, true, false},
		"a version that was made later":          {"", []source.Change{moved(1, stageCurrent, "v0")}, false, false},
		"another label":                          {"", []source.Change{moved(10, "blue", "v2")}, false, false},
		"AWSPREVIOUS, as AWSCURRENT moves":       {stagePrevious, []source.Change{moved(10, stageCurrent, "v2")}, true, false},
		"AWSPREVIOUS, which then moves itself":   {stagePrevious, []source.Change{moved(10, stageCurrent, "v2"), moved(11, stagePrevious, "v1")}, false, false},
		"a change that names no label":           {"", []source.Change{{At: date(10)}}, true, false},
		"one that made this version":             {"", []source.Change{{At: date(3)}}, false, false},
		"a deletion":                             {"", []source.Change{{At: date(10), Deleted: true}}, true, false},
		"a secret that is restored":              {"", []source.Change{{At: date(10), Restored: true}}, false, false},
		"a move that is not dated":               {"", []source.Change{{Stage: stageCurrent, VersionID: "v2"}}, true, true},
		"a move to this version, without a date": {"", []source.Change{{Stage: stageCurrent, VersionID: "v1"}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newScripted(t)
			p.denied = true
			for _, change := range test.changes {
				change.Name, change.Region = scriptedID, localaws.DefaultRegion
				p.source.Expect(change)
			}
			p.gives("v1", 3)
			query := source.VersionQuery{Ref: source.Ref{VersionStage: test.stage}}
			p.want("at once", "v1", test.behind, query)
			p.now = p.now.Add(undatedLasts)
			p.want("a while later", "v1", test.later, query)
			p.now = p.now.Add(expectedLasts)
			p.want("some minutes later", "v1", false, query)
		})
	}
}

// That AWS has marked a secret for deletion is held against the event that it was made again, or restored.
func TestAMarkForDeletionIsHeldAgainstTheEvent(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	p.answers[getSecretValue] = `{"__type":"InvalidRequestException","Message":"You can't perform this operation on the secret because it was marked for deletion."}`
	ask := func() (source.Kind, bool) {
		_, err := p.ask(source.VersionQuery{})
		return source.KindOf(err), source.IsOutdated(err)
	}
	if kind, behind := ask(); kind != source.SecretPendingDeletion || behind {
		t.Errorf("before any event: %s, behind: %v", kind, behind)
	}
	p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(10), Restored: true})
	if _, behind := ask(); !behind {
		t.Error("after the event that it was restored the mark is believed")
	}
	p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(11), Deleted: true})
	if _, behind := ask(); behind {
		t.Error("after the event that it was deleted the mark is not believed")
	}
}

func TestAnEventConcernsItsSecretAlone(t *testing.T) {
	p := newScripted(t)
	for name, region := range map[string]string{"other": localaws.DefaultRegion, scriptedID: "eu-central-1", scriptedID + "-a1B2c3": localaws.DefaultRegion} {
		p.source.Expect(source.Change{Name: name, Region: region, At: date(10)})
	}
	p.says(1, "AWSCURRENT=v1")
	p.want("an answer", "v1", false, source.VersionQuery{})
}

// A queue gives an event again that could not be deleted from it.
func TestAnEventThatComesAgainIsNoNewerForThat(t *testing.T) {
	p := newScripted(t)
	p.says(3, "AWSCURRENT=v1")
	tell := func() {
		p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(10), Stage: stageCurrent, VersionID: "v2"})
	}
	tell()
	p.now = p.now.Add(expectedLasts - time.Second)
	tell()
	p.want("within its time", "v1", true, source.VersionQuery{})
	p.now = p.now.Add(2 * time.Second)
	p.want("after its time", "v1", false, source.VersionQuery{})
	tell()
	p.want("told once more after that", "v1", true, source.VersionQuery{})
}

// Events tell of as many secrets, and as often, as their senders like.
func TestWhatIsExpectedIsBounded(t *testing.T) {
	now := time.Now()
	x := &expected{now: func() time.Time { return now }}
	for n := range 2 * maxExpected {
		x.add(source.Change{Name: fmt.Sprint("s", n%(maxExpected+5000)), At: date(float64(n))})
		x.add(source.Change{Name: "often", At: date(float64(n))})
	}
	if len(x.changes) > maxExpected || len(x.changes[secretName{"", "often"}]) > changesMost {
		t.Errorf("%d secrets, %d changes of one", len(x.changes), len(x.changes[secretName{"", "often"}]))
	}
	now = now.Add(expectedLasts)
	x.add(source.Change{Name: "last", At: date(1)})
	if len(x.changes) != 1 {
		t.Errorf("%d secrets after some minutes", len(x.changes))
	}
}

// What is no longer asked about is evicted, what is asked about is kept.
func TestWhatIsNewestIsBounded(t *testing.T) {
	n := newNewest(time.Now)
	for i := range 4 * maxNewest {
		n.follow("asked", described{arn: "arn:asked", changed: date(1e6)})
		n.follow(fmt.Sprint("s", i), described{arn: fmt.Sprint("arn:s", i), changed: date(1)})
	}
	if kept := len(n.recent) + len(n.former); kept > maxNewest+2 {
		t.Errorf("%d are kept", kept)
	}
	if _, known := n.of("s1"); known {
		t.Error("one that is no longer asked about is kept")
	}
	if _, behind := n.follow("asked", described{arn: "arn:asked", changed: date(1)}); !behind {
		t.Error("one that is asked about all the time is forgotten")
	}
	d := newDoubts(time.Now)
	for i := range 3 * maxDoubts {
		d.lasting(doubt{id: fmt.Sprint(i)})
	}
	if len(d.since) > maxDoubts {
		t.Errorf("%d are in doubt", len(d.since))
	}
}

// A listing that lags behind what DescribeSecret has said of a secret is not followed.
func TestAListingDoesNotTakeBackWhatWasDescribed(t *testing.T) {
	p := newPolled(t, 30)
	id := p.ids[3]
	first := p.synced[id]
	if changed := p.poll(t); len(changed) > 0 {
		t.Fatal("changed:", changed)
	}
	p.put(t, id, "new")
	if second := p.observed(t, current(id)); second.ID == first.ID { // Another SecretSync has asked for a refresh.
		t.Fatal("the new version is not seen")
	}
	if changed := p.poll(t); len(changed) != 1 || changed[0] != id {
		t.Errorf("changed: %v: the listing from before counts", changed)
	}
}
