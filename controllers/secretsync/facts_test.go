package secretsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

// TestRotationsAreJudgedByWhatIsKnownOfTheirOwnVersions: a date of another version would call a value old that is new, or
// new that is old.
func TestRotationsAreJudgedByWhatIsKnownOfTheirOwnVersions(t *testing.T) {
	p := written("v1", "v1")
	status := func(id, version string, made time.Time) v1alpha1.SourceStatus {
		return v1alpha1.SourceStatus{SecretID: id, VersionStage: v1alpha1.DefaultVersionStage, ARN: "arn of " + id, VersionID: version, VersionCreatedTime: second(made)}
	}
	read := func(id, observed, fetched string) *input {
		one := &input{ref: source.Ref{SecretID: id, VersionStage: v1alpha1.DefaultVersionStage}}
		one.observation.Version = source.Version{ARN: "arn of " + id, ID: observed}
		one.fetched.Version = source.Version{ARN: "arn of " + id, ID: fetched, Created: noon.Add(-time.Minute)}
		return one
	}
	absent := read("absent", "", "")
	absent.absent = true
	p.inputs = []*input{read("fetched", "v2", "v2"), absent, read("polled", "v2", ""), read("moved", "v2", "v1"), read("new", "v2", "")}
	p.before.Status.Sources = []v1alpha1.SourceStatus{status("fetched", "v2", noon.Add(-time.Hour)), status("polled", "v2", noon.Add(-2*time.Hour)), status("moved", "v1", noon.Add(-3*time.Hour))}
	failed := noon.Add(-time.Second)
	p.memory.rotationsFailed = map[string]time.Time{"arn of polled": failed}

	version := func(id string) source.Version { return source.Version{ARN: "arn of " + id, ID: "v2"} }
	want := []rotationFacts{
		{secretID: "fetched", version: version("fetched"), created: noon.Add(-time.Minute)},
		{secretID: "polled", version: version("polled"), created: noon.Add(-2 * time.Hour), failedAt: failed},
		{secretID: "moved", version: version("moved")},
		{secretID: "new", version: version("new")},
	}
	if diff := cmp.Diff(want, p.rotationFacts(), cmp.AllowUnexported(rotationFacts{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnotherSecretIsOneOfWhoseRotationNothingIsKnown: where AWS tells of the new one's, that is said instead.
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
		p := written("v1", "v1")
		p.inputs[0].observation.Version.ARN, p.inputs[0].observation.Version.Rotation = test.arn, test.rotation
		if got := p.anotherSecret(); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
