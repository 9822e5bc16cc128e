package failover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

const (
	home, away, far = "eu-west-1", "eu-central-1", "us-east-1"
	valueMarker     = "hunter2-marker"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// arnIn is the secret's ARN in a region.
func arnIn(region string) string {
	return "arn:aws:secretsmanager:" + region + ":111122223333:secret:db-a1B2c3"
}

// region is Secrets Manager in one region.
type region struct {
	// err is what all questions are answered with, where it is not nil.
	err error
	// observed and fetched are the versions that are there.
	observed, fetched source.Version
	asked             []string
	// during is done while a question waits.
	during func()
}

// regions answer as source/aws does.
type regions map[string]*region

func (r regions) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	at := r.at(query.Ref)
	at.asked = append(at.asked, "observe "+query.SecretID+" "+query.Synced.ARN)
	if at.during != nil {
		at.during()
	}
	return source.Resolution{Version: at.observed}, at.err
}

func (r regions) Fetch(_ context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	at := r.at(ref)
	at.asked = append(at.asked, "fetch "+ref.SecretID+" "+observed.ARN)
	return source.Fetched{Version: at.fetched, Value: source.TextValue(valueMarker)}, at.err
}

func (r regions) Find(context.Context, source.FindQuery) ([]source.Found, error) { return nil, nil }

func (r regions) at(ref source.Ref) *region {
	if ref.Region != "" {
		return r[ref.Region]
	}
	return r[home]
}

// down is a region that does not answer.
func down(name string) error {
	return &source.Error{Kind: source.RegionUnavailable, Explanation: name + " could not be reached"}
}

// world is a secret at home with replicas, and a clock.
type world struct {
	regions
	source *Source
	now    time.Time
}

// newWorld has the same version everywhere, made at noon.
func newWorld() *world {
	w := &world{regions: regions{}, now: noon}
	for _, name := range []string{home, away, far} {
		w.put(name, "v1", noon)
	}
	w.source = New(Options{Source: w.regions, Region: home, Now: func() time.Time { return w.now }})
	return w
}

func (r regions) put(name, id string, made time.Time) {
	version := source.Version{ARN: arnIn(name), ID: id, Region: name, PrimaryRegion: home, Rotation: &source.Rotation{Enabled: true}}
	at := &region{observed: version, fetched: version}
	at.fetched.Rotation, at.fetched.Created = nil, made
	r[name] = at
}

func (r regions) fail(err error, names ...string) {
	for _, name := range names {
		r[name].err = err
	}
}

// ask is a question about the secret, with replicas in two regions.
func ask(synced string) source.VersionQuery {
	query := source.VersionQuery{Ref: source.Ref{SecretID: "db", VersionStage: "AWSCURRENT", FailoverRegions: away + " " + far}}
	if synced != "" {
		query.Synced = source.Version{ARN: arnIn(home), ID: synced, Created: noon}
	}
	return query
}

func TestTheFirstRegionThatAnswersIsRead(t *testing.T) {
	other := errors.New("cancelled")
	for name, test := range map[string]struct {
		at   map[string]error
		from string
		kind source.Kind
		// mention is what the error says.
		mention []string
	}{
		"all is well":                         {from: home},
		"home is down":                        {at: map[string]error{home: down(home)}, from: away},
		"the first replica is down too":       {at: map[string]error{home: down(home), away: down(away)}, from: far},
		"the first replica is not there":      {at: map[string]error{home: down(home), away: &source.Error{Kind: source.SecretNotFound}}, from: far},
		"the first replica may not be read":   {at: map[string]error{home: down(home), away: &source.Error{Kind: source.AccessDenied}}, from: far},
		"nothing answers":                     {at: map[string]error{home: down(home), away: down(away), far: down(far)}, kind: source.RegionUnavailable, mention: []string{home + " could not be reached; ", away + " does not answer either; " + far + " does not answer either"}},
		"no replica may be read":              {at: map[string]error{home: down(home), away: &source.Error{Kind: source.AccessDenied, Explanation: "nobody may"}, far: &source.Error{Kind: source.SecretNotFound}}, kind: source.RegionUnavailable, mention: []string{"the replica in " + away + " is not used: nobody may", "there is no replica in " + far}},
		"home denies":                         {at: map[string]error{home: &source.Error{Kind: source.AccessDenied}}, kind: source.AccessDenied},
		"home has no such secret":             {at: map[string]error{home: &source.Error{Kind: source.SecretNotFound}}, kind: source.SecretNotFound},
		"home throttles":                      {at: map[string]error{home: &source.Error{Kind: source.Throttled}}, kind: source.Throttled},
		"there are no credentials":            {at: map[string]error{home: &source.Error{Kind: source.CredentialsUnavailable}}, kind: source.CredentialsUnavailable},
		"there is no turn":                    {at: map[string]error{home: &source.Error{Kind: source.Busy}}, kind: source.Busy},
		"the question was given up":           {at: map[string]error{home: other}, mention: []string{"cancelled"}},
		"the secret is marked for deletion":   {at: map[string]error{home: &source.Error{Kind: source.SecretPendingDeletion}}, kind: source.SecretPendingDeletion},
		"the value cannot be decrypted there": {at: map[string]error{home: &source.Error{Kind: source.DecryptionFailed}}, kind: source.DecryptionFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for region, err := range test.at {
				w.fail(err, region)
			}
			seen, err := w.source.Resolve(t.Context(), ask("v1"))
			if (err != nil) != (test.from == "") || source.KindOf(err) != test.kind {
				t.Fatalf("%v", err)
			}
			for _, mention := range test.mention {
				if !strings.Contains(err.Error(), mention) {
					t.Errorf("%v does not mention %q", err, mention)
				}
			}
			if err != nil {
				return
			}
			if seen.Version.Region != test.from || seen.Version.ARN != arnIn(home) || seen.Version.ID != "v1" {
				t.Errorf("%s of %s from %s", seen.Version.ID, seen.Version.ARN, seen.Version.Region)
			}
			hint, rotation := "", true
			if test.from != home {
				hint, rotation = "read from the replica in "+test.from+" because "+home+" does not answer", false
			}
			if seen.Hint != hint || (seen.Version.Rotation != nil) != rotation || seen.Value != nil {
				t.Errorf("hint %q, rotation %v, value %v", seen.Hint, seen.Version.Rotation, seen.Value)
			}
		})
	}
}

func TestAReplicaIsNeverAStepBack(t *testing.T) {
	for name, test := range map[string]struct {
		question source.VersionQuery
		// replica is the version there, and when it was made.
		replica string
		made    time.Time
		// says is what the error says of the replica; empty for one that is taken.
		says string
		// read says that the value was read to know.
		read bool
	}{
		"the version that is synced":              {question: ask("v1"), replica: "v1", made: noon},
		"a newer one":                             {question: ask("v1"), replica: "v2", made: noon.Add(time.Hour), read: true},
		"an older one":                            {question: ask("v1"), replica: "v0", made: noon.Add(-time.Hour), says: "it has version v0, which is not newer than version v1", read: true},
		"one that is newer by seconds":            {question: ask("v1"), replica: "v2", made: noon.Add(time.Second), says: "not newer", read: true},
		"one that was made at an unknown time":    {question: ask("v1"), replica: "v2", says: "not newer", read: true},
		"a first one":                             {question: ask(""), replica: "v0", made: noon.Add(-time.Hour)},
		"another, and nothing is known of v1":     {question: source.VersionQuery{Ref: ask("").Ref, Synced: source.Version{ARN: arnIn(home), ID: "v1"}}, replica: "v2", made: noon.Add(time.Hour), says: "not known when version v1"},
		"one that is pinned":                      {question: source.VersionQuery{Ref: source.Ref{SecretID: "db", VersionID: "v0", FailoverRegions: away}, Synced: ask("v1").Synced}, replica: "v0", made: noon.Add(-time.Hour)},
		"of another secret than what is synced":   {question: source.VersionQuery{Ref: ask("").Ref, Synced: source.Version{ARN: strings.Replace(arnIn(home), "db", "web", 1), ID: "w1", Created: noon}}, replica: "v0", made: noon.Add(-time.Hour)},
		"of a predecessor of the secret, by name": {question: source.VersionQuery{Ref: ask("").Ref, Synced: source.Version{ARN: arnIn(home)[:len(arnIn(home))-6] + "z9Y8x7", ID: "v1", Created: noon}}, replica: "v0", made: noon.Add(-time.Hour), says: "not newer", read: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.put(away, test.replica, test.made)
			w.fail(down(home), home)
			w.fail(down(far), far)
			seen, err := w.source.Resolve(t.Context(), test.question)
			read := strings.Contains(strings.Join(w.regions[away].asked, ","), "fetch db "+arnIn(away))
			if read != test.read {
				t.Errorf("asked %v", w.regions[away].asked)
			}
			if test.says != "" {
				if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "the replica in "+away+" is not used: ") || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || seen.Version.ID != test.replica || (seen.Value != nil) != test.read {
				t.Errorf("%v, %v", seen.Version, err)
			}
		})
	}
}

func TestAReplicaThatStaysBehindIsReadOnce(t *testing.T) {
	w := newWorld()
	w.put(away, "v0", noon.Add(-time.Hour))
	w.fail(down(home), home)
	w.fail(down(far), far)
	for range 3 {
		if _, err := w.source.Resolve(t.Context(), ask("v1")); source.KindOf(err) != source.RegionUnavailable {
			t.Fatal(err)
		}
	}
	want := []string{"observe db " + arnIn(away), "fetch db " + arnIn(away), "observe db " + arnIn(away), "observe db " + arnIn(away)}
	if diff := cmp.Diff(want, w.regions[away].asked); diff != "" {
		t.Error(diff)
	}
}

// A secret of the same name in another region is not what was asked for, and rules that go by ARNs would not
// see that.
func TestAnotherSecretOfTheNameIsNoReplica(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*source.Version)
		synced string
		full   bool
		says   string
	}{
		"a replica":                           {func(*source.Version) {}, "", false, ""},
		"a secret of its own":                 {func(v *source.Version) { v.PrimaryRegion = away }, "", false, "it belongs to a secret of " + away},
		"one that was asked for by its ARN":   {func(v *source.Version) { v.PrimaryRegion = away }, "", true, "it belongs to a secret of " + away},
		"one of which nothing is told":        {func(v *source.Version) { v.PrimaryRegion = "" }, "", false, "allow secretsmanager:DescribeSecret"},
		"one that was read at home before":    {func(v *source.Version) { v.PrimaryRegion = "" }, "v1", false, ""},
		"a replica that was made independent": {func(v *source.Version) { v.PrimaryRegion = away }, "v1", false, ""},
		"another one than was read at home":   {func(v *source.Version) { v.PrimaryRegion, v.ARN = away, arnIn(away)[:len(arnIn(away))-6]+"z9Y8x7" }, "v1", false, "it belongs to a secret of " + away},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			test.change(&w.regions[away].observed)
			w.fail(down(home), home)
			w.fail(down(far), far)
			query := ask(test.synced)
			if test.full {
				query.SecretID = arnIn(home)
			}
			_, err := w.source.Resolve(t.Context(), query)
			if test.says == "" && err != nil || test.says != "" && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReplicasAreAskedByTheirOwnARN(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	query := ask("")
	query.SecretID = arnIn(home)
	seen, err := w.source.Resolve(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := w.source.Fetch(t.Context(), query.Ref, seen.Version)
	if err != nil || fetched.Version.ARN != arnIn(home) || fetched.Version.Region != away {
		t.Errorf("%v, %v", fetched.Version, err)
	}
	if diff := cmp.Diff([]string{"observe " + arnIn(away) + " ", "fetch " + arnIn(away) + " " + arnIn(away)}, w.regions[away].asked); diff != "" {
		t.Error(diff)
	}
	if len(w.regions[home].asked) != 1 {
		t.Errorf("home was asked %v: the value is where the version was seen", w.regions[home].asked)
	}
}

func TestAReadThatFailsIsDoneElsewhere(t *testing.T) {
	w := newWorld()
	seen, err := w.source.Resolve(t.Context(), ask(""))
	if err != nil {
		t.Fatal(err)
	}
	w.fail(down(home), home)
	w.put(away, "v0", noon)
	fetched, err := w.source.Fetch(t.Context(), ask("").Ref, seen.Version)
	if err != nil || fetched.Version.Region != far || fetched.Version.ID != "v1" {
		t.Errorf("%v, %v: the first replica is at another version", fetched.Version, err)
	}
	w.fail(&source.Error{Kind: source.KMSAccessDenied, Explanation: "no key"}, far)
	_, err = w.source.Fetch(t.Context(), ask("").Ref, seen.Version)
	if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "no key") || !strings.Contains(err.Error(), "another version") {
		t.Errorf("%v", err)
	}
	w.fail(&source.Error{Kind: source.AccessDenied}, home)
	if _, err = w.source.Fetch(t.Context(), ask("").Ref, seen.Version); source.KindOf(err) != source.AccessDenied {
		t.Errorf("%v", err)
	}
}

func TestWithoutFailoverRegionsNothingChanges(t *testing.T) {
	w := newWorld()
	w.fail(down(home), home)
	query := source.VersionQuery{Ref: source.Ref{SecretID: "db"}}
	for range 5 {
		if _, err := w.source.Resolve(t.Context(), query); !errors.Is(err, w.regions[home].err) {
			t.Error(err)
		}
		if _, err := w.source.Fetch(t.Context(), query.Ref, source.Version{ID: "v1"}); !errors.Is(err, w.regions[home].err) {
			t.Error(err)
		}
	}
	if len(w.regions[home].asked) != 10 || len(w.regions[away].asked) != 0 {
		t.Errorf("asked %v and %v", w.regions[home].asked, w.regions[away].asked)
	}
}
