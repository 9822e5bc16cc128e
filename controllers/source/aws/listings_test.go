package aws

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/hack/localaws"
)

// newSwept is a scripted AWS in which one more secret makes sweeps worth while. AWS describes the secret with version v9.
func newSwept(t *testing.T) (*scriptedAWS, *sweeps) {
	t.Helper()
	p := newScripted(t)
	w := p.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion}).sweeps
	for n := range sweepLeast - 1 {
		w.expect(fmt.Sprint("s", n))
	}
	p.says(9, "AWSCURRENT=v9")
	return p, w
}

// listing has AWS list the secret as it was at a moment.
func (p *scriptedAWS) listing(arn string, second float64, label, version string) {
	p.answers[listSecrets] = fmt.Sprintf(`{"SecretList":[{"ARN":%q,"Name":%q,"LastChangedDate":%f,"SecretVersionsToStages":{%q:[%q]}}]}`,
		arn, scriptedID, float64(date(second).UnixMilli())/1000, version, label)
}

// Each line is what a listing says of a secret whose version v2 of second 2 is synced, and the version that it is taken to
// have: the listing's, or v9 where DescribeSecret is to say.
func TestAListingIsHeldAgainstAllElse(t *testing.T) {
	elsewhere, undated := synced(), synced()
	elsewhere.Region, undated.Changed = "us-east-1", time.Time{}
	for name, test := range map[string]struct {
		second  float64
		version string
		synced  source.Version
		event   source.Change
		want    string
	}{
		"the synced version":                    {2, "v2", synced(), source.Change{}, "v2"},
		"the synced version, of another region": {2, "v2", elsewhere, source.Change{}, "v2"},
		"a newer version":                       {3, "v3", synced(), source.Change{}, "v3"},
		"an older one":                          {1, "v1", synced(), source.Change{}, "v9"},
		"another one of the same date":          {2, "v1", synced(), source.Change{}, "v9"},
		"a newer one than another region's":     {3, "v3", elsewhere, source.Change{}, "v9"},
		"one where status has no date":          {3, "v3", undated, source.Change{}, "v9"},
		"an event tells of a later one":         {2, "v2", synced(), source.Change{At: date(9), Stage: stageCurrent, VersionID: "v9"}, "v9"},
		"an event tells of this one":            {3, "v3", synced(), source.Change{At: date(3), Stage: stageCurrent, VersionID: "v3"}, "v3"},
	} {
		p, _ := newSwept(t)
		if test.event != (source.Change{}) {
			test.event.Name, test.event.Region = scriptedID, localaws.DefaultRegion
			p.source.Expect(test.event)
		}
		p.listing(benchARN, test.second, stageCurrent, test.version)
		seen, err := p.ask(source.VersionQuery{MaxAge: sweepPatience, Synced: test.synced})
		if err != nil || seen.Version.ID != test.want || seen.Listed != (test.want != "v9") {
			t.Errorf("%s: version %s, swept: %v, %v", name, seen.Version.ID, seen.Listed, err)
		}
		if described := p.asked == 1; described == seen.Listed {
			t.Errorf("%s: %d calls of DescribeSecret", name, p.asked)
		}
	}
}

// A successor of the secret, or one without the label, is for DescribeSecret to judge.
func TestAListingOfAnotherSecretIsNotFollowed(t *testing.T) {
	for name, list := range map[string]func(p *scriptedAWS){
		"a successor of the name": func(p *scriptedAWS) {
			p.listing(strings.Replace(benchARN, "-a1B2c3", "-z9Y8x7", 1), 3, stageCurrent, "v3")
		},
		"without the label":  func(p *scriptedAWS) { p.listing(benchARN, 3, "blue", "v2") },
		"without the secret": func(p *scriptedAWS) { p.lists() },
	} {
		p, _ := newSwept(t)
		list(p)
		if seen, err := p.ask(source.VersionQuery{MaxAge: time.Minute, Synced: synced()}); err != nil || seen.Version.ID != "v9" || seen.Listed {
			t.Errorf("%s: version %s, %v", name, seen.Version.ID, err)
		}
	}
}

// What a listing has shown first is known: a description from before it does not take it back. What it shows again is not
// kept for that.
func TestWhatAListingShowsFirstIsKnown(t *testing.T) {
	p, _ := newSwept(t)
	poll := source.VersionQuery{MaxAge: time.Minute, Synced: synced()}
	p.listing(benchARN, 2.5, stageCurrent, "v2")
	p.want("no news", "v2", false, poll)
	if _, known := ownEndpoint(p.source).newest.of(scriptedID); known {
		t.Error("what is no news is kept")
	}
	p.now = p.now.Add(time.Hour)
	p.listing(benchARN, 3, stageCurrent, "v3")
	p.want("news", "v3", false, poll)
	p.says(2.5, "AWSCURRENT=v2")
	p.want("a description from before", "v3", true, source.VersionQuery{})
}

// Nothing is listed for a question that a listing can't answer.
func TestWhatAListingCannotAnswerIsNotListed(t *testing.T) {
	for name, query := range map[string]source.VersionQuery{
		"one that was never synced":  {MaxAge: time.Minute},
		"a pinned version":           {MaxAge: time.Minute, Synced: synced(), Ref: source.Ref{SecretID: scriptedID, VersionID: "v2"}},
		"one that can't wait":        {MaxAge: sweepPatience - 1, Synced: synced()},
		"one that wants to know now": {Synced: synced()},
	} {
		p, _ := newSwept(t)
		p.listing(benchARN, 2, stageCurrent, "v2")
		if _, err := p.ask(query); err != nil || p.asked != 1 || len(p.sent) != 1 {
			t.Errorf("%s: calls are %v, %v", name, p.sent, err)
		}
	}
}

// A secret is found by each id that it may be asked about by, and AWS is asked for full pages.
func TestAListingServesEachNameOfASecret(t *testing.T) {
	for _, id := range []string{scriptedID, benchARN, arns.Partial(benchARN)} {
		p, w := newSwept(t)
		p.listing(benchARN, 2, stageCurrent, "v2")
		query := source.VersionQuery{Ref: source.Ref{SecretID: id, VersionStage: stageCurrent}, MaxAge: time.Minute, Synced: synced()}
		if seen, err := p.source.Resolve(t.Context(), query); err != nil || !seen.Listed {
			t.Errorf("%s is not found: %v", id, err)
		}
		if diff := cmp.Diff([]string{`ListSecrets {"MaxResults":100}`}, p.sent); diff != "" {
			t.Errorf("calls differ (-want +got):\n%s", diff)
		}
		if len(w.others) != 0 {
			t.Errorf("%s is kept among those that were not asked about", id)
		}
	}
}

// Sweeps that cost too much are tried again once twice as many secrets are polled, and after an hour.
func TestSweepsRestUntilThereAreTwiceAsMany(t *testing.T) {
	_, w := newSwept(t)
	w.expect("last")
	w.rest(2)
	for n := sweepLeast + 1; n < 2*sweepLeast; n++ {
		if w.expect(fmt.Sprint("more-", n)) {
			t.Errorf("a sweep is tried for %d", n)
		}
	}
	if !w.expect("twice") {
		t.Error("no sweep is tried for twice as many")
	}
}

// That an account has too many secrets to list is what sweeps rest by.
func TestADearSweepRestsUntilThereAreTwiceAsMany(t *testing.T) {
	p, w := newSwept(t)
	w.expect("last")
	p.answers[listSecrets] = `{"SecretList":[],"NextToken":"more"}`
	if _, err := w.sweep(t.Context()); err == nil {
		t.Fatal("it has an end")
	}
	if w.until != 2*sweepLeast || len(p.sent) != sweepLeast/2 {
		t.Errorf("it rests until there are %d, after %d calls", w.until, len(p.sent))
	}
	if got := w.rests.Sub(p.now); got != sweepsRest {
		t.Errorf("it rests for %s", got)
	}
}

// Secrets that are no longer polled do not make sweeps worth while for ever.
func TestASecretThatIsNotPolledIsNoLongerLookedFor(t *testing.T) {
	p, w := newSwept(t)
	p.now = p.now.Add(sweptLasts)
	w.expect("polled")
	if w.begin(); len(w.found) != sweepLeast {
		t.Errorf("%d secrets are looked for, a day later", len(w.found))
	}
	p.now = p.now.Add(1)
	if w.begin(); len(w.found) != 1 || w.found["polled"] == nil {
		t.Errorf("%d secrets are looked for", len(w.found))
	}
}

// entryOfName is a secret in a list.
func entryOfName(name string) *types.SecretListEntry {
	return &types.SecretListEntry{Name: aws.String(name), ARN: aws.String("arn:aws:secretsmanager:eu-west-1:1:secret:" + name + "-a1B2c3"),
		SecretVersionsToStages: map[string][]string{"v1": {stageCurrent}}}
}

// What a sweep found of secrets that are asked about after it is kept for a minute, and within bounds.
func TestWhatASweepFoundOfOthersIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, w := newSwept(t)
		kept := func() int {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			return len(w.others)
		}
		for n := range maxOthers + 1 {
			w.note(entryOfName(fmt.Sprint("other-", n)), p.now)
		}
		if kept() != 2*maxOthers || maxOthers > 20_000 {
			t.Errorf("%d are kept", kept())
		}
		w.expect("other-0") // While the sweep goes on.
		w.end(p.now)
		if w.found["other-0"].arn == "" {
			t.Error("what was found of a secret that is asked about meanwhile is forgotten")
		}
		time.Sleep(othersLast - 1)
		synctest.Wait()
		if kept() == 0 || othersLast > time.Minute {
			t.Error("they are forgotten before their time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if kept() != 0 {
			t.Errorf("%d are kept after their time", kept())
		}
	})
}

// A secret that a sweep does not find any more is not answered by the sweep before.
func TestASecretThatIsGoneFromTheListIsForgotten(t *testing.T) {
	p, _ := newSwept(t)
	poll := source.VersionQuery{MaxAge: time.Minute, Synced: synced()}
	p.listing(benchARN, 2, stageCurrent, "v2")
	p.want("in the list", "v2", false, poll)
	p.now = p.now.Add(time.Hour)
	p.lists()
	p.want("gone from the list", "v9", false, poll)
}

func TestASweepIsCountedForItsRegion(t *testing.T) {
	env := newEnvironment(t)
	if _, err := env.source.tenants.endpoint(endpointKey{region: localaws.DefaultRegion}).sweeps.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := env.counted(t, listSecrets, "ok", localaws.DefaultRegion); got != 1 {
		t.Errorf("%v lists are counted", got)
	}
}
