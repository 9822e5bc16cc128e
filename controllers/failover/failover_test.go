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

// region is a fake of Secrets Manager in one region.
type region struct {
	// err is returned by all calls, if it is not nil.
	err error
	// resolved and fetched are the versions that Resolve and Fetch return.
	resolved, fetched source.Version
	// calls are all calls, in order.
	calls []string
	// during runs while a call of Resolve is in flight.
	during func()
}

// regions are a fake source.Source that answers as source/aws does.
type regions map[string]*region

func (r regions) Resolve(_ context.Context, query source.VersionQuery) (source.Resolution, error) {
	at := r.at(query.Ref)
	at.calls = append(at.calls, "resolve "+query.SecretID+" "+query.Synced.ARN)
	if at.during != nil {
		at.during()
	}
	return source.Resolution{Version: at.resolved}, at.err
}

func (r regions) Fetch(_ context.Context, ref source.Ref, resolved source.Version) (source.Fetched, error) {
	at := r.at(ref)
	at.calls = append(at.calls, "fetch "+ref.SecretID+" "+resolved.ARN)
	return source.Fetched{Version: at.fetched, Value: source.TextValue(valueMarker)}, at.err
}

func (r regions) Find(context.Context, source.FindQuery) ([]source.Found, error) { return nil, nil }

func (r regions) at(ref source.Ref) *region {
	if ref.Region != "" {
		return r[ref.Region]
	}
	return r[home]
}

// down is the error of a region that does not answer.
func down(name string) error {
	return &source.Error{Kind: source.RegionUnavailable, Explanation: name + " could not be reached"}
}

// fixture is a secret with replicas in two regions, the Source under test, and its clock.
type fixture struct {
	regions
	source *Source
	now    time.Time
}

// newFixture has the same version in all regions, created at noon.
func newFixture() *fixture {
	f := &fixture{regions: regions{}, now: noon}
	for _, name := range []string{home, away, far} {
		f.put(name, "v1", noon)
	}
	f.source = New(Options{Source: f.regions, Region: home, Now: func() time.Time { return f.now }})
	return f
}

func (r regions) put(name, id string, created time.Time) {
	version := source.Version{ARN: arnIn(name), ID: id, Region: name, PrimaryRegion: home, Rotation: &source.Rotation{Enabled: true}}
	at := &region{resolved: version, fetched: version}
	at.fetched.Rotation, at.fetched.Created = nil, created
	r[name] = at
}

func (r regions) fail(err error, names ...string) {
	for _, name := range names {
		r[name].err = err
	}
}

// queryFor asks for the secret, with replicas in two regions.
func queryFor(synced string) source.VersionQuery {
	q := source.VersionQuery{Ref: source.Ref{SecretID: "db", VersionStage: "AWSCURRENT", FailoverRegions: away + " " + far}}
	if synced != "" {
		q.Synced = source.Version{ARN: arnIn(home), ID: synced, Created: noon}
	}
	return q
}

func TestTheFirstRegionThatAnswersIsRead(t *testing.T) {
	other := errors.New("cancelled")
	for name, test := range map[string]struct {
		// errs are what regions answer with.
		errs map[string]error
		from string
		kind source.Kind
		// mention are texts in the error.
		mention []string
	}{
		"home answers":                        {from: home},
		"home is down":                        {errs: map[string]error{home: down(home)}, from: away},
		"the first replica is down too":       {errs: map[string]error{home: down(home), away: down(away)}, from: far},
		"the first replica is not there":      {errs: map[string]error{home: down(home), away: &source.Error{Kind: source.SecretNotFound}}, from: far},
		"the first replica may not be read":   {errs: map[string]error{home: down(home), away: &source.Error{Kind: source.AccessDenied}}, from: far},
		"nothing answers":                     {errs: map[string]error{home: down(home), away: down(away), far: down(far)}, kind: source.RegionUnavailable, mention: []string{home + " could not be reached; ", away + " does not answer either; " + far + " does not answer either"}},
		"no replica may be read":              {errs: map[string]error{home: down(home), away: &source.Error{Kind: source.AccessDenied, Explanation: "access is denied"}, far: &source.Error{Kind: source.SecretNotFound}}, kind: source.RegionUnavailable, mention: []string{"the replica in " + away + " is not used: access is denied", "there is no replica in " + far}},
		"home denies":                         {errs: map[string]error{home: &source.Error{Kind: source.AccessDenied}}, kind: source.AccessDenied},
		"home has no such secret":             {errs: map[string]error{home: &source.Error{Kind: source.SecretNotFound}}, kind: source.SecretNotFound},
		"home throttles":                      {errs: map[string]error{home: &source.Error{Kind: source.Throttled}}, kind: source.Throttled},
		"there are no credentials":            {errs: map[string]error{home: &source.Error{Kind: source.CredentialsUnavailable}}, kind: source.CredentialsUnavailable},
		"too many calls are waiting":          {errs: map[string]error{home: &source.Error{Kind: source.Busy}}, kind: source.Busy},
		"the call was cancelled":              {errs: map[string]error{home: other}, mention: []string{"cancelled"}},
		"the secret is marked for deletion":   {errs: map[string]error{home: &source.Error{Kind: source.SecretPendingDeletion}}, kind: source.SecretPendingDeletion},
		"the value cannot be decrypted there": {errs: map[string]error{home: &source.Error{Kind: source.DecryptionFailed}}, kind: source.DecryptionFailed},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			for region, err := range test.errs {
				f.fail(err, region)
			}
			resolution, err := f.source.Resolve(t.Context(), queryFor("v1"))
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
			if resolution.Version.Region != test.from || resolution.Version.ARN != arnIn(home) || resolution.Version.ID != "v1" {
				t.Errorf("%s of %s from %s", resolution.Version.ID, resolution.Version.ARN, resolution.Version.Region)
			}
			hint, rotation := "", true
			if test.from != home {
				hint, rotation = "read from the replica in "+test.from+" because "+home+" does not answer", false
			}
			if resolution.Hint != hint || (resolution.Version.Rotation != nil) != rotation || resolution.Value != nil {
				t.Errorf("hint %q, rotation %v, value %v", resolution.Hint, resolution.Version.Rotation, resolution.Value)
			}
		})
	}
}

func TestAReplicaIsNeverAStepBack(t *testing.T) {
	for name, test := range map[string]struct {
		query source.VersionQuery
		// replica is the version that the replica has, and created is when it was created.
		replica string
		created time.Time
		// reason is why the replica is not used; empty if it is used.
		reason string
		// read says whether the value was read for its date.
		read bool
	}{
		"the version that is synced":              {query: queryFor("v1"), replica: "v1", created: noon},
		"a newer version":                         {query: queryFor("v1"), replica: "v2", created: noon.Add(time.Hour), read: true},
		"an older version":                        {query: queryFor("v1"), replica: "v0", created: noon.Add(-time.Hour), reason: "it has version v0, which is not newer than version v1", read: true},
		"one that is newer by seconds":            {query: queryFor("v1"), replica: "v2", created: noon.Add(time.Second), reason: "not newer", read: true},
		"one that was created at an unknown time": {query: queryFor("v1"), replica: "v2", reason: "not newer", read: true},
		"the first version":                       {query: queryFor(""), replica: "v0", created: noon.Add(-time.Hour)},
		"another, and v1 has no date":             {query: source.VersionQuery{Ref: queryFor("").Ref, Synced: source.Version{ARN: arnIn(home), ID: "v1"}}, replica: "v2", created: noon.Add(time.Hour), reason: "not known when version v1"},
		"one that is pinned":                      {query: source.VersionQuery{Ref: source.Ref{SecretID: "db", VersionID: "v0", FailoverRegions: away}, Synced: queryFor("v1").Synced}, replica: "v0", created: noon.Add(-time.Hour)},
		"of another secret than what is synced":   {query: source.VersionQuery{Ref: queryFor("").Ref, Synced: source.Version{ARN: strings.Replace(arnIn(home), "db", "web", 1), ID: "w1", Created: noon}}, replica: "v0", created: noon.Add(-time.Hour)},
		"of a predecessor of the secret, by name": {query: source.VersionQuery{Ref: queryFor("").Ref, Synced: source.Version{ARN: arnIn(home)[:len(arnIn(home))-6] + "z9Y8x7", ID: "v1", Created: noon}}, replica: "v0", created: noon.Add(-time.Hour), reason: "not newer", read: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			f.put(away, test.replica, test.created)
			f.fail(down(home), home)
			f.fail(down(far), far)
			resolution, err := f.source.Resolve(t.Context(), test.query)
			read := strings.Contains(strings.Join(f.regions[away].calls, ","), "fetch db "+arnIn(away))
			if read != test.read {
				t.Errorf("called with %v", f.regions[away].calls)
			}
			if test.reason != "" {
				if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "the replica in "+away+" is not used: ") || !strings.Contains(err.Error(), test.reason) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || resolution.Version.ID != test.replica {
				t.Errorf("%v, %v", resolution.Version, err)
			}
			if got := resolution.Value != nil; got != test.read {
				t.Errorf("the resolution has a value: %v, want %v", got, test.read)
			}
		})
	}
}

func TestAReplicaThatStaysBehindIsReadOnce(t *testing.T) {
	f := newFixture()
	f.put(away, "v0", noon.Add(-time.Hour))
	f.fail(down(home), home)
	f.fail(down(far), far)
	for range 3 {
		if _, err := f.source.Resolve(t.Context(), queryFor("v1")); source.KindOf(err) != source.RegionUnavailable {
			t.Fatal(err)
		}
	}
	want := []string{"resolve db " + arnIn(away), "fetch db " + arnIn(away), "resolve db " + arnIn(away), "resolve db " + arnIn(away)}
	if diff := cmp.Diff(want, f.regions[away].calls); diff != "" {
		t.Error(diff)
	}
}

// A secret of the same name in another region is not what was asked for, and an access policy that decides by ARNs
// would not notice.
func TestAnotherSecretOfTheNameIsNoReplica(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*source.Version)
		synced string
		full   bool
		reason string
	}{
		"a replica":                            {func(*source.Version) {}, "", false, ""},
		"another secret":                       {func(v *source.Version) { v.PrimaryRegion = away }, "", false, "it belongs to a secret of " + away},
		"another secret, by its ARN":           {func(v *source.Version) { v.PrimaryRegion = away }, "", true, "it belongs to a secret of " + away},
		"the primary region is unknown":        {func(v *source.Version) { v.PrimaryRegion = "" }, "", false, "allow secretsmanager:DescribeSecret"},
		"a secret that was read at home":       {func(v *source.Version) { v.PrimaryRegion = "" }, "v1", false, ""},
		"a replica that was promoted":          {func(v *source.Version) { v.PrimaryRegion = away }, "v1", false, ""},
		"another secret than was read at home": {func(v *source.Version) { v.PrimaryRegion, v.ARN = away, arnIn(away)[:len(arnIn(away))-6]+"z9Y8x7" }, "v1", false, "it belongs to a secret of " + away},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture()
			test.change(&f.regions[away].resolved)
			f.fail(down(home), home)
			f.fail(down(far), far)
			query := queryFor(test.synced)
			if test.full {
				query.SecretID = arnIn(home)
			}
			_, err := f.source.Resolve(t.Context(), query)
			if test.reason == "" && err != nil || test.reason != "" && !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReplicasAreAskedByTheirOwnARN(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	query := queryFor("")
	query.SecretID = arnIn(home)
	resolution, err := f.source.Resolve(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := f.source.Fetch(t.Context(), query.Ref, resolution.Version)
	if err != nil || fetched.Version.ARN != arnIn(home) || fetched.Version.Region != away {
		t.Errorf("%v, %v", fetched.Version, err)
	}
	if diff := cmp.Diff([]string{"resolve " + arnIn(away) + " ", "fetch " + arnIn(away) + " " + arnIn(away)}, f.regions[away].calls); diff != "" {
		t.Error(diff)
	}
	if len(f.regions[home].calls) != 1 {
		t.Errorf("home was called %v: the value is read where the version was resolved", f.regions[home].calls)
	}
}

func TestAReadThatFailsIsDoneElsewhere(t *testing.T) {
	f := newFixture()
	resolution, err := f.source.Resolve(t.Context(), queryFor(""))
	if err != nil {
		t.Fatal(err)
	}
	f.fail(down(home), home)
	f.put(away, "v0", noon)
	fetched, err := f.source.Fetch(t.Context(), queryFor("").Ref, resolution.Version)
	if err != nil || fetched.Version.Region != far || fetched.Version.ID != "v1" {
		t.Errorf("%v, %v: the first replica is at another version", fetched.Version, err)
	}
	f.fail(&source.Error{Kind: source.KMSAccessDenied, Explanation: "no key"}, far)
	_, err = f.source.Fetch(t.Context(), queryFor("").Ref, resolution.Version)
	if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "no key") || !strings.Contains(err.Error(), "another version") {
		t.Errorf("%v", err)
	}
	f.fail(&source.Error{Kind: source.AccessDenied}, home)
	if _, err = f.source.Fetch(t.Context(), queryFor("").Ref, resolution.Version); source.KindOf(err) != source.AccessDenied {
		t.Errorf("%v", err)
	}
}

func TestWithoutFailoverRegionsNothingChanges(t *testing.T) {
	f := newFixture()
	f.fail(down(home), home)
	query := source.VersionQuery{Ref: source.Ref{SecretID: "db"}}
	for range 5 {
		if _, err := f.source.Resolve(t.Context(), query); !errors.Is(err, f.regions[home].err) {
			t.Error(err)
		}
		if _, err := f.source.Fetch(t.Context(), query.Ref, source.Version{ID: "v1"}); !errors.Is(err, f.regions[home].err) {
			t.Error(err)
		}
	}
	if len(f.regions[home].calls) != 10 || len(f.regions[away].calls) != 0 {
		t.Errorf("called with %v and %v", f.regions[home].calls, f.regions[away].calls)
	}
}
