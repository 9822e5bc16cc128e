package secretsync

import (
	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// inStatus is a SecretSync whose Secret holds a version of secret db.
func inStatus(version string) *v1alpha1.SecretSync {
	secretSync := fresh()
	secretSync.Status.ObservedGeneration = 1
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 1, Keys: []string{"a", "b"}}
	secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: v1alpha1.DefaultVersionStage, VersionID: version}}
	return secretSync
}

// reportOf is the report of a poll of a SecretSync, for which AWS has named a version.
func (e *environment) reportOf(secretSync *v1alpha1.SecretSync, named string) *report {
	a := e.attempt(secretSync, schedule.Poll)
	set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
	set.Answered = true
	set.Inputs[0].Resolution.Version = source.Version{ARN: "arn", ID: named}
	set.Inputs[0].Fetched.Version = set.Inputs[0].Resolution.Version
	return &report{attempt: a, syncResult: syncResult{outcome: status.Outcome{SecretSync: secretSync, Trigger: a.trigger, Set: set}}}
}

// writtenAs is what a write of the Secret gives.
func writtenAs(outcome target.Outcome) *status.Write {
	return &status.Write{Result: &target.Result{Outcome: outcome, UID: "secret", ResourceVersion: "7"}, At: noon, Keys: []string{"a", "b"}}
}
