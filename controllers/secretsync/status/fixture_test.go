package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func second(at time.Time) *metav1.Time { return &metav1.Time{Time: at} }

func micro(at time.Time) *metav1.MicroTime { return &metav1.MicroTime{Time: at} }

// refused is a terminal failure, outage a transient one.
func refused() *failure.Failure {
	return &failure.Failure{Reason: v1alpha1.ReasonAccessDenied, Message: "no", Class: failure.Terminal}
}

func outage() *failure.Failure {
	return &failure.Failure{Reason: v1alpha1.ReasonRegionUnavailable, Message: "away", Class: failure.Transient}
}

// condition is one of a status, without a time.
func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// restartedOf is the condition WorkloadsRestarted of a status; it is the zero condition where there is none.
func restartedOf(status *v1alpha1.SecretSyncStatus) metav1.Condition {
	if found := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionWorkloadsRestarted); found != nil {
		return *found
	}
	return metav1.Condition{}
}

// polled is the outcome of a poll of a SecretSync whose Secret holds a version of secret db, or that has none, where the
// former version is empty. AWS has named a version, and its value was read.
func polled(former, named string) *Outcome {
	secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "db", UID: "uid", Generation: 1}}
	secretSync.Spec.Source.SecretID = "db"
	if former != "" {
		secretSync.Status.ObservedGeneration = 1
		secretSync.Status.Secret = &v1alpha1.SecretStatus{Name: "db", UID: "secret", Generation: 1, Keys: []string{"a", "b"}}
		secretSync.Status.Sources = []v1alpha1.SourceStatus{{SecretID: "db", ARN: "arn", VersionStage: v1alpha1.DefaultVersionStage, VersionID: former}}
	}
	set := resolve.NewSet(resolve.Request{SecretSync: secretSync})
	set.Answered = true
	set.Inputs[0].Resolution.Version = source.Version{ARN: "arn", ID: named}
	set.Inputs[0].Fetched.Version = set.Inputs[0].Resolution.Version
	return &Outcome{SecretSync: secretSync, Trigger: schedule.Poll, Set: set}
}

// next is the outcome that follows another, whose status was written.
func (o *Outcome) next(status v1alpha1.SecretSyncStatus) *Outcome {
	next := *o
	next.SecretSync = o.SecretSync.DeepCopy()
	next.SecretSync.Status = status
	set := resolve.NewSet(resolve.Request{SecretSync: next.SecretSync})
	set.Inputs, set.Answered = o.Set.Inputs, o.Set.Answered
	next.Set = set
	return &next
}

// checkCondition compares status, reason and message of a condition.
func checkCondition(t *testing.T, name string, got metav1.Condition, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	want := metav1.Condition{Type: got.Type, Status: status, Reason: reason, Message: message}
	got.ObservedGeneration, got.LastTransitionTime = 0, metav1.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: the condition (-want +got):\n%s", name, diff)
	}
}
