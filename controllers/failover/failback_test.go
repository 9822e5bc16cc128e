package failover

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// Once the region answers again it may be behind at first, and must not take back what a replica has given.
func TestTheRegionDoesNotTakeBackWhatAReplicaHasGiven(t *testing.T) {
	made := noon.Add(time.Hour)
	for name, test := range map[string]struct {
		// says and made are the version that the region has when it is back.
		says    string
		made    time.Time
		created time.Time
		// at is the version that is followed at once, and later the one after the region has said the same for a while.
		at, later string
	}{
		"it has the same":                  {"v2", made, made, "v2", "v2"},
		"it is behind":                     {"v1", noon, made, "v2", "v1"},
		"it has rotated meanwhile":         {"v3", made.Add(time.Minute), made, "v3", "v3"},
		"nothing tells how old v2 is":      {"v1", noon, time.Time{}, "v2", "v1"},
		"both were made in the one second": {"v1", made, made, "v2", "v1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.put(home, test.says, test.made)
			query := ask("v2")
			query.Synced.Region, query.Synced.Created = away, test.created
			for _, want := range []string{test.at, test.later} {
				seen, err := w.source.Resolve(t.Context(), query)
				if err != nil || seen.Version.ID != want || seen.Version.ARN != arnIn(home) {
					t.Errorf("it is at version %s of %s, %v, want %s", seen.Version.ID, seen.Version.ARN, err, want)
				}
				if held := want != test.says; seen.Outdated != held || held != (seen.Version.Region == away) {
					t.Errorf("of version %s it says that it is behind: %v, read from %s", want, seen.Outdated, seen.Version.Region)
				}
				w.now = w.now.Add(returnLasts)
			}
		})
	}
}

func TestWhatIsPinnedOrReadAtHomeIsNotHeld(t *testing.T) {
	for name, edit := range map[string]func(*source.VersionQuery){
		"read at home": func(q *source.VersionQuery) { q.Synced.Region = home },
		"pinned":       func(q *source.VersionQuery) { q.VersionID = "v1" },
		"another secret": func(q *source.VersionQuery) {
			q.Synced.ARN = "arn:aws:secretsmanager:" + home + ":111122223333:secret:other-a1B2c3"
		},
	} {
		w := newWorld()
		query := ask("v2")
		query.Synced.Region, query.Synced.Created = away, noon.Add(time.Hour)
		edit(&query)
		if seen, err := w.source.Resolve(t.Context(), query); err != nil || seen.Version.ID != "v1" || seen.Outdated {
			t.Errorf("%s: version %s, behind: %v, %v", name, seen.Version.ID, seen.Outdated, err)
		}
	}
}
