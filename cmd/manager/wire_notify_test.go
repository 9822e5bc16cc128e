package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/notify"
	"github.com/secretsync/secretsync/controllers/source"
)

// Answers of AWS are held against the events of changes that they have to show, and against no others.
func TestWhatAnEventTellsOfAnswers(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	told := notify.Change{ARN: "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-a1B2c3", SecretID: "db", Region: "us-east-1", Time: at,
		Stage: "AWSCURRENT", VersionID: "v"}
	want := source.Change{Name: "db", Region: "us-east-1", At: at, Stage: "AWSCURRENT", VersionID: "v"}
	for event, dated := range map[string]bool{
		"CreateSecret": true, "PutSecretValue": true, "UpdateSecret": true, "UpdateSecretVersionStage": true, "LabelUpdated": true,
		"DeleteSecret": true, "RestoreSecret": true, "RotationSucceeded": true, "RotationStarted": false, "RotationFailed": false,
		"TagResource": false, "PutResourcePolicy": false, "RotateSecret": false, "ReplicationSucceeded": false,
	} {
		told.Event, want.Deleted, want.Restored = event, event == "DeleteSecret", event == "RestoreSecret"
		got, is := changeOf(told, "eu-west-1")
		if diff := cmp.Diff(want, got); is != dated || dated && diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", event, is, diff)
		}
	}
	told.Region, told.ARN, told.Event, told.VersionID = "", "", "RotationSucceeded", ""
	if got, is := changeOf(told, "eu-west-1"); is || got.Region != "eu-west-1" || got.Name != "db" {
		t.Errorf("a rotation without a version: %v, %v", got, is)
	}
}
