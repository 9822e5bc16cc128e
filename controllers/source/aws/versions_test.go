package aws

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// Where the synced version stands against an older description, it is given with all that status has of it, and with the
// tag that says who may have the secret, as it was seen last.
func TestTheSyncedVersionIsGivenInFull(t *testing.T) {
	p := newScripted(t)
	p.answers[describeSecret] = `{"ARN":"` + benchARN + `","Name":"` + scriptedID + `","LastChangedDate":1,"PrimaryRegion":"us-east-1",
		"Tags":[{"Key":"` + source.TagNamespaces + `","Value":"pay"}],"VersionIdsToStages":{"v1":["AWSCURRENT"]}}`
	known := synced()
	seen, err := p.ask(source.VersionQuery{Synced: known})
	want := source.Resolution{Outdated: true, Version: source.Version{ARN: benchARN, ID: "v2", Region: localaws.DefaultRegion, PrimaryRegion: "us-east-1",
		Changed: known.Changed, Tag: &source.Tag{Present: true, Value: "pay"}}}
	if diff := cmp.Diff(want, seen); diff != "" || err != nil {
		t.Errorf("%v; it differs (-want +got):\n%s", err, diff)
	}
}

// A version that was read in place of a description is held back with all that status has of it, and without the value of another.
func TestTheVersionThatIsHeldIsGivenInFull(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	p.gives("v1", 1)
	known := synced()
	seen, err := p.ask(source.VersionQuery{Synced: known})
	hint := seen.Hint
	want := source.Resolution{Outdated: true, Uncertain: true, Hint: hint, Version: source.Version{ARN: benchARN, ID: "v2", Region: localaws.DefaultRegion,
		Created: known.Created, Changed: known.Changed}}
	if diff := cmp.Diff(want, seen); diff != "" || err != nil || hint == "" {
		t.Errorf("%v; it differs (-want +got):\n%s", err, diff)
	}
}

// That a label or a value is missing says which secret it is, and who may have it: rules for namespaces hold for refusals too.
func TestARefusalOfADescribedSecretNamesIt(t *testing.T) {
	p := newScripted(t)
	p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(5)})
	for _, behind := range []bool{true, false} {
		p.answers[describeSecret] = `{"ARN":"` + benchARN + `","Name":"` + scriptedID + `","Tags":[{"Key":"` + source.TagNamespaces + `","Value":"pay"}],"VersionIdsToStages":{}}`
		_, err := p.ask(source.VersionQuery{})
		refused, ok := errors.AsType[*source.Error](err)
		if !ok || refused.Kind != source.VersionNotFound {
			t.Fatal(err)
		}
		want := &source.Version{ARN: benchARN, Region: localaws.DefaultRegion, Tag: &source.Tag{Present: true, Value: "pay"}}
		if diff := cmp.Diff(want, refused.Of); diff != "" || refused.Outdated != behind {
			t.Errorf("behind: %v, %v; it differs (-want +got):\n%s", refused.Outdated, err, diff)
		}
		p.now = p.now.Add(expectedLasts)
	}
}

// missing wants a question to be refused, as what is believed or as what may be out of date.
func (p *scriptedAWS) missing(what string, kind source.Kind, behind bool, query source.VersionQuery) {
	p.Helper()
	if _, err := p.ask(query); source.KindOf(err) != kind || source.IsOutdated(err) != behind {
		p.Errorf("%s: behind: %v, %v", what, source.IsOutdated(err), err)
	}
}

const noVersion = `{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret value for staging label: x"}`

// What AWS has said of one staging label, or in other words, does not count for another, and neither does what it said
// before it said otherwise.
func TestADoubtIsOfOneLabelAndOneAnswer(t *testing.T) {
	for name, denied := range map[string]bool{"described": false, "by its value": true} {
		t.Run(name, func(t *testing.T) {
			p := newScripted(t)
			p.denied = denied
			of := func(stage string) source.VersionQuery {
				return source.VersionQuery{Ref: source.Ref{VersionStage: stage}, Synced: synced()}
			}
			p.lacks()
			p.missing("at first", source.SecretNotFound, true, of(stageCurrent))
			p.now = p.now.Add(doubtLasts - 1)
			p.missing("another label", source.SecretNotFound, true, of("blue"))
			p.now = p.now.Add(1)
			p.missing("after a while", source.SecretNotFound, false, of(stageCurrent))
			p.missing("another label a moment later", source.SecretNotFound, true, of("blue"))
			p.says(2, "AWSCURRENT=v2", "blue=v1")
			p.gives("v2", 2)
			for _, stage := range []string{stageCurrent, "blue"} {
				if seen, err := p.ask(of(stage)); err != nil || seen.Outdated {
					t.Errorf("%s, once it is back: behind: %v, %v", stage, seen.Outdated, err)
				}
			}
			p.now = p.now.Add(doubtLasts)
			p.lacks()
			p.missing("once it is away again", source.SecretNotFound, true, of(stageCurrent))
			p.missing("another label that is away again", source.SecretNotFound, true, of("blue"))
		})
	}
}

func TestADoubtIsOfOneAnswer(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	p.lacks()
	known := source.VersionQuery{Synced: synced()}
	p.missing("no secret", source.SecretNotFound, true, known)
	p.now = p.now.Add(doubtLasts)
	p.answers[getSecretValue] = noVersion
	p.missing("no version", source.VersionNotFound, true, known)
	p.now = p.now.Add(doubtLasts)
	p.missing("no version for a while", source.VersionNotFound, false, known)
}

// That there is no version is not held against the event that the secret was made: it may be another version's.
func TestAnEventOfASecretMakesNoVersionOfIt(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	p.lacks()
	p.source.Expect(source.Change{Name: scriptedID, Region: localaws.DefaultRegion, At: date(5)})
	p.missing("a secret that was made", source.SecretNotFound, true, source.VersionQuery{})
	p.answers[getSecretValue] = noVersion
	p.missing("a version of it", source.VersionNotFound, false, source.VersionQuery{})
}

// What has nothing to do with whether the secret is there is no answer that may be out of date.
func TestTroubleIsNoDoubt(t *testing.T) {
	for _, operation := range []string{describeSecret, getSecretValue} {
		p := newScripted(t)
		p.denied = operation == getSecretValue
		p.answers[operation] = `{"__type":"ThrottlingException","Message":"no"}`
		p.missing(operation, source.Throttled, false, source.VersionQuery{Synced: synced()})
		if operation == getSecretValue && p.asked != 1 {
			t.Errorf("%d calls of DescribeSecret for a read that was throttled", p.asked)
		}
	}
}

// A missing value is not believed where DescribeSecret, once it is allowed, says that the secret is there.
func TestDescribeSecretProvesThatASecretIsThere(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	known := source.VersionQuery{Synced: synced()}
	p.gives("v2", 2)
	p.want("by its value", "v2", false, known)
	p.denied = false
	p.lacks()
	p.says(2, "AWSCURRENT=v2")
	p.sent = nil
	p.want("missing by its value", "v2", false, known)
	want := []string{
		`GetSecretValue {"SecretId":"` + scriptedID + `","VersionStage":"AWSCURRENT"}`,
		`DescribeSecret {"SecretId":"` + scriptedID + `"}`,
	}
	if diff := cmp.Diff(want, p.sent); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
	p.sent = nil
	p.want("from then on", "v2", false, known)
	if diff := cmp.Diff(want[1:], p.sent); diff != "" {
		t.Errorf("later calls differ (-want +got):\n%s", diff)
	}
}

// How long AWS has given an older value counts for that value, that label and that secret alone.
func TestAnOlderValueIsDoubtedByItself(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	of := func(id, stage string) source.VersionQuery {
		return source.VersionQuery{Ref: source.Ref{SecretID: id, VersionStage: stage}, Synced: synced()}
	}
	p.gives("v1", 1)
	p.want("an older version", "v2", true, of(scriptedID, stageCurrent))
	p.now = p.now.Add(doubtLasts)
	p.want("another secret", "v2", true, of(benchARN, stageCurrent))
	p.want("another label", "v2", true, of(scriptedID, "blue"))
	p.gives("v0", 0)
	p.want("another older version", "v2", true, of(scriptedID, stageCurrent))
	p.gives("v1", 1)
	p.want("the one of before, begun again", "v2", true, of(scriptedID, stageCurrent))
	p.now = p.now.Add(doubtLasts)
	p.want("for a while", "v1", false, of(scriptedID, stageCurrent))
	p.want("another label, for a while", "v1", false, of(scriptedID, "blue"))
	p.gives("v3", 3)
	p.want("a newer version", "v3", false, of(scriptedID, "blue"))
	p.gives("v1", 1)
	p.want("an older one again", "v2", true, of(scriptedID, "blue"))
	p.want("of the first label, still", "v1", false, of(scriptedID, stageCurrent))
}

// While an older value has lasted, each further answer of it is one, and no end of the doubt.
func TestAnOlderValueThatIsFollowedStaysSo(t *testing.T) {
	p := newScripted(t)
	p.denied = true
	p.gives("v1", 1)
	known := source.VersionQuery{Synced: synced()}
	p.want("at first", "v2", true, known)
	p.want("for one that was never synced", "v1", false, source.VersionQuery{})
	p.now = p.now.Add(doubtLasts)
	p.want("after a while", "v1", false, known)
}

func TestWhatStepsBack(t *testing.T) {
	older := source.Version{ID: "v1", Region: localaws.DefaultRegion, Created: date(1)}
	for name, test := range map[string]struct {
		change func(query *source.VersionQuery, version *source.Version)
		back   bool
	}{
		"an older version":            {func(*source.VersionQuery, *source.Version) {}, true},
		"one of the same second":      {func(_ *source.VersionQuery, v *source.Version) { v.Created = date(2.9) }, true},
		"a newer one":                 {func(_ *source.VersionQuery, v *source.Version) { v.Created = date(3) }, false},
		"the synced one":              {func(_ *source.VersionQuery, v *source.Version) { v.ID = "v2" }, false},
		"one that is asked for by id": {func(q *source.VersionQuery, _ *source.Version) { q.VersionID = "v1" }, false},
		"before the first sync":       {func(q *source.VersionQuery, _ *source.Version) { q.Synced.ID = "" }, false},
		"where status has no date": {func(q *source.VersionQuery, v *source.Version) {
			q.Synced.Created, v.Created = time.Time{}, time.Time{}
		}, false},
		"one of another region's clock": {func(_ *source.VersionQuery, v *source.Version) { v.Region = "us-east-1" }, false},
	} {
		query, version := source.VersionQuery{Synced: synced()}, older
		test.change(&query, &version)
		if got := stepsBack(query, version); got != test.back {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A description serves others for a minute at most, however old an answer they take, and a value that was read in place of
// one is not kept at all where no values are.
func TestWhatWasDescribedServesForAMinuteAtMost(t *testing.T) {
	p := newScripted(t)
	p.says(1, "AWSCURRENT=v1")
	poll := source.VersionQuery{MaxAge: time.Hour}
	for _, step := range []struct {
		after time.Duration
		calls int
	}{{0, 1}, {describedLasts - 1, 1}, {1, 2}} {
		p.now = p.now.Add(step.after)
		if p.want("a poll", "v1", false, poll); p.asked != step.calls {
			t.Errorf("%s later %d calls were made, want %d", step.after, p.asked, step.calls)
		}
	}
	p.denied = true
	p.now = p.now.Add(time.Hour)
	p.gives("v1", 1)
	p.want("by its value", "v1", false, poll)
	e := ownEndpoint(p.source)
	byValue, _ := e.byValue.Size()
	values, _ := e.values.Size()
	if kept := byValue + values; kept != 0 {
		t.Errorf("%d values are kept", kept)
	}
}
