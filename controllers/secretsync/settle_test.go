package secretsync

import (
	"errors"
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
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
		versions  []source.Version
		moved     bool
		unsettled int
		want      bool
	}{
		"one":                                 {[]source.Version{version("a", undated)}, false, 0, true},
		"one that has moved":                  {[]source.Version{version("a", undated)}, true, 0, true},
		"two without dates":                   {[]source.Version{version("a", undated), version("a", undated)}, false, 0, true},
		"two without dates that have moved":   {[]source.Version{version("a", undated), version("a", undated)}, true, 0, false},
		"two labels of one date":              {[]source.Version{version("a", 1), version("a", 1)}, true, 0, true},
		"two labels of two dates":             {[]source.Version{version("a", 1), version("a", 2)}, false, settleTries - 1, false},
		"two of two dates that stay apart":    {[]source.Version{version("a", 1), version("a", 2)}, false, settleTries, true},
		"one of which the date is not known":  {[]source.Version{version("a", undated), version("a", 1)}, false, 0, true},
		"two secrets":                         {[]source.Version{version("a", 1), version("b", 2)}, false, 0, true},
		"two secrets, one of which has moved": {[]source.Version{version("a", 1), version("b", 2)}, true, 0, false},
	} {
		p := &pass{memory: &memory{unsettled: test.unsettled}}
		for _, one := range test.versions {
			p.inputs = append(p.inputs, &input{observation: source.Resolution{Version: one}})
		}
		if got := p.ofOneMoment(test.moved); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWhenItIsReportedThatNothingFits: what may be over soon is put off, for longer each time, and what lasts is reported.
func TestWhenItIsReportedThatNothingFits(t *testing.T) {
	missing := &source.Error{Kind: source.VersionNotFound, Explanation: "no such version"}
	for name, test := range map[string]struct {
		tries                int
		unread, behind, held bool
		settled              bool
		wait                 time.Duration // Zero where it is reported.
		reason               string
	}{
		"no value":                                     {1, true, false, false, false, settleAfter, ""},
		"no value, not for the first time":             {unreadTries - 1, true, false, false, false, 2 * settleAfter, ""},
		"no value, and that lasts":                     {unreadTries, true, false, false, false, 0, v1alpha1.ReasonVersionNotFound},
		"no value, by answers that may be out of date": {settleTries - 1, true, true, false, false, settleMost, ""},
		"no value, by such answers, and that lasts":    {settleTries, true, true, false, false, 0, v1alpha1.ReasonVersionNotFound},
		"another value":                                {settleTries - 1, false, false, false, false, settleMost, ""},
		"another value, and that lasts":                {settleTries, false, false, false, false, 0, v1alpha1.ReasonSourceFailed},
		"a version in doubt":                           {100, false, false, true, false, holdMost, ""},
		"no moment that they have in common":           {100, false, false, false, true, holdMost, ""},
	} {
		one := &input{behind: test.behind, held: test.held, observation: seen("db", "v2")}
		if one.fetched.Version = seen("db", "v1").Version; test.settled {
			one.fetched.Version = one.observation.Version
		}
		if test.unread {
			one.unread = missing
		}
		p := &pass{inputs: []*input{one}, memory: &memory{unsettled: test.tries - 1}}
		err := p.unsettled()
		busy, ok := errors.AsType[*source.Error](err)
		switch {
		case test.wait > 0 && (!ok || busy.Kind != source.Busy || busy.RetryAfter != test.wait):
			t.Errorf("%s: it is not put off by %s: %v", name, test.wait, err)
		case test.wait == 0 && (explain(err).reason != test.reason || putOff(err) > 0):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnInputIsSettledByTheSecretAndTheVersion(t *testing.T) {
	for name, test := range map[string]struct {
		fetched source.Resolution
		want    bool
	}{
		"both":            {seen("db", "v1"), true},
		"another version": {seen("db", "v2"), false},
		"another secret":  {seen("db-2", "v1"), false},
	} {
		one := &input{observation: seen("db", "v1"), fetched: source.Fetched{Version: test.fetched.Version}}
		if got := one.settled(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWaitsGrowUpToTheirBound, however often it was tried.
func TestWaitsGrowUpToTheirBound(t *testing.T) {
	for tries, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: settleMost, 6: settleMost, 200: settleMost} {
		p := &pass{memory: &memory{unsettled: tries}}
		if busy, ok := errors.AsType[*source.Error](p.later(settleMost)); !ok || busy.RetryAfter != want {
			t.Errorf("after %d tries: %v", tries, busy)
		}
	}
}
