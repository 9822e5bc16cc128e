package secretsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
)

// waiting is a version of a secret, of which another one waits under AWSPENDING; empty for none.
func waiting(arn, pending string) source.Version {
	return source.Version{
		ARN: arn, ID: "version-1", Stages: []string{v1alpha1.DefaultVersionStage}, Changed: noon,
		Rotation: &source.Rotation{Enabled: true, Next: noon.Add(time.Hour), PendingVersion: pending},
	}
}

func TestWaitsKnowSinceWhen(t *testing.T) {
	var known rotations
	for _, step := range []struct {
		version source.Version
		at      time.Duration
		since   time.Duration
	}{
		{waiting("arn", "v2"), 0, 0}, {waiting("arn", "v2"), 5, 0}, {waiting("another", "v2"), 6, 6},
		{waiting("arn", "v3"), 7, 7}, {waiting("arn", "v3"), 9, 7}, {waiting("another", "v2"), 9, 6},
	} {
		if got := known.waits(step.version, noon.Add(step.at)); !got.Equal(noon.Add(step.since)) {
			t.Errorf("%s of %s at %d waits since %s", step.version.Rotation.PendingVersion, step.version.ARN, step.at, got)
		}
	}
	if got := known.waits(source.Version{ARN: "another"}, noon); !got.IsZero() || len(known.pending) != 2 {
		t.Errorf("where nothing is known of a rotation %d wait, since %s", len(known.pending), got)
	}
	if got := known.waits(waiting("arn", ""), noon); !got.IsZero() {
		t.Errorf("what no longer waits does since %s", got)
	}
	if len(known.pending) != 1 {
		t.Errorf("%d wait still", len(known.pending))
	}
}

// TestRotationsAreJudgedByWhatIsKnownOfTheirOwnVersions: a date of another version would call a value old that is new, or
// new that is old.
func TestRotationsAreJudgedByWhatIsKnownOfTheirOwnVersions(t *testing.T) {
	before := func(id, version string, created time.Time) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: id, VersionStage: v1alpha1.DefaultVersionStage, ARN: "arn of " + id, VersionID: version, VersionCreatedTime: &metav1.Time{Time: created}}
	}
	input := func(id, resolved, fetched string) *resolve.Input {
		read := &resolve.Input{Ref: source.Ref{SecretID: id, VersionStage: v1alpha1.DefaultVersionStage}}
		read.Resolution.Version = source.Version{ARN: "arn of " + id, ID: resolved}
		read.Fetched.Version = source.Version{ARN: "arn of " + id, ID: fetched, Created: noon.Add(-time.Minute)}
		return read
	}
	absent := input("absent", "", "")
	absent.Absent = true
	secretSync := inStatus("v1")
	set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
	set.Inputs = []*resolve.Input{input("fetched", "v2", "v2"), absent, input("polled", "v2", ""), input("moved", "v2", "v1"), input("new", "v2", "")}
	secretSync.Status.Sources = []v1alpha1.SourceStatus{before("fetched", "v2", noon.Add(-time.Hour)), before("polled", "v2", noon.Add(-2*time.Hour)), before("moved", "v1", noon.Add(-3*time.Hour))}
	failed := noon.Add(-time.Second)
	var known rotations
	known.failed(map[string]time.Time{"arn of polled": failed})

	version := func(id string) source.Version { return source.Version{ARN: "arn of " + id, ID: "v2"} }
	want := []status.RotationFacts{
		{SecretID: "fetched", Version: version("fetched"), Created: noon.Add(-time.Minute)},
		{SecretID: "polled", Version: version("polled"), Created: noon.Add(-2 * time.Hour), FailedAt: failed},
		{SecretID: "moved", Version: version("moved")},
		{SecretID: "new", Version: version("new")},
	}
	if diff := cmp.Diff(want, known.facts(set, noon), cmpopts.IgnoreUnexported(status.RotationFacts{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestANewVersionIsStuckOnceItHasBeenSeenForLong(t *testing.T) {
	const rotationTakes = time.Hour // Package status.
	secretSync, known := inStatus("version-1"), &rotations{}
	health := func(now time.Time) string {
		set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
		set.Answered = true
		set.Inputs[0].Resolution.Version = waiting("arn", "version-2")
		set.Inputs[0].Resolution.Version.Changed = now // Something about the secret changes all the time.
		set.Inputs[0].Fetched.Version = set.Inputs[0].Resolution.Version
		secretSync.Status = status.Describe(&status.Outcome{SecretSync: secretSync, Trigger: schedule.Poll, Set: set, Rotations: known.facts(set, now)}, now)
		return meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionRotationHealthy).Reason
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, v1alpha1.ReasonRotationInProgress}, {rotationTakes, v1alpha1.ReasonRotationInProgress}, {rotationTakes + 1, v1alpha1.ReasonRotationStuck}} {
		if got := health(noon.Add(step.after)); got != step.want {
			t.Errorf("after %s: %s", step.after, got)
		}
	}
	known = &rotations{} // The operator restarts.
	if got := health(noon.Add(rotationTakes + 1)); got != v1alpha1.ReasonRotationStuck {
		t.Errorf("after a restart: %s", got)
	}
}

// TestARotationIsNotJudgedByHalfAnAnswer: AWS has not named all versions, or not for certain.
func TestARotationIsNotJudgedByHalfAnAnswer(t *testing.T) {
	e := newEnvironment(t, inStatus("v1"))
	r := e.reportOf(e.stored(t), "v1")
	r.outcome.Set.Answered, r.err = false, failure.DeadlineExceeded(0)
	r.outcome.Set.Inputs[0].Resolution.Version = waiting("arn", "v2")
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := len(r.state.rotations.pending); got != 0 {
		t.Errorf("%d versions count as waiting", got)
	}
	if got := r.state.conditions.summary().rotation; got != "" {
		t.Errorf("it is counted as %q", got)
	}
}

// TestARotationOfWhichNothingIsKnownAnyMoreIsNotCounted: the metric follows the condition.
func TestARotationOfWhichNothingIsKnownAnyMoreIsNotCounted(t *testing.T) {
	e := newEnvironment(t, inStatus("v1"))
	r := e.reportOf(e.stored(t), "v1")
	r.outcome.Set.Inputs[0].Resolution.Version = waiting("arn", "")
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := r.state.conditions.summary().rotation; got != v1alpha1.ReasonRotationOnSchedule {
		t.Errorf("it is counted as %q", got)
	}
	r = e.reportOf(e.stored(t), "v1")
	r.outcome.Set.Inputs[0].Resolution.Version.ARN = "another"
	if _, err := e.report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := r.state.conditions.summary().rotation; got != "" {
		t.Errorf("it is counted as %q", got)
	}
}
