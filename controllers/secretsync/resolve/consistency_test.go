package resolve

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

// TestWhatWasSoAtOneMoment: dates of one secret have to be one, and where several secrets have moved nothing tells.
func TestWhatWasSoAtOneMoment(t *testing.T) {
	version := func(arn string, changed time.Duration) source.Version {
		is := source.Version{ARN: arn, ID: "v"}
		if changed >= 0 {
			is.Changed = noon.Add(changed)
		}
		return is
	}
	const undated = time.Duration(-1)
	for name, test := range map[string]struct {
		versions []source.Version
		moved    bool
		tries    int64
		want     bool
	}{
		"one":                                 {[]source.Version{version("a", undated)}, false, 0, true},
		"one that has moved":                  {[]source.Version{version("a", undated)}, true, 0, true},
		"two without dates":                   {[]source.Version{version("a", undated), version("a", undated)}, false, 0, true},
		"two without dates that have moved":   {[]source.Version{version("a", undated), version("a", undated)}, true, 0, false},
		"two labels of one date":              {[]source.Version{version("a", 1), version("a", 1)}, true, 0, true},
		"two labels of two dates":             {[]source.Version{version("a", 1), version("a", 2)}, false, mismatchTries - 1, false},
		"two of two dates that stay apart":    {[]source.Version{version("a", 1), version("a", 2)}, false, mismatchTries, true},
		"one of which the date is not known":  {[]source.Version{version("a", undated), version("a", 1)}, false, 0, true},
		"two secrets":                         {[]source.Version{version("a", 1), version("b", 2)}, false, 0, true},
		"two secrets, one of which has moved": {[]source.Version{version("a", 1), version("b", 2)}, true, 0, false},
	} {
		set := &Set{request: Request{Consistency: &Consistency{}}}
		set.request.Consistency.tries.Store(test.tries)
		for _, version := range test.versions {
			set.Inputs = append(set.Inputs, &Input{Resolution: source.Resolution{Version: version}})
		}
		if got := set.ofOneMoment(test.moved); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWhenItIsReportedThatNothingFits: what may be over soon is put off, for longer each time, and what lasts is reported.
func TestWhenItIsReportedThatNothingFits(t *testing.T) {
	missing := &source.Error{Kind: source.VersionNotFound, Explanation: "no such version"}
	mismatch := &Mismatch{SecretID: "db", Resolved: "v2", Read: "v1"}
	for name, test := range map[string]struct {
		tries                       int64
		unread, outdated, uncertain bool
		consistent                  bool
		wait                        time.Duration // Zero where it is reported.
		reported                    error
	}{
		"no value":                                     {1, true, false, false, false, firstWait, nil},
		"no value, not for the first time":             {missingTries - 1, true, false, false, false, 2 * firstWait, nil},
		"no value, and that lasts":                     {missingTries, true, false, false, false, 0, missing},
		"no value, by answers that may be out of date": {mismatchTries - 1, true, true, false, false, maxWait, nil},
		"no value, by such answers, and that lasts":    {mismatchTries, true, true, false, false, 0, missing},
		"another value":                                {mismatchTries - 1, false, false, false, false, maxWait, nil},
		"another value, and that lasts":                {mismatchTries, false, false, false, false, 0, mismatch},
		"a version that is uncertain":                  {100, false, false, true, false, maxUncertainWait, nil},
		"no moment that they have in common":           {100, false, false, false, true, maxUncertainWait, nil},
	} {
		input := &Input{Outdated: test.outdated, Uncertain: test.uncertain, Resolution: resolution("db", "v2")}
		input.Ref.SecretID = "db"
		if input.Fetched.Version = resolution("db", "v1").Version; test.consistent {
			input.Fetched.Version = input.Resolution.Version
		}
		if test.unread {
			input.unread = missing
		}
		set := &Set{Inputs: []*Input{input}, request: Request{Consistency: &Consistency{}}}
		set.request.Consistency.tries.Store(test.tries - 1)
		err := set.inconsistent()
		busy, ok := errors.AsType[*source.Error](err)
		switch {
		case test.wait > 0 && (!ok || busy.Kind != source.Busy || busy.RetryAfter != test.wait):
			t.Errorf("%s: it is not put off by %s: %v", name, test.wait, err)
		case test.wait == 0 && !cmp.Equal(test.reported, err):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnInputIsConsistentByTheSecretAndTheVersion(t *testing.T) {
	for name, test := range map[string]struct {
		fetched source.Resolution
		want    bool
	}{
		"both":            {resolution("db", "v1"), true},
		"another version": {resolution("db", "v2"), false},
		"another secret":  {resolution("db-2", "v1"), false},
	} {
		input := &Input{Resolution: resolution("db", "v1"), Fetched: source.Fetched{Version: test.fetched.Version}}
		if got := input.consistent(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWaitsGrowUpToTheirBound, however often it was tried.
func TestWaitsGrowUpToTheirBound(t *testing.T) {
	for tries, want := range map[int64]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: maxWait, 6: maxWait, 200: maxWait} {
		if busy, ok := errors.AsType[*source.Error](busyAfter(tries, maxWait)); !ok || busy.RetryAfter != want {
			t.Errorf("after %d tries: %v", tries, busy)
		}
	}
}

// TestAnUncertainVersionPutsTheRequestOff, for some seconds at most.
func TestAnUncertainVersionPutsTheRequestOff(t *testing.T) {
	consistency := &Consistency{}
	consistency.tries.Store(10)
	busy, ok := errors.AsType[*source.Error](consistency.Wait())
	if !ok || busy.Kind != source.Busy || busy.RetryAfter != maxUncertainWait {
		t.Errorf("the error is %v", busy)
	}
	if tries := consistency.tries.Load(); tries != 11 {
		t.Errorf("%d requests are counted", tries)
	}
}
