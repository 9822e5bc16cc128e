package schedule

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// noon is when tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// polled is a SecretSync that reads one secret, and what it reads.
type polled struct {
	secretSync *v1alpha1.SecretSync
	set        *resolve.Set
}

// newPolled makes a SecretSync that asks to be polled at an interval.
func newPolled(secretID string, interval time.Duration) polled {
	secretSync := &v1alpha1.SecretSync{}
	secretSync.Namespace, secretSync.Name, secretSync.Generation = "payments", "db", 1
	secretSync.Spec.Source.SecretID, secretSync.Spec.PollInterval = secretID, &metav1.Duration{Duration: interval}
	return polled{secretSync, resolve.NewSet(resolve.Request{SecretSync: secretSync})}
}

// inSync makes the SecretSync one that was in sync when the operator stopped.
func (p polled) inSync() polled {
	p.secretSync.Status.ObservedGeneration = p.secretSync.Generation
	p.secretSync.Status.Secret = &v1alpha1.SecretStatus{Generation: p.secretSync.Generation}
	p.secretSync.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynced}}
	return p
}

// tick is the next poll by the place of the secret alone.
func (p polled) tick(polls *Polls, now time.Time) time.Time {
	return polls.tick(p.secretSync, p.set, now)
}

func (p polled) next(polls *Polls, trigger Trigger) time.Time {
	return polls.Next(p.secretSync, p.set, trigger, noon)
}

func (p polled) first(polls *Polls) time.Time { return polls.First(p.secretSync, p.set, noon) }

func outage() *failure.Failure {
	return &failure.Failure{Reason: v1alpha1.ReasonRegionUnavailable, Message: "away", Class: failure.Transient}
}

func refusal() *failure.Failure {
	return &failure.Failure{Reason: v1alpha1.ReasonAccessDenied, Message: "no", Class: failure.Terminal}
}
