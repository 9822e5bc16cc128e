package secretsync

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestWhatCountsAsARotation: another version of the same secret under AWSCURRENT than the Secret has, as observed or,
// once it is read, as read.
func TestWhatCountsAsARotation(t *testing.T) {
	for name, test := range map[string]struct {
		synced   v1alpha1.SourceStatus
		stage    string
		observed string
		fetched  string
		want     bool
	}{
		"another version":              {syncedAt("db", "AWSCURRENT", "v1"), "", "v2", "", true},
		"another one once it is read":  {syncedAt("db", "AWSCURRENT", "v1"), "", "v1", "v2", true},
		"the same once it is read":     {syncedAt("db", "AWSCURRENT", "v1"), "", "v2", "v1", false},
		"the same version":             {syncedAt("db", "AWSCURRENT", "v1"), "", "v1", "", false},
		"a label of the owner's":       {syncedAt("db", "blue", "v1"), "blue", "v2", "", false},
		"a secret that was not there":  {syncedAt("db", "AWSCURRENT", ""), "", "v2", "", false},
		"a secret that was made again": {v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", ARN: "arn:of before", VersionID: "v1"}, "", "v2", "", false},
		"the first sync":               {syncedAt("another", "AWSCURRENT", "v1"), "", "v2", "", false},
	} {
		spec := keepingPrevious()
		spec.Source.VersionStage = test.stage
		_, p := passWith(t, nil, spec, test.synced)
		if p.inputs[0].observation = seen("db", test.observed); test.fetched != "" {
			p.inputs[0].fetched.Version = seen("db", test.fetched).Version
		}
		if got := p.rotates(0, p.inputs[0]); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHowLongFormerValuesAreKept: from the rotation on, and no longer.
func TestHowLongFormerValuesAreKept(t *testing.T) {
	current, former := syncedAt("db", "AWSCURRENT", "v1"), syncedAt("db", stagePrevious, "v0")
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
		"another one has":              {[]v1alpha1.SourceStatus{current, syncedAt("x", stagePrevious, "v0")}, time.Minute, "", "v1", time.Minute, false},
		"it is there by another label": {[]v1alpha1.SourceStatus{current, syncedAt("db", "blue", "v0")}, time.Minute, "", "v1", time.Minute, false},
		"it follows another label":     {[]v1alpha1.SourceStatus{syncedAt("db", "blue", "v1"), former}, time.Minute, "blue", "v1", time.Minute, false},
	} {
		spec := keepingPrevious()
		spec.Source.VersionStage = test.stage
		d, p := passWith(t, nil, spec, test.synced...)
		if p.inputs[0].observation = seen("db", test.now); test.until != 0 {
			p.before.Status.PreviousUntil = &metav1.Time{Time: noon.Add(test.until)}
		}
		want := time.Time{}
		if test.keeps > 0 {
			want = noon.Add(test.keeps)
		}
		if got := d.keptUntil(p); !got.Equal(want) {
			t.Errorf("%s: kept until %s, want %s", name, got, want)
		}
		if got := d.hasFormer(p, p.inputs[0]); got != test.has {
			t.Errorf("%s: the Secret has a former version: %v", name, got)
		}
	}
}

// TestWhichFormerVersionsAreListed: those of what rotates, once, and not of what is not there.
func TestWhichFormerVersionsAreListed(t *testing.T) {
	d, p := passWith(t, nil, twoSecrets(), syncedAt("a", "AWSCURRENT", "v1"), syncedAt("b", "AWSCURRENT", "v1"), syncedAt("b", stagePrevious, "v0"))
	p.before.Status.PreviousUntil = &metav1.Time{Time: noon.Add(time.Minute)}
	p.inputs[0].observation, p.inputs[1].absent = seen("a", "v2"), true
	if more := d.listFormer(p); !more || len(p.former) != 1 || p.former[0].ref.SecretID != "a" || p.former[0].ref.VersionStage != stagePrevious || !p.former[0].optional {
		t.Fatalf("%d are listed", len(p.former))
	}
	known := p.former[0]
	p.inputs[0].observation = seen("a", "v1") // It has moved back meanwhile.
	if more := d.listFormer(p); more || len(p.former) != 1 || p.former[0] != known {
		t.Errorf("listed again there are more: %v, %d", more, len(p.former))
	}
}

// TestTheOtherHalfOfARotationIsNoRoutine, though the poll that found it was.
func TestTheOtherHalfOfARotationIsNoRoutine(t *testing.T) {
	aws := &scripted{observe: func(_ int, query source.VersionQuery) (source.Resolution, error) {
		return seen("db", "of "+query.VersionStage), nil
	}}
	d, p := passWith(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	p.trigger, p.sync.Status.Secret = triggerPoll, &v1alpha1.SecretStatus{Generation: 1}
	if err := d.observe(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if asked := aws.questions; len(asked) != 2 || !asked[0].Routine || asked[1].Routine || asked[1].VersionStage != stagePrevious {
		t.Errorf("asked: %+v", asked)
	}
}

// TestAFormerVersionThatAWSHasLeftBehind is one that can't be beside the present one, as far as the versions tell.
func TestAFormerVersionThatAWSHasLeftBehind(t *testing.T) {
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
			synced = append(synced, syncedAt("db", stagePrevious, test.kept))
		}
		if test.kept == "none" {
			synced[1].VersionID = ""
		}
		_, p := passWith(t, nil, keepingPrevious(), synced...)
		one := p.inputs[0]
		one.observation = seen("db", "v3")
		one.observation.Version.Changed = test.changed
		one.before = &input{ref: source.Ref{SecretID: "db", VersionStage: stagePrevious}, absent: test.absent, observation: source.Resolution{Version: test.former}}
		if got := p.leftBehind(); got != test.want {
			t.Errorf("%s: left behind %v", name, got)
		}
	}
}

// TestWhatAnInputWasBeforeTheRotation: another version, or what it is; unknown for what the Secret has not had.
func TestWhatAnInputWasBeforeTheRotation(t *testing.T) {
	for name, test := range map[string]struct {
		synced v1alpha1.SourceStatus
		stage  string
		before bool
		want   string
	}{
		"a former version":            {syncedAt("db", "AWSCURRENT", "v1"), "", true, "before"},
		"the same":                    {syncedAt("db", "AWSCURRENT", "v1"), "", false, "itself"},
		"one that was not there":      {syncedAt("db", "AWSCURRENT", ""), "", false, ""},
		"one that is new in the spec": {syncedAt("x", "AWSCURRENT", "v1"), "", false, ""},
		"another label":               {syncedAt("db", "blue", "v1"), "blue", false, ""},
	} {
		spec := keepingPrevious()
		spec.Source.VersionStage = test.stage
		_, p := passWith(t, nil, spec, test.synced)
		one := p.inputs[0]
		if test.before {
			one.before = &input{}
		}
		got := ""
		switch p.formerOf(0, one) {
		case nil:
		case one:
			got = "itself"
		case one.before:
			got = "before"
		}
		if got != test.want {
			t.Errorf("%s: it was %q", name, got)
		}
	}
}

// TestFormerValuesComeAsFarAsTheyCan: what one of them lacks, or what has not rotated, keeps no other one back.
func TestFormerValuesComeAsFarAsTheyCan(t *testing.T) {
	hour := &v1alpha1.KeepPrevious{For: metav1.Duration{Duration: time.Hour}}
	keys := func(entries ...v1alpha1.DataKey) v1alpha1.SecretSyncSpec {
		return v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: "db"}, KeepPrevious: hour, Data: entries}
	}
	required := keys(v1alpha1.DataKey{Key: "user", Property: "user"}, v1alpha1.DataKey{Key: "pass", Property: "pass"})
	required.Guards = &v1alpha1.Guards{RequiredKeys: []string{"user", "pass"}}
	whole := keys()
	whole.KeepPrevious = &v1alpha1.KeepPrevious{For: hour.For, Suffix: "-old"}
	both := keys(v1alpha1.DataKey{Key: "db"}, v1alpha1.DataKey{Key: "api", Source: other("api", "")})
	from := v1alpha1.SecretSyncSpec{KeepPrevious: hour, DataFrom: []v1alpha1.DataFrom{{Source: other("db", "")}, {Source: other("api", "")}}}
	for name, test := range map[string]struct {
		spec    v1alpha1.SecretSyncSpec
		db, api map[string]string
		want    map[string]string
		former  []string
	}{
		"under names with another suffix": {whole, stages("v2", "v1"), nil, map[string]string{"value": "v2", "value-old": "v1"}, []string{"value-old"}},
		"without a property, or a key that is required": {required, stages(`{"user":"u2","pass":"p2"}`, `{"user":"u1"}`), nil,
			map[string]string{"user": "u2", "pass": "p2", "user_previous": "u1"}, []string{"user_previous"}},
		"none, where what has rotated has none": {both, stages("v2", ""), stages("v1", ""), map[string]string{"db": "v2", "api": "v1"}, nil},
		"one of two that have rotated": {both, stages("v2", "v1"), stages("v2", ""),
			map[string]string{"db": "v2", "api": "v2", "db_previous": "v1"}, []string{"db_previous"}},
		"all of one of two": {from, stages(`{"a":"2"}`, `{"a":"1"}`), stages(`{"b":"2"}`, ""),
			map[string]string{"a": "2", "b": "2", "a_previous": "1"}, []string{"a_previous"}},
		"but for what follows another label": {keys(v1alpha1.DataKey{Key: "now"}, v1alpha1.DataKey{Key: "blue", Source: other("", "blue")}),
			map[string]string{"AWSCURRENT": "v2", "AWSPREVIOUS": "v1", "blue": "b"}, nil,
			map[string]string{"now": "v2", "blue": "b", "now_previous": "v1"}, []string{"now_previous"}},
	} {
		t.Run(name, func(t *testing.T) {
			aws := &shelf{labels: map[string]map[string]string{"db": test.db, "api": test.api}}
			d, p := passWith(t, aws, test.spec, syncedAt("db", "AWSCURRENT", "v1"), syncedAt("api", "AWSCURRENT", "v1"), syncedAt("db", "blue", "b"))
			spec := p.sync.Spec.DeepCopy()
			if err := read(d.Controller, p); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, rendered(p)) + cmp.Diff(test.former, p.previousKeys) + cmp.Diff(spec, &p.sync.Spec); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesOfFormerValuesAreSorted: status is not written for another order.
func TestNamesOfFormerValuesAreSorted(t *testing.T) {
	content, want := "{", []string(nil)
	for n := range 9 {
		content += fmt.Sprintf(`"k%d":"v",`, n)
		want = append(want, fmt.Sprintf("k%d_previous", n))
	}
	aws := &shelf{labels: map[string]map[string]string{"db": stages(content+`"new":"v"}`, content[:len(content)-1]+"}")}}
	d, p := passWith(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	if err := read(d.Controller, p); err != nil || !cmp.Equal(want, p.previousKeys) {
		t.Errorf("%v: %q", err, p.previousKeys)
	}
}

// TestWhatLeavesFormerValuesOut: an error of the values alone, and none of the pass, by which they would be taken out of
// the Secret.
func TestWhatLeavesFormerValuesOut(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"none":                  {nil, false},
		"an error of a value":   {&render.Error{Reason: v1alpha1.ReasonInvalidValue}, true},
		"the end of the pass":   {context.DeadlineExceeded, false},
		"the end of the budget": {&pattern.Exceeded{}, false},
		"both":                  {errors.Join(&render.Error{}, &pattern.Exceeded{}), false},
	} {
		out, err := leftOut(test.err)
		if out != test.want || (err == nil) != (test.err == nil || test.want) {
			t.Errorf("%s: left out %v, %v", name, out, err)
		}
	}
}

// TestFormerValuesAreNotLeftOutForWantOfTime: whichever step of their making the budget of the pass ends before.
func TestFormerValuesAreNotLeftOutForWantOfTime(t *testing.T) {
	aws := &shelf{labels: map[string]map[string]string{"db": stages(`{"a":"2"}`, `{"a":"1"}`)}}
	d, p := passWith(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	if err := read(d.Controller, p); err != nil || len(p.data) != 2 {
		t.Fatalf("%d keys, %v", len(p.data), err)
	}
	least := int64(1)
	guards := &v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", MinBytes: &least}}}
	present := map[string][]byte{"a": p.data["a"]}
	within := func(steps int64) render.Work {
		return render.Work{Budget: pattern.NewBudget(t.Context(), steps), Patterns: pattern.NewCache()}
	}
	p.sync.Spec.Guards = guards
	enough := within(pattern.PassSteps)
	if _, err := renderFormer(enough, p); err != nil {
		t.Fatal(err)
	}
	former := enough.Budget.Spent()
	for name, test := range map[string]struct {
		steps  int64
		guards *v1alpha1.Guards
	}{
		"reading them":       {0, nil},
		"their guards":       {former - 1, guards},
		"the guards of both": {former, guards},
	} {
		p.sync.Spec.Guards = test.guards
		_, err := withPrevious(within(test.steps), p, present)
		if _, dear := errors.AsType[*pattern.Exceeded](err); !dear {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAFormerValueTakesNoOtherKeysName: the Secret stays as it is, and the spec is to be mended.
func TestAFormerValueTakesNoOtherKeysName(t *testing.T) {
	aws := &shelf{labels: map[string]map[string]string{"db": stages(`{"a":"2","a_previous":"other"}`, `{"a":"1"}`)}}
	d, p := passWith(t, aws, keepingPrevious(), syncedAt("db", "AWSCURRENT", "v1"))
	err := read(d.Controller, p)
	if f := explain(err); f == nil || f.heals != byEdit || p.data != nil {
		t.Errorf("%d keys, %v", len(p.data), err)
	}
}
