package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// TestWhatStatusSaysOfAWrite: when the Secret was written, and whether that was for a rotation.
func TestWhatStatusSaysOfAWrite(t *testing.T) {
	for name, test := range map[string]struct {
		former          v1alpha1.SourceStatus
		outcome         target.Outcome
		synced, rotated bool
	}{
		"the first sync":                   {v1alpha1.SourceStatus{}, target.Created, true, false},
		"a rotation":                       {v1alpha1.SourceStatus{ARN: "arn", VersionID: "version-1"}, target.Updated, true, true},
		"a rotation that changes no value": {v1alpha1.SourceStatus{ARN: "arn", VersionID: "version-1"}, target.Unchanged, false, true},
		"a repair":                         {v1alpha1.SourceStatus{ARN: "arn", VersionID: "version-2"}, target.Updated, true, false},
		"nothing written":                  {v1alpha1.SourceStatus{ARN: "arn", VersionID: "version-2"}, target.Unchanged, false, false},
		"a secret that was recreated":      {v1alpha1.SourceStatus{ARN: "another", VersionID: "version-1"}, target.Updated, true, false},
		"a version that was not there":     {v1alpha1.SourceStatus{ARN: "arn"}, target.Updated, true, false},
	} {
		outcome := polled("version-1", "version-2")
		outcome.SecretSync.Status.Sources = nil
		if test.former.ARN != "" {
			test.former.SecretID, test.former.VersionStage = "db", v1alpha1.DefaultVersionStage
			outcome.SecretSync.Status.Sources = []v1alpha1.SourceStatus{test.former}
		}
		outcome.Write = &Write{Result: &target.Result{Outcome: test.outcome, UID: "secret", ResourceVersion: "7"}}
		status := Describe(outcome, noon)
		if (status.LastSyncTime != nil) != test.synced {
			t.Errorf("%s: synced at %v", name, status.LastSyncTime)
		}
		if (status.LastRotationTime != nil) != test.rotated {
			t.Errorf("%s: rotated at %v", name, status.LastRotationTime)
		}
		if test.synced && !status.LastSyncTime.Time.Equal(noon) {
			t.Errorf("%s: synced at %v, and it is %s", name, status.LastSyncTime, noon)
		}
		if test.rotated && !status.LastRotationTime.Time.Equal(noon) {
			t.Errorf("%s: rotated at %v, and it is %s", name, status.LastRotationTime, noon)
		}
	}
}

// TestStatusDescribesTheSecret: what a later reconcile, and the end of the SecretSync, go by.
func TestStatusDescribesTheSecret(t *testing.T) {
	outcome := polled("", "version-1")
	outcome.SecretSync.Generation = 3
	outcome.Write = &Write{
		Result: &target.Result{Outcome: target.Created, UID: "secret", ResourceVersion: "7"},
		Keys:   []string{"a", "a_previous"}, PreviousKeys: []string{"a_previous"},
	}
	outcome.Write.Notes.Warnings = []string{"a warning"}
	outcome.Set.PreviousUntil, outcome.Write.Notes.Expires = noon.Add(13*time.Second+700*time.Millisecond), noon.Add(27*time.Second+1)
	status := Describe(outcome, noon)
	want := &v1alpha1.SecretStatus{Name: "db", UID: "secret", ResourceVersion: "7", Generation: 3, Keys: []string{"a", "a_previous"}, PreviousKeys: []string{"a_previous"},
		CreationPolicy: v1alpha1.CreationPolicyOwner, ExpirationTime: second(noon.Add(27 * time.Second)), Warnings: []string{"a warning"}}
	if diff := cmp.Diff(want, status.Secret); diff != "" {
		t.Errorf("status.secret (-want +got):\n%s", diff)
	}
	outcome.SecretSync.Spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
	want.CreationPolicy = v1alpha1.CreationPolicyMerge
	if diff := cmp.Diff(want, Describe(outcome, noon).Secret); diff != "" {
		t.Errorf("status.secret of keys that are merged (-want +got):\n%s", diff)
	}
	if got := status.PreviousUntil; !got.Time.Equal(noon.Add(13 * time.Second)) {
		t.Errorf("former values are kept until %s: the API server cuts to whole seconds", got)
	}
}

// TestStatusDescribesVersions: by the present answer, and by the former one where that says more of the same version.
func TestStatusDescribesVersions(t *testing.T) {
	at := func(hour int) time.Time { return noon.Add(time.Duration(hour) * time.Hour) }
	was := v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn", VersionID: "v1", Region: "eu", VersionCreatedTime: second(at(-9)), LastChangedTime: micro(at(-8)), Hint: "former"}
	found := int32(2)
	said := source.Version{ARN: "arn", ID: "v1", Region: "eu", Stages: []string{"b", "a"}, Rotation: &source.Rotation{LastRotated: at(-3).Add(time.Millisecond), Next: at(5)}}
	is := v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn", VersionID: "v1", Region: "eu", FoundBy: &found, VersionStages: []string{"a", "b"},
		LastRotatedTime: second(at(-3)), NextRotationTime: second(at(5)), Hint: "present"}
	with := func(status v1alpha1.SourceStatus, changes ...func(*v1alpha1.SourceStatus)) v1alpha1.SourceStatus {
		for _, change := range changes {
			change(&status)
		}
		return status
	}
	created := func(of time.Time) func(*v1alpha1.SourceStatus) {
		return func(s *v1alpha1.SourceStatus) { s.VersionCreatedTime = second(of) }
	}
	changed := func(s *v1alpha1.SourceStatus) { s.LastChangedTime = was.LastChangedTime }
	otherARN := func(s *v1alpha1.SourceStatus) { s.ARN = "another" }
	otherRegion := func(s *v1alpha1.SourceStatus) { s.Region = "us" }
	kept := with(was, func(s *v1alpha1.SourceStatus) { s.FoundBy = &found })
	for name, test := range map[string]struct {
		change   func(*source.Version)
		former   bool
		outdated bool
		want     v1alpha1.SourceStatus
	}{
		"the first answer":                               {nil, false, false, is},
		"the same version":                               {nil, true, false, with(is, created(at(-9)), changed)},
		"the same, and when it was created":              {func(v *source.Version) { v.Created = at(-1) }, true, false, with(is, created(at(-1)), changed)},
		"the same, in an answer that is outdated":        {nil, true, true, kept},
		"the same in another region":                     {func(v *source.Version) { v.Region = "us" }, true, false, with(is, otherRegion, created(at(-9)))},
		"the same of another secret":                     {func(v *source.Version) { v.ARN = "another" }, true, false, with(is, otherARN, created(at(-9)))},
		"the same of another secret, and outdated":       {func(v *source.Version) { v.ARN = "another" }, true, true, with(is, otherARN, created(at(-9)))},
		"another version":                                {func(v *source.Version) { v.ID = "v2" }, true, false, with(is, func(s *v1alpha1.SourceStatus) { s.VersionID = "v2" })},
		"another version, in an answer that is outdated": {func(v *source.Version) { v.ID = "v2" }, true, true, with(is, func(s *v1alpha1.SourceStatus) { s.VersionID = "v2" })},
		"nothing known of its rotation": {func(v *source.Version) { v.Rotation = nil }, false, false,
			with(is, func(s *v1alpha1.SourceStatus) { s.LastRotatedTime, s.NextRotationTime = nil, nil })},
	} {
		outcome := polled("v1", "v1")
		outcome.SecretSync.Status.Sources = nil
		if test.former {
			outcome.SecretSync.Status.Sources = []v1alpha1.SourceStatus{was}
		}
		version := said
		if test.change != nil {
			test.change(&version)
		}
		input := outcome.Set.Inputs[0]
		input.Resolution.Version, input.Resolution.Hint, input.FoundBy, input.Outdated = version, "present", &found, test.outdated
		if diff := cmp.Diff([]v1alpha1.SourceStatus{test.want}, Describe(outcome, noon).Sources); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAnswersAreDatedWhereTheyAreOfTheVersionInStatus: the next process takes older answers than that for out of date, so
// that a date of another secret, version or region would have it refuse good ones.
func TestAnswersAreDatedWhereTheyAreOfTheVersionInStatus(t *testing.T) {
	former, now := noon.Add(-time.Hour), noon.Add(1234567*time.Nanosecond)
	for name, test := range map[string]struct {
		change func(outcome *Outcome, answer *source.Version)
		dated  bool
	}{
		"of the version in status": {func(*Outcome, *source.Version) {}, true},
		"of another secret":        {func(_ *Outcome, answer *source.Version) { answer.ARN = "another" }, false},
		"of another version":       {func(_ *Outcome, answer *source.Version) { answer.ID = "v2" }, false},
		"of another region":        {func(_ *Outcome, answer *source.Version) { answer.Region = "us" }, false},
		"without a date":           {func(_ *Outcome, answer *source.Version) { answer.Changed = time.Time{} }, false},
		"not all answered":         {func(o *Outcome, _ *source.Version) { o.Set.Answered = false }, false},
		"nothing asked":            {func(o *Outcome, _ *source.Version) { o.Set = nil }, false},
		"of a secret that is new":  {func(o *Outcome, _ *source.Version) { o.Set.Inputs = append(o.Set.Inputs, o.Set.Inputs[0]) }, true},
		"where nothing is written": {func(o *Outcome, _ *source.Version) { o.SecretSync.Spec.Mode = v1alpha1.SyncModeObserve }, false},
	} {
		outcome := polled("v1", "v1")
		status := outcome.SecretSync.Status.DeepCopy()
		status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionID: "v1", Region: "eu", LastChangedTime: micro(former)}}
		answer := &outcome.Set.Inputs[0].Resolution.Version
		answer.Region, answer.Changed = "eu", now
		test.change(outcome, answer)
		DateSources(outcome, status)
		want := former
		if test.dated {
			want = now.Truncate(time.Microsecond) // As the API server keeps it.
		}
		if got := status.Sources[0].LastChangedTime; !got.Time.Equal(want) {
			t.Errorf("%s: dated %s, want %s", name, got, want)
		}
	}
}

// TestAPreviewLeavesTheVersionsInTheSecret: status says what the Secret has, not what it would get.
func TestAPreviewLeavesTheVersionsInTheSecret(t *testing.T) {
	outcome := polled("v1", "v2")
	outcome.SecretSync.Spec.Mode = v1alpha1.SyncModeObserve
	outcome.Preview = &Preview{Would: "write it"}
	got := Describe(outcome, noon).Sources
	if len(got) != 1 {
		t.Fatalf("status has %+v", got)
	}
	if got[0].VersionID != "v1" {
		t.Errorf("status has %+v", got)
	}
}

// TestASecretOfAFormerNameIsNotForgotten before it is cleaned up: status goes on to name it, with its versions.
func TestASecretOfAFormerNameIsNotForgotten(t *testing.T) {
	outcome := polled("v1", "v2")
	outcome.SecretSync.Spec.Target.Name = "new"
	outcome.Write = &Write{Result: &target.Result{Outcome: target.Created, UID: "new", ResourceVersion: "9"}, Leftover: true}
	status := Describe(outcome, noon)
	if diff := cmp.Diff(outcome.SecretSync.Status.Secret, status.Secret); diff != "" {
		t.Errorf("status.secret (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(outcome.SecretSync.Status.Sources, status.Sources); diff != "" {
		t.Errorf("status.sources (-want +got):\n%s", diff)
	}
	if status.LastSyncTime == nil {
		t.Error("the Secret of the new name was written, and status does not say when")
	}
	if status.LastRotationTime != nil {
		t.Error("a rotation is reported of which status does not have the version")
	}
}

// TestWhichVersionsStatusHasOfASecretThatWasNotWritten: those in the Secret. Before there is one, those of a preview.
func TestWhichVersionsStatusHasOfASecretThatWasNotWritten(t *testing.T) {
	preview := &Preview{Would: "write it"}
	for name, test := range map[string]struct {
		former  string
		observe bool
		change  func(*Outcome)
		want    string // empty for none
	}{
		"a poll that finds the Secret in sync":    {"v1", false, func(*Outcome) {}, "v2"},
		"a write that failed":                     {"v1", false, func(o *Outcome) { o.Failure = outage() }, "v1"},
		"a write that was refused":                {"v1", false, func(o *Outcome) { o.Failure = refused() }, "v1"},
		"the first write, refused":                {"", false, func(o *Outcome) { o.Failure = refused() }, ""},
		"AWS has not named all":                   {"v1", false, func(o *Outcome) { o.Set.Answered = false }, "v1"},
		"the first preview":                       {"", true, func(o *Outcome) { o.Preview = preview }, "v2"},
		"the first preview, refused":              {"", true, func(o *Outcome) { o.Preview, o.Failure = preview, refused() }, ""},
		"the first preview, put off":              {"", true, func(o *Outcome) { o.Set = nil }, ""},
		"a preview beside a Secret":               {"v1", true, func(o *Outcome) { o.Preview = preview }, "v1"},
		"the first preview, of a suspended one":   {"", true, func(o *Outcome) { o.Preview, o.SecretSync.Spec.Suspend = preview, true }, ""},
		"a preview that has not looked at values": {"v1", true, func(*Outcome) {}, "v1"},
	} {
		outcome := polled(test.former, "v2")
		if test.observe {
			outcome.SecretSync.Spec.Mode = v1alpha1.SyncModeObserve
		}
		test.change(outcome)
		got := ""
		if sources := Describe(outcome, noon).Sources; len(sources) > 0 {
			got = sources[0].VersionID
		}
		if got != test.want {
			t.Errorf("%s: status has version %q, want %q", name, got, test.want)
		}
	}
}

// TestStatusTakesTheStateOfTheSecretThatWasSeen: of the same Secret, and with any status that is written.
func TestStatusTakesTheStateOfTheSecretThatWasSeen(t *testing.T) {
	for name, test := range map[string]struct {
		seen ownwrites.Secret
		want string
	}{
		"nothing seen":   {ownwrites.Secret{}, "7"},
		"a later state":  {ownwrites.Secret{UID: "secret", ResourceVersion: "10"}, "10"},
		"another Secret": {ownwrites.Secret{UID: "another", ResourceVersion: "10"}, "7"},
	} {
		outcome := polled("v1", "v1")
		outcome.SecretSync.Status.Secret.ResourceVersion = "7"
		outcome.Secret = test.seen
		if got := Describe(outcome, noon).Secret.ResourceVersion; got != test.want {
			t.Errorf("%s: resourceVersion %s, want %s", name, got, test.want)
		}
	}
}
