package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/notify"
	"github.com/secretsync/secretsync/controllers/source"
)

// Answers of AWS have to show the changes of these events, and of no others.
func TestTheChangesThatAnswersHaveToShow(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	change := notify.Change{ARN: "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-a1B2c3", SecretID: "db", Region: "us-east-1", Time: at,
		Stages: []string{"AWSCURRENT", "blue"}, VersionID: "v"}
	for event, dated := range map[string]bool{
		"CreateSecret": true, "PutSecretValue": true, "UpdateSecret": true, "UpdateSecretVersionStage": true, "LabelUpdated": true,
		"DeleteSecret": true, "RestoreSecret": true, "RotationSucceeded": true, "RotationStarted": false, "RotationFailed": false,
		"TagResource": false, "PutResourcePolicy": false, "RotateSecret": false, "ReplicationSucceeded": false,
	} {
		change.Event = event
		var want []source.Change
		for _, stage := range change.Stages {
			if dated {
				want = append(want, source.Change{Name: "db", Region: "us-east-1", At: at, Stage: stage, VersionID: "v",
					Deleted: event == "DeleteSecret", Restored: event == "RestoreSecret"})
			}
		}
		if diff := cmp.Diff(want, changesOf(change, "eu-west-1")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", event, diff)
		}
	}
	change = notify.Change{SecretID: "db", Event: "UpdateSecret", Time: at}
	if diff := cmp.Diff([]source.Change{{Name: "db", Region: "eu-west-1", At: at}}, changesOf(change, "eu-west-1")); diff != "" {
		t.Errorf("a change without a label (-want +got):\n%s", diff)
	}
	if change.Event = "RotationSucceeded"; len(changesOf(change, "eu-west-1")) > 0 {
		t.Error("a rotation without a version is a change")
	}
}
