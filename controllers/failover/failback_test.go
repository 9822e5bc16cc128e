package failover

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// Once the home region answers again, its answers may be stale at first: they must not undo what a replica gave.
func TestTheRegionDoesNotTakeBackWhatAReplicaHasGiven(t *testing.T) {
	created := noon.Add(time.Hour)
	for name, test := range map[string]struct {
		// version is what the home region has when it is back, and created is when it was created.
		version string
		created time.Time
		// synced is the creation time of v2, the synced version.
		synced time.Time
		// first is the version that is used at once, and later the version that is used after failbackAfter.
		first, later string
	}{
		"it has the same":                 {"v2", created, created, "v2", "v2"},
		"it is behind":                    {"v1", noon, created, "v2", "v1"},
		"it has rotated meanwhile":        {"v3", created.Add(time.Minute), created, "v3", "v3"},
		"the age of v2 is unknown":        {"v1", noon, time.Time{}, "v2", "v1"},
		"both were created in one second": {"v1", created, created, "v2", "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.put(home, test.version, test.created)
			query := queryFor("v2")
			query.Synced.Region, query.Synced.Created = away, test.synced
			for _, want := range []string{test.first, test.later} {
				resolution, err := f.source.Resolve(t.Context(), query)
				if err != nil || resolution.Version.ID != want || resolution.Version.ARN != arnIn(home) {
					t.Errorf("it resolves version %s of %s, %v, want %s", resolution.Version.ID, resolution.Version.ARN, err, want)
				}
				if held := want != test.version; resolution.Outdated != held || held != (resolution.Version.Region == away) {
					t.Errorf("version %s is outdated: %v, read from %s", want, resolution.Outdated, resolution.Version.Region)
				}
				f.now = f.now.Add(failbackAfter)
			}
		})
	}
}

func TestVersionsThatArePinnedOrReadAtHomeAreNotHeld(t *testing.T) {
	for name, edit := range map[string]func(*source.VersionQuery){
		"read at home": func(q *source.VersionQuery) { q.Synced.Region = home },
		"pinned":       func(q *source.VersionQuery) { q.VersionID = "v1" },
		"another secret": func(q *source.VersionQuery) {
			q.Synced.ARN = "arn:aws:secretsmanager:" + home + ":111122223333:secret:other-a1B2c3"
		},
	} {
		f := newFixture()
		query := queryFor("v2")
		query.Synced.Region, query.Synced.Created = away, noon.Add(time.Hour)
		edit(&query)
		if resolution, err := f.source.Resolve(t.Context(), query); err != nil || resolution.Version.ID != "v1" || resolution.Outdated {
			t.Errorf("%s: version %s, outdated: %v, %v", name, resolution.Version.ID, resolution.Outdated, err)
		}
	}
}
