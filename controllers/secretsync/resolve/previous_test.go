package resolve

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestWhatCountsAsARotation: another version of the same secret under AWSCURRENT than the Secret has, as resolved or,
// once it is read, as read.
func TestWhatCountsAsARotation(t *testing.T) {
	for name, test := range map[string]struct {
		synced   v1alpha1.SourceStatus
		stage    string
		resolved string
		fetched  string
		want     bool
	}{
		"another version":              {syncedAt("db", "AWSCURRENT", "v1"), "", "v2", "", true},
		"another one once it is read":  {syncedAt("db", "AWSCURRENT", "v1"), "", "v1", "v2", true},
		"the same once it is read":     {syncedAt("db", "AWSCURRENT", "v1"), "", "v2", "v1", false},
		"the same version":             {syncedAt("db", "AWSCURRENT", "v1"), "", "v1", "", false},
		"a label of the user":          {syncedAt("db", "blue", "v1"), "blue", "v2", "", false},
		"a secret that was not there":  {syncedAt("db", "AWSCURRENT", ""), "", "v2", "", false},
		"a secret that was made again": {v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn:of before", VersionID: "v1"}, "", "v2", "", false},
		"the first sync":               {syncedAt("another", "AWSCURRENT", "v1"), "", "v2", "", false},
	} {
		spec := keepingPrevious()
		spec.Source.VersionStage = test.stage
		set := setOf(spec, test.synced)
		input := set.Inputs[0]
		if input.Resolution = resolution("db", test.resolved); test.fetched != "" {
			input.Fetched.Version = resolution("db", test.fetched).Version
		}
		if got := set.rotates(0, input); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHowLongFormerValuesAreKept: from the rotation on, and no longer.
func TestHowLongFormerValuesAreKept(t *testing.T) {
	current, former := syncedAt("db", "AWSCURRENT", "v1"), syncedAt("db", StagePrevious, "v0")
	for name, test := range map[string]struct {
		synced []v1alpha1.SourceStatus
		until  time.Duration // From now on; zero for none.
		stage  string
		now    string
		keeps  time.Duration
		has    bool
	}{
		"nothing has rotated":          {[]v1alpha1.SourceStatus{current}, 0, "", "v1", 0, false},
		"it rotates":                   {[]v1alpha1.SourceStatus{current}, 0, "", "v2", time.Hour, false},
		"it has rotated":               {[]v1alpha1.SourceStatus{current, former}, time.Minute, "", "v1", time.Minute, true},
		"it has rotated, and does":     {[]v1alpha1.SourceStatus{current, former}, time.Minute, "", "v2", time.Hour, true},
		"that is over":                 {[]v1alpha1.SourceStatus{current, former}, -time.Minute, "", "v1", 0, false},
		"another one has":              {[]v1alpha1.SourceStatus{current, syncedAt("x", StagePrevious, "v0")}, time.Minute, "", "v1", time.Minute, false},
		"it is there by another label": {[]v1alpha1.SourceStatus{current, syncedAt("db", "blue", "v0")}, time.Minute, "", "v1", time.Minute, false},
		"it follows another label":     {[]v1alpha1.SourceStatus{syncedAt("db", "blue", "v1"), former}, time.Minute, "blue", "v1", time.Minute, false},
	} {
		spec := keepingPrevious()
		spec.Source.VersionStage = test.stage
		set := setOf(spec, test.synced...)
		if set.Inputs[0].Resolution = resolution("db", test.now); test.until != 0 {
			set.request.SecretSync.Status.PreviousUntil = &metav1.Time{Time: noon.Add(test.until)}
		}
		want := time.Time{}
		if test.keeps > 0 {
			want = noon.Add(test.keeps)
		}
		if got := set.previousUntil(noon); !got.Equal(want) {
			t.Errorf("%s: kept until %s, want %s", name, got, want)
		}
		if got := set.hasFormer(set.Inputs[0], noon); got != test.has {
			t.Errorf("%s: the Secret has a former version: %v", name, got)
		}
	}
}

// TestWhichFormerVersionsAreListed: those of what rotates, once, and not of what does not exist, or does not rotate.
func TestWhichFormerVersionsAreListed(t *testing.T) {
	spec := twoSecrets()
	spec.Data = append(spec.Data, v1alpha1.DataKey{Key: "c", Source: other("c", "")})
	set := setOf(spec, syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v1"), syncedAt("c", "AWSCURRENT", "v1"), syncedAt("b", StagePrevious, "v0"))
	set.Inputs[2].Resolution = resolution("c", "v1")
	set.request.SecretSync.Status.PreviousUntil = &metav1.Time{Time: noon.Add(time.Minute)}
	set.Inputs[0].Resolution, set.Inputs[1].Absent = resolution("a", "v2"), true
	if more := set.listFormer(noon); !more || len(set.Former) != 1 {
		t.Fatalf("there are more: %v, %d are listed", more, len(set.Former))
	}
	known := set.Former[0]
	if known.Ref.SecretID != "a" || known.Ref.VersionStage != StagePrevious || !known.Optional {
		t.Fatalf("%+v is listed", known)
	}
	set.Inputs[0].Resolution = resolution("a", "v1") // It has moved back meanwhile.
	if more := set.listFormer(noon); more || len(set.Former) != 1 || set.Former[0] != known {
		t.Errorf("listed again there are more: %v, %d", more, len(set.Former))
	}
}

// TestTheOtherHalfOfARotationIsNoRoutine, though the poll that found it was.
func TestTheOtherHalfOfARotationIsNoRoutine(t *testing.T) {
	aws := &fakeSource{resolve: func(_ int, query source.VersionQuery) (source.Resolution, error) {
		return resolution("db", "of "+query.VersionStage), nil
	}}
	request := requestFor(keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	request.Routine = true
	if _, err := resolverOf(aws).Versions(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if asked := aws.queries; len(asked) != 2 || !asked[0].Routine || asked[1].Routine || asked[1].VersionStage != StagePrevious {
		t.Errorf("asked: %+v", asked)
	}
}

// TestAFormerVersionThatLags is one that can't be beside the present one, as far as the versions tell.
func TestAFormerVersionThatLags(t *testing.T) {
	made := func(id string, created time.Duration) source.Version {
		is := source.Version{ARN: "arn:db", ID: id}
		if created != 0 {
			is.Created = noon.Add(created)
		}
		return is
	}
	left := syncedAt("db", "AWSCURRENT", "v2")
	left.VersionCreatedTime = &metav1.Time{Time: noon}
	for name, test := range map[string]struct {
		kept    string // What status says of AWSPREVIOUS; empty for nothing.
		former  source.Version
		absent  bool
		changed time.Time
		want    bool
	}{
		"the one that was left":               {"v1", made("v2", 0), false, time.Time{}, false},
		"the one that was left, by its date":  {"v2", made("v2", -1), false, time.Time{}, false},
		"the one that was there before":       {"v1", made("v1", 0), false, time.Time{}, true},
		"that one, where AWS says when":       {"v1", made("v1", 0), false, noon, false},
		"one that is older than the left one": {"", made("v1", -time.Hour), false, time.Time{}, true},
		"one that is newer than the left one": {"v1", made("v7", time.Hour), false, time.Time{}, false},
		"one of which nothing is known":       {"v1", made("v7", 0), false, time.Time{}, false},
		"the present one":                     {"v1", made("v3", 0), false, time.Time{}, true},
		"none, as there was none":             {"none", made("", 0), true, time.Time{}, false},
	} {
		synced := []v1alpha1.SourceStatus{left}
		if test.kept != "" {
			synced = append(synced, syncedAt("db", StagePrevious, test.kept))
		}
		if test.kept == "none" {
			synced[1].VersionID = ""
		}
		set := setOf(keepingPrevious(), synced...)
		input := set.Inputs[0]
		input.Resolution = resolution("db", "v3")
		input.Resolution.Version.Changed = test.changed
		input.previous = &Input{Ref: source.Ref{SecretID: "db", VersionStage: StagePrevious}, Absent: test.absent, Resolution: source.Resolution{Version: test.former}}
		if got := set.previousLags(); got != test.want {
			t.Errorf("%s: it lags: %v", name, got)
		}
	}
}

// TestWhatAnInputWasBeforeTheRotation: another version, or what it is; unknown for what the Secret has not had.
func TestWhatAnInputWasBeforeTheRotation(t *testing.T) {
	for name, test := range map[string]struct {
		synced   v1alpha1.SourceStatus
		stage    string
		previous bool
		want     string
	}{
		"a former version":            {syncedAt("db", "AWSCURRENT", "v1"), "", true, "previous"},
		"the same":                    {syncedAt("db", "AWSCURRENT", "v1"), "", false, "itself"},
		"one that was not there":      {syncedAt("db", "AWSCURRENT", ""), "", false, ""},
		"one that is new in the spec": {syncedAt("x", "AWSCURRENT", "v1"), "", false, ""},
		"another label":               {syncedAt("db", "blue", "v1"), "blue", false, ""},
	} {
		spec := keepingPrevious()
		spec.Source.VersionStage = test.stage
		set := setOf(spec, test.synced)
		input := set.Inputs[0]
		if test.previous {
			input.previous = &Input{}
		}
		got := ""
		switch set.PreviousOf(input) {
		case nil:
		case input:
			got = "itself"
		case input.previous:
			got = "previous"
		}
		if got != test.want {
			t.Errorf("%s: it was %q", name, got)
		}
	}
}

// A rotation that comes between resolving and reading is one: its former values are not forgotten.
func TestARotationWhileValuesAreReadKeepsTheFormerOnes(t *testing.T) {
	synced, former := syncedAt("db", "AWSCURRENT", "v1"), syncedAt("db", StagePrevious, "v0")
	soon := metav1.NewTime(noon.Add(time.Minute))
	for name, status := range map[string]v1alpha1.SecretSyncStatus{
		"the first one":                 {Sources: []v1alpha1.SourceStatus{synced}},
		"one while others are kept yet": {Sources: []v1alpha1.SourceStatus{synced, former}, PreviousUntil: &soon},
	} {
		t.Run(name, func(t *testing.T) {
			secrets := account{"db": stages("v1", "v0")}
			aws := secrets.source()
			aws.onFetch = func() { secrets["db"] = stages("v2", "v1") }
			request := requestFor(keepingPrevious())
			request.SecretSync.Status = status
			set, err := read(t.Context(), resolverOf(aws), request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]string{"db AWSCURRENT": "v2", "db AWSPREVIOUS": "v1"}, texts(set)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !set.PreviousUntil.Equal(noon.Add(time.Hour)) {
				t.Errorf("they are kept until %s", set.PreviousUntil)
			}
		})
	}
}

// TestAFormerVersionThatIsKeptDoesNotLag: by its date it is from before the present one, which nothing has left.
func TestAFormerVersionThatIsKeptDoesNotLag(t *testing.T) {
	current := syncedAt("db", "AWSCURRENT", "v3")
	current.VersionCreatedTime = &metav1.Time{Time: noon}
	set := setOf(keepingPrevious(), current, syncedAt("db", StagePrevious, "v2"))
	input := set.Inputs[0]
	input.Resolution = resolution("db", "v3")
	input.previous = &Input{Ref: source.Ref{SecretID: "db", VersionStage: StagePrevious}, Resolution: resolution("db", "v2")}
	if set.previousLags() {
		t.Error("it lags")
	}
}

// TestFormerVersionsAreAskedForAsLongAsTheyAreKept: where keepPrevious keeps none, AWS is not asked for any, and values
// that were read with an earlier spec are kept no longer.
func TestFormerVersionsAreAskedForAsLongAsTheyAreKept(t *testing.T) {
	current, former := syncedAt("db", "AWSCURRENT", "v1"), syncedAt("db", StagePrevious, "v0")
	soon := metav1.NewTime(noon.Add(time.Minute))
	for name, test := range map[string]struct {
		keeps  bool
		status v1alpha1.SecretSyncStatus
		now    string
		want   map[string]string
		until  time.Time
	}{
		"a rotation":                       {true, v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{current}}, "v2", map[string]string{"db AWSCURRENT": "v2", "db AWSPREVIOUS": "v1"}, noon.Add(time.Hour)},
		"some time after it":               {true, v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{current, former}, PreviousUntil: &soon}, "v1", map[string]string{"db AWSCURRENT": "v1", "db AWSPREVIOUS": "v0"}, soon.Time},
		"nothing has rotated":              {true, v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{current}}, "v1", map[string]string{"db AWSCURRENT": "v1"}, time.Time{}},
		"a rotation of which none is kept": {false, v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{current}}, "v2", map[string]string{"db AWSCURRENT": "v2"}, time.Time{}},
		"none is kept any more":            {false, v1alpha1.SecretSyncStatus{Sources: []v1alpha1.SourceStatus{current, former}, PreviousUntil: &soon}, "v1", map[string]string{"db AWSCURRENT": "v1"}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := keepingPrevious()
			if !test.keeps {
				spec.KeepPrevious = nil
			}
			request := requestFor(spec)
			request.SecretSync.Status = test.status
			aws := account{"db": stages(test.now, "v"+string(test.now[1]-1))}.source()
			set, err := resolverOf(aws).Versions(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if !set.PreviousUntil.Equal(test.until) {
				t.Errorf("once resolved, former values are kept until %s, want %s", set.PreviousUntil, test.until)
			}
			if err := resolverOf(aws).Values(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, texts(set)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !set.PreviousUntil.Equal(test.until) {
				t.Errorf("former values are kept until %s, want %s", set.PreviousUntil, test.until)
			}
			asked := slices.ContainsFunc(aws.queries, func(query source.VersionQuery) bool { return query.VersionStage == StagePrevious })
			if _, wanted := test.want["db AWSPREVIOUS"]; asked != wanted {
				t.Errorf("AWS is asked for the former version: %t", asked)
			}
		})
	}
}

// TestTimeThatPassesIsNoRotation: the time for which former values stay begins again with each reading of the clock, and
// nothing is read again for that. The former version may be known from the query for the present one.
func TestTimeThatPassesIsNoRotation(t *testing.T) {
	aws := account{"db": stages("v2", "v1")}.source()
	r := &Resolver{Source: aws, Clock: &clocktesting.SimpleIntervalClock{Time: noon, Duration: time.Second}}
	set, err := read(t.Context(), r, requestFor(keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1")))
	if err != nil {
		t.Fatal(err)
	}
	if len(aws.fetches) != 2 || len(aws.queries) != 4 {
		t.Errorf("%d values are read with %d queries, want 2 with 4", len(aws.fetches), len(aws.queries))
	}
	if last := aws.queries[len(aws.queries)-1]; last.VersionStage != StagePrevious || last.MaxAge <= 0 || last.MaxAge > 2*time.Second {
		t.Errorf("after the values %s is asked for, by an answer of the last %s", last.VersionStage, last.MaxAge)
	}
	if !set.PreviousUntil.After(noon.Add(time.Hour)) {
		t.Errorf("former values are kept until %s", set.PreviousUntil)
	}
}

// TestARotationAfterAllWasRead: between the values and the queries that confirm them. What was read is read again, and
// the former values with it.
func TestARotationAfterAllWasRead(t *testing.T) {
	aws := &fakeSource{resolve: func(n int, query source.VersionQuery) (source.Resolution, error) {
		if query.VersionStage == StagePrevious || query.SecretID == "a" && n == 0 {
			return resolution(query.SecretID, "v1"), nil
		}
		return resolution(query.SecretID, "v2"), nil
	}}
	spec := twoSecrets()
	spec.KeepPrevious = keepingPrevious().KeepPrevious
	set, err := read(t.Context(), resolverOf(aws), requestFor(spec, syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v2")))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a AWSCURRENT": "v2", "a AWSPREVIOUS": "v1", "b AWSCURRENT": "v2"}
	if diff := cmp.Diff(want, texts(set)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
