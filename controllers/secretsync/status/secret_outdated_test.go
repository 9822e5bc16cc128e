package status

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

func TestWhatAnOutdatedAnswerSaysIsDescribedAsBefore(t *testing.T) {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Spec.Source.SecretID = "db"
	secretSync.Status.Sources = []v1alpha1.SourceStatus{{
		SecretID: "db", ARN: "arn", VersionStage: "AWSCURRENT", VersionID: "v1", VersionStages: []string{"AWSCURRENT", "blue"}, Hint: "a hint",
	}}
	set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
	input := set.Inputs[0]
	input.Resolution.Version, input.Outdated = source.Version{ARN: "arn", ID: "v1"}, true
	if diff := cmp.Diff(secretSync.Status.Sources, describeSources(set, resolvedVersion)); diff != "" {
		t.Errorf("an answer from before takes back what is described (-want +got):\n%s", diff)
	}
	input.Resolution.Version.ID = "v2"
	if got := describeSources(set, resolvedVersion)[0]; got.VersionID != "v2" || len(got.VersionStages) > 0 {
		t.Errorf("another version is described as %v", got)
	}
}
