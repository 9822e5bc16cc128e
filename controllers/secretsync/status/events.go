package status

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

// Reasons of events. Each is sent on a transition, never because a reconcile found things as they were. An event of an
// unhealthy rotation is called as the reason of RotationHealthy.
const (
	EventCreated           = "SecretCreated"
	EventUpdated           = "SecretUpdated"
	EventRepaired          = "SecretRepaired"
	EventFailed            = "SyncFailed"
	EventRecovered         = "SyncRecovered"
	EventWouldChange       = "SecretWouldChange"
	EventRotationRecovered = "RotationRecovered"
	EventRestarted         = "WorkloadRestarted"
	EventRolledOut         = "WorkloadsRolledOut"
	EventRolloutFailed     = "RolloutFailed"
)

// Actions of events: what the operator was doing.
const (
	actionApply   = "Apply"
	actionSync    = "Sync"
	actionObserve = "Observe"
	actionRestart = "Restart"
	// ActionRelease takes keys out of a Secret that a SecretSync merged into.
	ActionRelease = "Release"
)

// Event is an event of a SecretSync. The zero Event is none.
type Event struct {
	// Type is Normal or Warning.
	Type, Reason, Action, Note string
	// Log is the log line that goes with it, LogPairs its keys and values; empty for none. An Event with a Log and no
	// Reason is only logged.
	Log      string
	LogPairs []any
	// Failed says that a person has to act: the line is logged as an error.
	Failed bool
}

func normal(reason, action, note string) Event {
	return Event{Type: corev1.EventTypeNormal, Reason: reason, Action: action, Note: cut(note, maxNote)}
}

// Warning is an event of type Warning.
func Warning(reason, action, note string) Event {
	return Event{Type: corev1.EventTypeWarning, Reason: reason, Action: action, Note: cut(note, maxNote)}
}

func (e Event) logged(message string, pairs ...any) Event {
	e.Log, e.LogPairs = message, pairs
	return e
}

func (e Event) asError() Event {
	e.Failed = true
	return e
}

// Events are the transitions from the status before the outcome to the one after it. They are sent once that is written.
func Events(outcome *Outcome, after *v1alpha1.SecretSyncStatus) []Event {
	var events []Event
	add := func(event Event) {
		if event.Reason != "" || event.Log != "" {
			events = append(events, event)
		}
	}
	if outcome.ConcernsSync() {
		add(writeEvent(outcome))
		add(syncEvent(outcome, after))
		add(previewEvent(outcome, after))
		add(rotationEvent(outcome, after))
	}
	add(restartEvent(outcome, after))
	add(rolloutEvent(outcome, after))
	return events
}

// syncEvent is of a failure that began, is another one, or has ended. It is logged as an error once Ready is False: until
// then the operator retries, and the Secret holds a recent value.
func syncEvent(outcome *Outcome, after *v1alpha1.SecretSyncStatus) Event {
	was, failed := outcome.SecretSync.FailureReason(), outcome.Failure
	ready := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady)
	unready := ready != nil && ready.Status == metav1.ConditionFalse
	switch {
	case failed != nil && failed.Reason != was && !outcome.Known:
		event := Warning(EventFailed, actionSync, failed.Reason+": "+failed.Message).logged("sync failed", failedPairs(failed)...)
		event.Failed = unready
		return event
	case failed != nil && !outcome.Known && unready && meta.IsStatusConditionTrue(outcome.SecretSync.Status.Conditions, v1alpha1.ConditionReady):
		return Event{}.logged("sync keeps failing, and the value may be outdated", failedPairs(failed)...).asError()
	case failed == nil && was != "" && outcome.Answered():
		return normal(EventRecovered, actionSync, "Recovered from "+was+": "+ready.Message).logged("sync recovered", "from", was)
	}
	return Event{}
}

// failedPairs are the keys and values of a log line of a failure.
func failedPairs(failed *failure.Failure) []any {
	pairs := []any{"reason", failed.Reason, "message", cut(failed.Message, maxMessage)}
	if failed.RequestID != "" {
		pairs = append(pairs, "awsRequestID", failed.RequestID)
	}
	return pairs
}

// previewEvent is of what mode Sync would do, where that was not said before.
func previewEvent(outcome *Outcome, after *v1alpha1.SecretSyncStatus) Event {
	ready, was := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady), outcome.former(v1alpha1.ConditionReady)
	if outcome.Failure != nil || outcome.Preview == nil || outcome.Preview.Would == "" || ready == nil || was != nil && was.Message == ready.Message {
		return Event{}
	}
	return normal(EventWouldChange, actionObserve, ready.Message)
}

// rotationEvent is of a rotation that is no longer healthy, by the name of the reason, and of one that is again.
func rotationEvent(outcome *Outcome, after *v1alpha1.SecretSyncStatus) Event {
	was, wasUnhealthy := rotationReason(&outcome.SecretSync.Status)
	reason, unhealthy := rotationReason(after)
	switch health := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionRotationHealthy); {
	case unhealthy && reason != was:
		return Warning(reason, actionObserve, health.Message).
			logged("rotation is unhealthy", "reason", reason, "message", cut(health.Message, maxMessage)).asError()
	case wasUnhealthy && !unhealthy && reason != "":
		return normal(EventRotationRecovered, actionObserve, "Recovered from "+was+": "+health.Message).logged("rotation recovered", "from", was)
	}
	return Event{}
}

// rotationReason is that of the condition RotationHealthy, and whether it is False.
func rotationReason(status *v1alpha1.SecretSyncStatus) (reason string, unhealthy bool) {
	health := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRotationHealthy)
	if health == nil {
		return "", false
	}
	return health.Reason, health.Status == metav1.ConditionFalse
}

// writeEvent is of a write that has changed the Secret.
func writeEvent(outcome *Outcome) Event {
	if !outcome.Write.Changed() {
		return Event{}
	}
	reason, note := describeChange(outcome)
	return normal(reason, actionApply, note).logged("applied Secret", "event", reason, "secret", outcome.SecretSync.TargetName(),
		"version", outcome.Set.Version().ID, "trigger", outcome.Trigger)
}

// describeChange says what a write has changed, by names of keys and versions.
func describeChange(outcome *Outcome) (reason, note string) {
	write, secretSync := outcome.Write, outcome.SecretSync
	name, version := secretSync.TargetName(), outcome.Set.Version().ID
	former := secretSync.Status.Secret
	known := former != nil && former.Name == name && len(secretSync.Status.Sources) > 0
	moves := moves(outcome)
	switch {
	case write.Result.Outcome == target.Created && !known:
		return EventCreated, "Created Secret " + name + " with version " + version + ": keys " + failure.Listed(write.Keys)
	case write.Result.Outcome == target.Created:
		return EventRepaired, "Secret " + name + " was deleted; recreated it with version " + version
	case !known: // What is written for the first time was not compared: another writer had made the Secret.
		return EventUpdated, "Wrote version " + version + " into Secret " + name + ", which was there before: keys " + failure.Listed(write.Keys)
	case moves != "":
		return EventUpdated, "Updated Secret " + name + moves + ": " + write.Changes.String()
	case outcome.Trigger == schedule.Drift:
		return EventRepaired, "Secret " + name + " was edited" + by(write.Result.OverriddenManagers) + "; restored version " + version
	case former.Generation == secretSync.Generation: // Find, optional entries, or the end of keepPrevious.
		return EventUpdated, "Updated Secret " + name + ", at version " + version + ": " + write.Changes.String()
	}
	return EventUpdated, "Updated Secret " + name + " to the edited spec, version " + version + ": " + write.Changes.String()
}

// movesShown bounds how many secrets an event names.
const movesShown = 3

// moves says from which versions to which others the Secret was updated; empty where to none.
func moves(outcome *Outcome) string {
	var moves []string
	all := outcome.Set.All()
	for n, input := range all {
		synced, version := outcome.Set.Synced(n, input), input.Fetched.Version.ID
		if synced == nil || synced.VersionID == version || synced.VersionID == "" || version == "" {
			continue
		}
		move := " from version " + synced.VersionID + " to " + version
		if len(all) > 1 {
			move += " of " + input.Ref.SecretID
			if input.Ref.VersionStage != v1alpha1.DefaultVersionStage {
				move += " (" + input.Ref.VersionStage + ")"
			}
		}
		moves = append(moves, move)
	}
	if more := len(moves) - movesShown; more > 0 {
		return strings.Join(moves[:movesShown], ",") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(moves, ",")
}

func by(managers []string) string {
	if len(managers) == 0 {
		return ""
	}
	return " by field manager " + failure.Listed(managers)
}

// restartEvent is of workloads that were restarted.
func restartEvent(outcome *Outcome, after *v1alpha1.SecretSyncStatus) Event {
	restarted := outcome.Rollout.Restarted
	if len(restarted) == 0 || after.Rollout == nil {
		return Event{}
	}
	return normal(EventRestarted, actionRestart, "Restarted "+failure.Listed(restarted)+" for version "+after.Rollout.Revision+" of Secret "+outcome.SecretSync.TargetName()).
		logged("restarted workloads", "workloads", restarted, "revision", after.Rollout.Revision)
}

// rolloutEvent is of a rollout that has ended, or failed: once, when the condition gets another reason.
func rolloutEvent(outcome *Outcome, after *v1alpha1.SecretSyncStatus) Event {
	condition, was := meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionWorkloadsRestarted), outcome.former(v1alpha1.ConditionWorkloadsRestarted)
	if condition == nil || was != nil && was.Reason == condition.Reason {
		return Event{}
	}
	progress := outcome.Rollout.Progress
	switch {
	case condition.Reason == v1alpha1.ReasonRolloutFailed || condition.Reason == v1alpha1.ReasonRolloutForbidden:
		return Warning(EventRolloutFailed, actionRestart, condition.Reason+": "+condition.Message).
			logged("restarting workloads failed", "reason", condition.Reason, "message", cut(condition.Message, maxMessage)).asError()
	case progress != nil && progress.State == rollout.Done && len(progress.Workloads) > 0:
		return normal(EventRolledOut, actionRestart, "Version "+after.Rollout.Revision+" of Secret "+outcome.SecretSync.TargetName()+": "+condition.Message).
			logged("workloads rolled out", "revision", after.Rollout.Revision)
	}
	return Event{}
}
