package status

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// Of the rotation of a secret that is no longer followed nothing is said.
func TestRotationHealthGoesWithItsSecret(t *testing.T) {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Spec.Source.SecretID = "db"
	secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: "AWSCURRENT", VersionID: "version-1"}}
	secretSync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionRotationHealthy, Status: metav1.ConditionTrue}}
	secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"a", "b"}}
	set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
	set.Answered = true
	outcome := &Outcome{SecretSync: secretSync, Trigger: schedule.Poll, Set: set}
	health := func(version source.Version) *metav1.Condition {
		set.Inputs[0].Resolution.Version = version
		outcome.Rotations = []RotationFacts{{SecretID: "db", Version: version}}
		status := Describe(outcome, time.Now())
		return meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy)
	}
	if health(source.Version{ARN: "arn", ID: "version-2"}) == nil {
		t.Error("it is lost where the same secret is followed, and this call did not tell")
	}
	if health(source.Version{ARN: "another", ID: "version-2"}) != nil {
		t.Error("it is still there for another secret")
	}
}
