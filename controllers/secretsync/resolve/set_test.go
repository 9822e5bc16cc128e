package resolve

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestTheVersionThatIsSpokenOf is that of the first input that exists: as it was read, or before that as it was resolved.
func TestTheVersionThatIsSpokenOf(t *testing.T) {
	made := func(id, fetched string, absent bool) *Input {
		input := &Input{Absent: absent}
		input.Resolution.Version.ID, input.Fetched.Version.ID = id, fetched
		return input
	}
	absent, resolved, read := made("", "", true), made("v1", "", false), made("v1", "v2", false)
	for name, test := range map[string]struct {
		inputs []*Input
		main   *Input
		want   string
	}{
		"nothing is known to be read": {nil, nil, ""},
		"it is resolved":              {[]*Input{resolved, read}, resolved, "v1"},
		"it is read":                  {[]*Input{read, resolved}, read, "v2"},
		"the first does not exist":    {[]*Input{absent, read}, read, "v2"},
		"none exists":                 {[]*Input{absent, made("", "", true)}, absent, ""},
	} {
		set := &Set{Inputs: test.inputs}
		if set.Main() != test.main {
			t.Errorf("%s: the main input is %+v", name, set.Main())
		}
		if got := set.Version().ID; got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhichSyncedVersionIsOfAnInput: the one at its place, or, where places have moved, the first of its secret and label.
func TestWhichSyncedVersionIsOfAnInput(t *testing.T) {
	of := func(secretID, stage, region string) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: secretID, VersionStage: stage, Region: region}
	}
	set := setOf(v1alpha1.SecretSyncSpec{}, of("x", "AWSCURRENT", "one"), of("x", "AWSCURRENT", "two"), of("y", "blue", "three"))
	for name, test := range map[string]struct {
		place         int
		secret, stage string
		want          string
	}{
		"at its place":            {1, "x", "AWSCURRENT", "two"},
		"moved, the first of all": {5, "x", "AWSCURRENT", "one"},
		"moved":                   {0, "y", "blue", "three"},
		"another secret":          {2, "z", "blue", ""},
		"another label":           {2, "y", "AWSCURRENT", ""},
	} {
		got := ""
		if synced := set.Synced(test.place, &Input{Ref: source.Ref{SecretID: test.secret, VersionStage: test.stage}}); synced != nil {
			got = synced.Region
		}
		if got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWhenASetIsInSync: where status has exactly its versions, and former values as it has.
func TestWhenASetIsInSync(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Set)
		want   bool
	}{
		"all is as it was":            {func(*Set) {}, true},
		"another version":             {func(set *Set) { set.Inputs[1].Resolution.Version.ID = "v3" }, false},
		"another secret of the name":  {func(set *Set) { set.Inputs[1].Resolution.Version.ARN = "arn:b-2" }, false},
		"one more than there are now": {func(set *Set) { set.Inputs = set.Inputs[:1] }, false},
		"former values that are to be taken out": {func(set *Set) {
			set.request.SecretSync.Status.PreviousUntil = &metav1.Time{Time: noon}
		}, false},
		"former values that are to come": {func(set *Set) { set.PreviousUntil = noon }, false},
	} {
		set := setOf(twoSecrets(), syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v2"))
		set.Inputs[0].Resolution, set.Inputs[1].Resolution = resolution("a", "v1"), resolution("b", "v2")
		test.change(set)
		if got := set.InSync(); got != test.want {
			t.Errorf("%s: in sync %v", name, got)
		}
	}
}

// TestTheVersionInTheSecretIsReadBackFromStatus: AWS' answers are compared with it.
func TestTheVersionInTheSecretIsReadBackFromStatus(t *testing.T) {
	changed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	created := changed.Add(-time.Hour)
	want := source.Version{ARN: "arn", ID: "v1", Region: "eu", Stages: []string{"AWSCURRENT"}, Created: created, Changed: changed}
	got := VersionOf(&v1alpha1.SourceStatus{ARN: "arn", VersionID: "v1", Region: "eu", VersionStages: []string{"AWSCURRENT"},
		VersionCreatedTime: &metav1.Time{Time: created}, LastChangedTime: &metav1.MicroTime{Time: changed}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnotherSecretIsOneOfWhoseRotationNothingIsKnown: where AWS says how the new one's is, that is reported instead.
func TestAnotherSecretIsOneOfWhoseRotationNothingIsKnown(t *testing.T) {
	for name, test := range map[string]struct {
		arn      string
		rotation *source.Rotation
		want     bool
	}{
		"the same":                            {"arn", nil, false},
		"another":                             {"another", nil, true},
		"another, and its rotation is known":  {"another", &source.Rotation{}, false},
		"the same, and its rotation is known": {"arn", &source.Rotation{}, false},
	} {
		secretSync := &v1alpha1.SecretSync{Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}}}
		secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: v1alpha1.DefaultVersionStage, VersionID: "v1"}}
		set := NewSet(Request{SecretSync: secretSync})
		set.Inputs[0].Resolution.Version = source.Version{ARN: test.arn, ID: "v1", Rotation: test.rotation}
		if got := set.AnotherSecret(); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestNothingIsAnotherSecretBeforeTheFirstSync: of a secret that status does not name nothing was said.
func TestNothingIsAnotherSecretBeforeTheFirstSync(t *testing.T) {
	set := setOf(twoSecrets(), syncedAt("b", "AWSCURRENT", "v1"))
	set.Inputs[0].Resolution, set.Inputs[1].Resolution = resolution("a", "v1"), resolution("b", "v1")
	if set.AnotherSecret() {
		t.Error("a secret that is new in the spec counts as another one")
	}
}

// TestASetHasRotatedByWhatWasRead: another version of the same secret than the Secret holds, of any input.
func TestASetHasRotatedByWhatWasRead(t *testing.T) {
	a, b := syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v1")
	for name, test := range map[string]struct {
		synced []v1alpha1.SourceStatus
		read   source.Resolution // of b
		want   bool
	}{
		"the same versions":             {[]v1alpha1.SourceStatus{a, b}, resolution("b", "v1"), false},
		"another version of the second": {[]v1alpha1.SourceStatus{a, b}, resolution("b", "v2"), true},
		"another secret of the name":    {[]v1alpha1.SourceStatus{a, b}, resolution("b-2", "v2"), false},
		"one that was not there":        {[]v1alpha1.SourceStatus{a, syncedAt("b", "AWSCURRENT", "")}, resolution("b", "v2"), false},
		"one that is new in the spec":   {[]v1alpha1.SourceStatus{a}, resolution("b", "v2"), false},
	} {
		set := setOf(twoSecrets(), test.synced...)
		set.Inputs[0].Fetched.Version, set.Inputs[1].Fetched.Version = resolution("a", "v1").Version, test.read.Version
		if got := set.Rotated(); got != test.want {
			t.Errorf("%s: rotated %t", name, got)
		}
	}
}

// TestASetIsOutdatedByOneAnswer, that for a former version too.
func TestASetIsOutdatedByOneAnswer(t *testing.T) {
	for name, test := range map[string]struct{ second, former, want bool }{
		"none":                 {},
		"one of the inputs":    {second: true, want: true},
		"that of a former one": {former: true, want: true},
	} {
		set := &Set{Inputs: []*Input{{}, {Outdated: test.second}}, Former: []*Input{{Outdated: test.former}}}
		if got := set.Outdated(); got != test.want {
			t.Errorf("%s: outdated %t", name, got)
		}
	}
}

// TestHowOldAnAnswerMayBe: as old as it may be at all, and newer than the moment that it must be newer than.
func TestHowOldAnAnswerMayBe(t *testing.T) {
	for name, test := range map[string]struct {
		fresh Freshness
		want  time.Duration
	}{
		"asked now":                       {Freshness{}, 0},
		"an age":                          {Freshness{Max: time.Minute}, time.Minute},
		"an age below zero":               {Freshness{Max: -time.Minute}, 0},
		"an age, and a later moment":      {Freshness{Max: time.Minute, Since: noon.Add(-time.Second)}, time.Second},
		"an age, and an earlier moment":   {Freshness{Max: time.Minute, Since: noon.Add(-time.Hour)}, time.Minute},
		"a moment that is yet to come":    {Freshness{Max: time.Minute, Since: noon.Add(time.Second)}, 0},
		"a moment, and no age":            {Freshness{Since: noon.Add(-time.Second)}, 0},
		"a moment, and an age below zero": {Freshness{Max: -time.Second, Since: noon.Add(-time.Second)}, 0},
	} {
		if got := test.fresh.Age(noon); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
