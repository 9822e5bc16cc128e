package secretsync

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

func second(at time.Time) *metav1.Time { return &metav1.Time{Time: at} }

func micro(at time.Time) *metav1.MicroTime { return &metav1.MicroTime{Time: at} }

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
		"a secret that was made again":     {v1alpha1.SourceStatus{ARN: "another", VersionID: "version-1"}, target.Updated, true, false},
		"a version that was not there":     {v1alpha1.SourceStatus{ARN: "arn"}, target.Updated, true, false},
	} {
		p := written("version-1", "version-2")
		p.before.Status.Sources = nil
		if test.former.ARN != "" {
			test.former.SecretID, test.former.VersionStage = "db", v1alpha1.DefaultVersionStage
			p.before.Status.Sources = []v1alpha1.SourceStatus{test.former}
		}
		p.applied = &target.Result{Outcome: test.outcome, UID: "secret", ResourceVersion: "7"}
		newDesk(t).describe(p, nil)
		status := p.sync.Status
		if (status.LastSyncTime != nil) != test.synced || (status.LastRotationTime != nil) != test.rotated {
			t.Errorf("%s: synced at %v, rotated at %v", name, status.LastSyncTime, status.LastRotationTime)
		}
		if test.synced && !status.LastSyncTime.Time.Equal(noon) || test.rotated && !status.LastRotationTime.Time.Equal(noon) {
			t.Errorf("%s: synced at %v, rotated at %v, and it is %s", name, status.LastSyncTime, status.LastRotationTime, noon)
		}
	}
}

// TestStatusDescribesTheSecret: what a later pass, and the end of the SecretSync, go by.
func TestStatusDescribesTheSecret(t *testing.T) {
	p := written("", "version-1")
	p.sync.Generation = 3
	p.applied = &target.Result{Outcome: target.Created, UID: "secret", ResourceVersion: "7"}
	p.keys, p.previousKeys = []string{"a", "a_previous"}, []string{"a_previous"}
	p.until, p.notes.Expires = noon.Add(13*time.Second+700*time.Millisecond), noon.Add(27*time.Second+1)
	newDesk(t).describe(p, nil)
	want := &v1alpha1.SecretStatus{Name: "db", UID: "secret", ResourceVersion: "7", Generation: 3, Keys: []string{"a", "a_previous"}, PreviousKeys: []string{"a_previous"},
		CreationPolicy: v1alpha1.CreationPolicyOwner, ExpirationTime: second(noon.Add(27 * time.Second))}
	if diff := cmp.Diff(want, p.sync.Status.Secret); diff != "" {
		t.Errorf("status.secret (-want +got):\n%s", diff)
	}
	if got := p.sync.Status.PreviousUntil; !got.Time.Equal(noon.Add(13 * time.Second)) {
		t.Errorf("former values are kept until %s: the API server cuts to whole seconds", got)
	}
}

// TestStatusDescribesVersions: by the answer of now, and by the former one where that says more of the same version.
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
		change func(*source.Version)
		former bool
		behind bool
		want   v1alpha1.SourceStatus
	}{
		"the first answer":                           {nil, false, false, is},
		"the same version":                           {nil, true, false, with(is, created(at(-9)), changed)},
		"the same, and when it was made":             {func(v *source.Version) { v.Created = at(-1) }, true, false, with(is, created(at(-1)), changed)},
		"the same, in an answer that is behind":      {nil, true, true, kept},
		"the same in another region":                 {func(v *source.Version) { v.Region = "us" }, true, false, with(is, otherRegion, created(at(-9)))},
		"the same of another secret":                 {func(v *source.Version) { v.ARN = "another" }, true, false, with(is, otherARN, created(at(-9)))},
		"the same of another secret, and is behind":  {func(v *source.Version) { v.ARN = "another" }, true, true, with(is, otherARN, created(at(-9)))},
		"another version":                            {func(v *source.Version) { v.ID = "v2" }, true, false, with(is, func(s *v1alpha1.SourceStatus) { s.VersionID = "v2" })},
		"another version, in an answer that is late": {func(v *source.Version) { v.ID = "v2" }, true, true, with(is, func(s *v1alpha1.SourceStatus) { s.VersionID = "v2" })},
		"nothing known of its rotation": {func(v *source.Version) { v.Rotation = nil }, false, false,
			with(is, func(s *v1alpha1.SourceStatus) { s.LastRotatedTime, s.NextRotationTime = nil, nil })},
	} {
		p := written("v1", "v1")
		p.before.Status.Sources = nil
		if test.former {
			p.before.Status.Sources = []v1alpha1.SourceStatus{was}
		}
		version := said
		if test.change != nil {
			test.change(&version)
		}
		one := p.inputs[0]
		one.observation.Version, one.observation.Hint, one.foundBy, one.behind = version, "present", &found, test.behind
		p.describeSources(observedVersion)
		if diff := cmp.Diff([]v1alpha1.SourceStatus{test.want}, p.sync.Status.Sources); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestAnswersAreDatedWhereTheyAreOfTheVersionInStatus: the next process takes older answers than that for out of date, so
// that a date of another secret, version or region would have it refuse good ones.
func TestAnswersAreDatedWhereTheyAreOfTheVersionInStatus(t *testing.T) {
	former, now := noon.Add(-time.Hour), noon.Add(1234567*time.Nanosecond)
	for name, test := range map[string]struct {
		change func(p *pass, answer *source.Version)
		dated  bool
	}{
		"of the version in status": {func(*pass, *source.Version) {}, true},
		"of another secret":        {func(_ *pass, answer *source.Version) { answer.ARN = "another" }, false},
		"of another version":       {func(_ *pass, answer *source.Version) { answer.ID = "v2" }, false},
		"of another region":        {func(_ *pass, answer *source.Version) { answer.Region = "us" }, false},
		"without a date":           {func(_ *pass, answer *source.Version) { answer.Changed = time.Time{} }, false},
		"not all answered":         {func(p *pass, _ *source.Version) { p.observed = false }, false},
		"of a secret that is new":  {func(p *pass, _ *source.Version) { p.inputs = append(p.inputs, p.inputs[0]) }, true},
		"where nothing is written": {func(p *pass, _ *source.Version) { p.sync.Spec.Mode = v1alpha1.SyncModeObserve }, false},
	} {
		p := written("v1", "v1")
		p.sync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionID: "v1", Region: "eu", LastChangedTime: micro(former)}}
		answer := &p.inputs[0].observation.Version
		answer.Region, answer.Changed = "eu", now
		test.change(p, answer)
		p.dateSources()
		want := former
		if test.dated {
			want = now.Truncate(time.Microsecond) // As the API server keeps it.
		}
		if got := p.sync.Status.Sources[0].LastChangedTime; !got.Time.Equal(want) {
			t.Errorf("%s: dated %s, want %s", name, got, want)
		}
	}
}

// TestTheVersionInTheSecretIsReadBackFromStatus: AWS' answers are compared with it.
func TestTheVersionInTheSecretIsReadBackFromStatus(t *testing.T) {
	want := source.Version{ARN: "arn", ID: "v1", Region: "eu", Stages: []string{"AWSCURRENT"}, Created: noon.Add(-time.Hour), Changed: noon}
	got := versionIn(&v1alpha1.SourceStatus{ARN: "arn", VersionID: "v1", Region: "eu", VersionStages: []string{"AWSCURRENT"},
		VersionCreatedTime: second(noon.Add(-time.Hour)), LastChangedTime: micro(noon)})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAPassThatAsksNothingChangesNothingThatWasSaid: of versions, of rotations, and of a refresh that is asked for.
func TestAPassThatAsksNothingChangesNothingThatWasSaid(t *testing.T) {
	rotation := metav1.Condition{Type: v1alpha1.ConditionRotationHealthy, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRotationTooOld, Message: "old"}
	for name, observed := range map[string]bool{"suspended": false, "a poll": true} {
		p := written("v1", "v1")
		p.sync.Spec.Suspend, p.observed = !observed, observed
		p.sync.Spec.Rotation = &v1alpha1.RotationExpectations{MaxAge: &metav1.Duration{Duration: time.Hour}}
		p.sync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "now"}
		p.sync.Status.Conditions = []metav1.Condition{rotation}
		p.before = p.sync.DeepCopy()
		if one := p.inputs[0]; observed {
			one.observation.Hint = "a hint"
			one.observation.Version.Rotation = &source.Rotation{Enabled: true, LastRotated: noon, Next: noon.Add(time.Hour)}
		} else {
			one.observation, one.fetched = source.Resolution{}, source.Fetched{}
		}
		newDesk(t).describe(p, nil)
		status := p.sync.Status
		health := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy)
		got := []string{status.Sources[0].VersionID, status.Sources[0].Hint, status.LastHandledRefresh, fmt.Sprint(health != nil && health.Reason == rotation.Reason)}
		want := []string{"v1", "", "", "true"}
		if observed {
			want = []string{"v1", "a hint", "now", "false"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: version, hint, refresh, former rotation (-want +got):\n%s", name, diff)
		}
	}
}

// TestAPreviewLeavesTheVersionsInTheSecret: status says what the Secret has, not what it would get.
func TestAPreviewLeavesTheVersionsInTheSecret(t *testing.T) {
	p := written("v1", "v2")
	p.sync.Spec.Mode = v1alpha1.SyncModeObserve
	p.preview = &preview{would: "write it"}
	newDesk(t).describe(p, nil)
	if got := p.sync.Status.Sources; len(got) != 1 || got[0].VersionID != "v1" {
		t.Errorf("status has %+v", got)
	}
}

// TestConditionsFollowWhatHappens: each pass says all of it, and leaves nothing behind of the one before.
func TestConditionsFollowWhatHappens(t *testing.T) {
	const synced, denied, away, fought = v1alpha1.ReasonSynced, v1alpha1.ReasonAccessDenied, v1alpha1.ReasonRegionUnavailable, v1alpha1.ReasonTargetConflict
	fight := &failure{reason: fought, message: "a fight", heals: byTruce}
	type spec = v1alpha1.SecretSyncSpec
	observing := spec{Mode: v1alpha1.SyncModeObserve}
	steps := []struct {
		name string
		spec spec
		f    *failure
		want map[string]string
	}{
		{"in sync", spec{}, nil, map[string]string{"Ready": "True " + synced}},
		{"an outage", spec{}, outage, map[string]string{"Ready": "True " + synced, "Reconciling": "True " + away}},
		{"a fight", spec{}, fight, map[string]string{"Ready": "False " + fought, "Reconciling": "True " + fought}},
		{"a refusal", spec{}, refusal, map[string]string{"Ready": "False " + denied, "Stalled": "True " + denied}},
		{"an outage after it", spec{}, outage, map[string]string{"Ready": "False " + away, "Reconciling": "True " + away}},
		{"in sync again", spec{}, nil, map[string]string{"Ready": "True " + synced}},
		{"another refusal", spec{}, refusal, map[string]string{"Ready": "False " + denied, "Stalled": "True " + denied}},
		{"suspended with it", spec{Suspend: true}, nil, map[string]string{"Ready": "False " + v1alpha1.ReasonSuspended}},
		{"another outage", observing, outage, map[string]string{"Ready": "False " + away, "Reconciling": "True " + away}},
		{"a preview", observing, nil, map[string]string{"Ready": "False " + v1alpha1.ReasonWouldChange}},
		{"a refusal of that", observing, refusal, map[string]string{"Ready": "False " + denied, "Stalled": "True " + denied}},
		{"another preview", observing, nil, map[string]string{"Ready": "False " + v1alpha1.ReasonWouldChange}},
		{"suspended", spec{Mode: v1alpha1.SyncModeObserve, Suspend: true}, nil, map[string]string{"Ready": "False " + v1alpha1.ReasonSuspended}},
	}
	d, secretSync := newDesk(t), written("v1", "v1").before
	for n, step := range steps {
		d.clock.SetTime(noon.Add(time.Duration(n) * time.Minute))
		secretSync.Generation = 1
		p := &pass{sync: secretSync, before: secretSync.DeepCopy(), memory: &memory{failingSince: d.clock.Now()}, trigger: triggerPoll}
		p.sync.Spec, p.preview = step.spec, &preview{would: "write it"}
		d.conclude(p, step.f)
		got := map[string]string{}
		for _, one := range secretSync.Status.Conditions {
			got[one.Type] = string(one.Status) + " " + one.Reason
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestConditionsSayOfWhatAndSinceWhen: the generation that they speak of, and the whole second, by the operator's clock,
// in which their status turned.
func TestConditionsSayOfWhatAndSinceWhen(t *testing.T) {
	d, p := newDesk(t), written("v1", "v1")
	for _, step := range []struct {
		after, since time.Duration
		is           metav1.ConditionStatus
	}{
		{7300 * time.Millisecond, 7 * time.Second, metav1.ConditionTrue}, {time.Minute, 7 * time.Second, metav1.ConditionTrue},
		{time.Hour + 1, time.Hour, metav1.ConditionFalse}, {2 * time.Hour, 2 * time.Hour, metav1.ConditionTrue},
	} {
		d.clock.SetTime(noon.Add(step.after))
		p.sync.Generation++
		d.set(p, condition(v1alpha1.ConditionReady, step.is, "Reason", "message"))
		is := p.sync.Status.Conditions[0]
		if is.ObservedGeneration != p.sync.Generation || !is.LastTransitionTime.Time.Equal(noon.Add(step.since)) {
			t.Errorf("after %s: generation %d, since %s", step.after, is.ObservedGeneration, is.LastTransitionTime)
		}
	}
}

// TestReadyWhileSuspended: what was not ready does not become so, and before the first sync nothing is.
func TestReadyWhileSuspended(t *testing.T) {
	for name, test := range map[string]struct {
		was     metav1.ConditionStatus
		secret  bool
		want    metav1.ConditionStatus
		message string
	}{
		"never synced":  {"", false, metav1.ConditionFalse, "Suspended before the first sync: set spec.suspend to false"},
		"in sync":       {metav1.ConditionTrue, true, metav1.ConditionTrue, "Suspended; Secret db holds version v1 of db (AWSCURRENT)"},
		"not in sync":   {metav1.ConditionFalse, true, metav1.ConditionFalse, "Suspended; Secret db holds version v1 of db (AWSCURRENT)"},
		"nothing known": {"", true, metav1.ConditionTrue, "Suspended; Secret db holds version v1 of db (AWSCURRENT)"},
	} {
		secretSync := written("v1", "v1").before
		secretSync.Spec.Suspend = true
		if test.was != "" {
			secretSync.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, test.was, "Reason", "message")}
		}
		if !test.secret {
			secretSync.Status.Secret = nil
		}
		want := condition(v1alpha1.ConditionReady, test.want, v1alpha1.ReasonSuspended, test.message)
		if diff := cmp.Diff(want, settled(secretSync, noon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWhatReadySaysOfTheSecret: which version it holds, of which secret, and what is wrong with it.
func TestWhatReadySaysOfTheSecret(t *testing.T) {
	db := v1alpha1.SourceStatus{SecretID: "db", VersionStage: "AWSCURRENT", VersionID: "v1"}
	pinned, missing := v1alpha1.SourceStatus{SecretID: "api", VersionID: "v7"}, v1alpha1.SourceStatus{SecretID: "extra", VersionStage: "AWSCURRENT"}
	room := append(make([]string, 0, 2), "one")
	for name, test := range map[string]struct {
		sources  []v1alpha1.SourceStatus
		warnings []string
		expires  time.Duration
		want     string
	}{
		"one source":                {[]v1alpha1.SourceStatus{db}, nil, 0, "Secret app holds version v1 of db (AWSCURRENT)"},
		"a pinned version":          {[]v1alpha1.SourceStatus{pinned}, nil, 0, "Secret app holds version v7 of api"},
		"two":                       {[]v1alpha1.SourceStatus{pinned, db}, nil, 0, "Secret app holds version v7 of api and what it takes of 1 more"},
		"an optional one not there": {[]v1alpha1.SourceStatus{missing, db, pinned}, nil, 0, "Secret app holds version v1 of db (AWSCURRENT) and what it takes of 2 more"},
		"none that is there":        {[]v1alpha1.SourceStatus{missing}, nil, 0, "Secret app holds version  of extra (AWSCURRENT)"},
		"warnings":                  {[]v1alpha1.SourceStatus{pinned}, []string{"one", "two"}, 0, "Secret app holds version v7 of api; warning: one; warning: two"},
		"a certificate that lasts":  {[]v1alpha1.SourceStatus{pinned}, room, time.Hour, "Secret app holds version v7 of api; warning: one"},
		"one that has expired": {[]v1alpha1.SourceStatus{pinned}, room, -time.Hour,
			`Secret app holds version v7 of api; warning: one; warning: a certificate under "tls.crt" expired on 2026-03-01T11:00:00Z: renew it in AWS`},
	} {
		secretSync := &v1alpha1.SecretSync{Status: v1alpha1.SecretSyncStatus{Sources: test.sources, Secret: &v1alpha1.SecretStatus{Name: "app", Warnings: test.warnings}}}
		if test.expires != 0 {
			secretSync.Status.Secret.ExpirationTime = second(noon.Add(test.expires))
		}
		if got := holds(secretSync, noon); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if room[:2][1] != "" {
		t.Error("a warning of this moment is written behind those of status")
	}
}

// TestAFailureSaysWhatTheSecretKeeps: where there is one, and where its version is known.
func TestAFailureSaysWhatTheSecretKeeps(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSyncStatus)
		want   string
	}{
		"in sync before": {func(*v1alpha1.SecretSyncStatus) {}, ". Secret db keeps version v1"},
		"never synced":   {func(status *v1alpha1.SecretSyncStatus) { status.Secret = nil }, ""},
		"no version":     {func(status *v1alpha1.SecretSyncStatus) { status.Sources = nil }, ""},
	} {
		p := written("v1", "v1")
		test.change(&p.sync.Status)
		if got := kept(p); got != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
