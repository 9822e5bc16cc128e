package ownwrites

import (
	"errors"
	"testing"
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestWhatTellsThatASecretWasTouched: the cache where it can be right, and the API server where it can't.
func TestWhatTellsThatASecretWasTouched(t *testing.T) {
	const written = "20"
	for name, test := range map[string]struct {
		cached, live   string // resourceVersions; empty for a Secret that is not there
		another        bool   // what the cache has is of the name alone
		liveToo        bool   // and what the API server has
		own            string // that of the last write of this process
		ago            time.Duration
		drifted, lags  bool
		asked, forgets bool
	}{
		"as it was written":                         {cached: "20", live: "20", own: "20"},
		"an edit that the cache has":                {cached: "21", live: "21", own: "20", drifted: true},
		"our own write is on its way":               {cached: "19", live: "20", own: "20", lags: true},
		"our own write is on its way for a while":   {cached: "19", live: "20", own: "20", ago: MaxWatchLag - 1, lags: true},
		"our own write should be there":             {cached: "19", live: "20", own: "20", ago: MaxWatchLag, asked: true},
		"another process wrote it":                  {cached: "19", live: "20", own: "18", asked: true},
		"another process wrote it, and one more":    {cached: "19", live: "21", own: "18", asked: true, drifted: true},
		"an edit that the cache has not":            {cached: "19", live: "21", own: "20", ago: MaxWatchLag, asked: true, drifted: true},
		"not in the cache yet":                      {live: "20", own: "20", asked: true},
		"it was recreated, on its way":              {cached: "19", live: "20", own: "20", another: true, asked: true},
		"another of its resourceVersion":            {cached: "20", live: "20", own: "20", another: true, liveToo: true, asked: true, drifted: true},
		"gone":                                      {own: "20", asked: true, drifted: true},
		"it went back in time":                      {cached: "19", live: "19", own: "20", ago: MaxWatchLag, asked: true, drifted: true, forgets: true},
		"it went back in time, of another process'": {cached: "19", live: "19", own: "18", asked: true, drifted: true, forgets: true},
	} {
		t.Run(name, func(t *testing.T) {
			cache, live := &oneSecret{resourceVersion: test.cached}, &oneSecret{resourceVersion: test.live}
			if test.another {
				cache.uid = "former"
			}
			if test.liveToo {
				live.uid = "former"
			}
			secretSync := fresh()
			secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", ResourceVersion: written}
			var writes Writes
			writes.End(test.own, noon.Add(-test.ago))
			var seen Seen
			seen.Note(target.Result{UID: "secret", ResourceVersion: written})
			found, err := Detect(t.Context(), &target.Writer{Client: cache, Live: live}, secretSync, &writes, &seen, noon)
			if err != nil {
				t.Fatal(err)
			}
			if found.Drifted != test.drifted || found.Lags != test.lags {
				t.Errorf("drifted %t, lags %t", found.Drifted, found.Lags)
			}
			state := test.cached
			if test.asked {
				state = test.live
			}
			if found.State.ResourceVersion != state || found.State.Exists != (state != "") {
				t.Errorf("the state is %+v, want that of resourceVersion %q", found.State, state)
			}
			if (live.asked > 0) != test.asked {
				t.Errorf("the API server was asked %d times", live.asked)
			}
			if forgotten := seen.Secret() == (Secret{}); forgotten != test.forgets {
				t.Errorf("what was seen is forgotten: %t", forgotten)
			}
		})
	}
}

// TestDriftIsJudgedByTheSecretAsItWasLastSeen: by what was seen since status was written, and of the Secret that status
// names alone. A Secret that can't be read is not taken for one that is gone.
func TestDriftIsJudgedByTheSecretAsItWasLastSeen(t *testing.T) {
	failed := errors.New("unavailable")
	for name, test := range map[string]struct {
		written, name  string // of the Secret in status: its resourceVersion, empty for no Secret; and its name
		cached         string
		cacheErr       error
		liveErr        error
		fails          bool
		fromCache      int
		fromLive       int
		drifted, found bool
	}{
		"a later state was seen":             {written: "20", name: "db", cached: "25", fromCache: 1, found: true},
		"and was edited since":               {written: "20", name: "db", cached: "26", fromCache: 1, found: true, drifted: true},
		"nothing was written":                {cached: "25"},
		"a Secret of a former name":          {written: "20", name: "former", cached: "26"},
		"the cache can't be read":            {written: "20", name: "db", cached: "25", cacheErr: failed, fromCache: 1, fails: true},
		"the API server can't be asked then": {written: "20", name: "db", liveErr: failed, fromCache: 1, fromLive: 1, fails: true, drifted: true},
	} {
		cache := &oneSecret{resourceVersion: test.cached, err: test.cacheErr}
		live := &oneSecret{resourceVersion: "25", err: test.liveErr}
		secretSync, writes, seen := fresh(), &Writes{}, &Seen{}
		if test.written != "" {
			secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: test.name, UID: "secret", ResourceVersion: test.written}
		}
		seen.Note(target.Result{UID: "secret", ResourceVersion: "25"})
		found, err := Detect(t.Context(), &target.Writer{Client: cache, Live: live}, secretSync, writes, seen, noon)
		if (err != nil) != test.fails {
			t.Errorf("%s: the error is %v", name, err)
		}
		if found.Drifted != test.drifted || found.State.Exists != test.found {
			t.Errorf("%s: drifted %t, found %t", name, found.Drifted, found.State.Exists)
		}
		if cache.asked != test.fromCache || live.asked != test.fromLive {
			t.Errorf("%s: the cache was read %d times, and the API server %d times", name, cache.asked, live.asked)
		}
	}
}
