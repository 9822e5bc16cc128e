package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
)

// ready judges whether the Secret holds what the spec asks for.
func ready(outcome *Outcome, status *v1alpha1.SecretSyncStatus, now time.Time) verdict {
	if !outcome.ConcernsSync() {
		return stays()
	}
	secretSync := outcome.SecretSync
	switch {
	case outcome.Failure != nil && keepsReady(outcome):
		return is(metav1.ConditionTrue, syncedReason(secretSync), holds(status, now)+"; retrying: "+outcome.Failure.Message)
	case outcome.Failure != nil:
		return is(metav1.ConditionFalse, outcome.Failure.Reason, outcome.Failure.Message+kept(outcome, status))
	case secretSync.Spec.Suspend:
		return suspended(outcome, status, now)
	case secretSync.Observes():
		return previewed(outcome)
	case secretSync.Once():
		// AWS is not asked any more, so that it would go stale.
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionRotationHealthy)
		return is(metav1.ConditionTrue, syncedReason(secretSync), writtenOnce(secretSync, status))
	}
	return is(metav1.ConditionTrue, syncedReason(secretSync), holds(status, now))
}

func syncedReason(secretSync *v1alpha1.SecretSync) string {
	if secretSync.Once() {
		return v1alpha1.ReasonSyncedOnce
	}
	return v1alpha1.ReasonSynced
}

// writtenOnce says what was written in mode Once. What the Secret holds now is not known.
func writtenOnce(secretSync *v1alpha1.SecretSync, status *v1alpha1.SecretSyncStatus) string {
	said := "Secret " + secretSync.TargetName() + " was written once"
	if status.Secret != nil && len(status.Sources) > 0 {
		from := mainSource(status)
		said += ", from version " + from.VersionID + " of " + from.SecretID
	}
	return said + "; mode Once leaves it alone until the annotation " + v1alpha1.AnnotationRefreshRequestedAt + " is changed"
}

// keepsReady says whether Ready stays true while the operator retries: as long as the Secret holds what the spec asks for
// and AWS has not been silent for too long. What was not ready before does not become so by a failure: AWS may have said
// last that the secret is gone.
func keepsReady(outcome *Outcome) bool {
	refused := meta.IsStatusConditionFalse(outcome.SecretSync.Status.Conditions, v1alpha1.ConditionReady)
	return outcome.Failure.Class == failure.Transient && outcome.Fresh && !refused && outcome.SecretSync.WrittenBySpec() &&
		outcome.Trigger != schedule.Drift
}

// suspended is Ready while the spec is suspended: as it was. Before the first sync it is True, because nothing is left to
// do: tools such as Flux would wait for it for ever (kstatus).
func suspended(outcome *Outcome, status *v1alpha1.SecretSyncStatus, now time.Time) verdict {
	if status.Secret == nil {
		return is(metav1.ConditionTrue, v1alpha1.ReasonSuspended, "Suspended before the first sync: set spec.suspend to false")
	}
	was := metav1.ConditionTrue
	if former := outcome.former(v1alpha1.ConditionReady); former != nil {
		was = former.Status
	}
	return is(was, v1alpha1.ReasonSuspended, "Suspended; "+holds(status, now))
}

// previewed is Ready in mode Observe: True, because the mode asks for no write, whatever a write would change.
func previewed(outcome *Outcome) verdict {
	if outcome.Preview == nil {
		return stays()
	}
	name, version := outcome.SecretSync.TargetName(), outcome.Set.Version().ID
	if outcome.Preview.Would == "" {
		return is(metav1.ConditionTrue, v1alpha1.ReasonObserved,
			fmt.Sprintf("Observed: Secret %s is what mode Sync would make of version %s", name, version))
	}
	return is(metav1.ConditionTrue, v1alpha1.ReasonWouldChange,
		fmt.Sprintf("Observed: with version %s for Secret %s, mode Sync would %s", version, name, outcome.Preview.Would))
}

// holds says what the Secret has in it, and what is wrong with it all the same. That is kept in status since the write,
// and the time at which a certificate expires with it: nothing needs to be read to know.
func holds(status *v1alpha1.SecretSyncStatus, now time.Time) string {
	written, from := status.Secret, mainSource(status)
	held := fmt.Sprintf("Secret %s holds version %s of %s", written.Name, from.VersionID, from.SecretID)
	if from.VersionStage != "" {
		held += " (" + from.VersionStage + ")"
	}
	switch more := len(status.Sources) - 1; {
	case more == 1:
		held += " and 1 more source"
	case more > 1:
		held += fmt.Sprintf(" and %d more sources", more)
	}
	warnings := written.Warnings
	if expires := written.ExpirationTime; expires != nil {
		if warning := render.ExpiryWarning(expires.Time, now); warning != "" {
			warnings = append(slices.Clone(warnings), warning)
		}
	}
	if len(warnings) > 0 {
		held += "; warning: " + strings.Join(warnings, "; warning: ")
	}
	return held
}

// kept says what stays in the Secret while reconciles fail; of one that others have touched that is not known.
func kept(outcome *Outcome, status *v1alpha1.SecretSyncStatus) string {
	switch {
	case status.Secret == nil || len(status.Sources) == 0:
		return ""
	case outcome.Trigger == schedule.Drift && outcome.Write == nil:
		return fmt.Sprintf(". Secret %s was edited or deleted, and is not restored yet", status.Secret.Name)
	}
	return fmt.Sprintf(". Secret %s keeps version %s", status.Secret.Name, mainSource(status).VersionID)
}

// mainSource is the first version that the Secret was made of; an optional one may not be there.
func mainSource(status *v1alpha1.SecretSyncStatus) v1alpha1.SourceStatus {
	for _, source := range status.Sources {
		if source.VersionID != "" {
			return source
		}
	}
	return status.Sources[0]
}
