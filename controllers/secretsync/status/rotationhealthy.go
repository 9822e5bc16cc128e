package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

const (
	// defaultWindow is how long after its time a rotation counts as overdue where AWS tells no window.
	defaultWindow = 24 * time.Hour
	// rotationTakes is how long a new version may wait under AWSPENDING: the four steps of a rotation are four calls of a
	// function, of 15 minutes at most each (pages "Rotation by Lambda function" of the AWS Secrets Manager User Guide and
	// "Lambda quotas" of the AWS Lambda Developer Guide).
	rotationTakes = time.Hour
)

// RotationFacts are what the rotation of one secret is judged by.
type RotationFacts struct {
	// SecretID as the spec names it, for messages.
	SecretID string
	// Version that was resolved. Its Rotation may be nil: then its age alone is judged.
	Version source.Version
	// Created is when AWS got that version, as far as it is known; else zero.
	Created time.Time
	// PendingSince is since when its Rotation.PendingVersion is known to wait; else zero.
	PendingSince time.Time
	// FailedAt is when AWS has said, by a change event, that a rotation failed; else zero.
	FailedAt time.Time

	// maxAge is that of spec.rotation; zero for none.
	maxAge time.Duration
	// former is the condition as it was, or nil. What was known before the operator restarted, and AWS does not tell, is
	// read from there.
	former *metav1.Condition
}

// rotationHealthy judges how the rotations of the secrets are. The condition stays as it is where nothing is known, but
// for an age that is no longer too high, and for another secret than the condition speaks of.
func rotationHealthy(outcome *Outcome, _ *v1alpha1.SecretSyncStatus, now time.Time) verdict {
	if !outcome.Answered() {
		return stays()
	}
	former, expected := outcome.former(v1alpha1.ConditionRotationHealthy), outcome.SecretSync.Spec.Rotation
	var all []metav1.Condition
	for _, facts := range outcome.Rotations {
		facts.former = former
		if expected != nil && expected.MaxAge != nil {
			facts.maxAge = expected.MaxAge.Duration
		}
		if health, known := rotationHealth(facts, now); known {
			all = append(all, health)
		}
	}
	switch {
	case outcome.Set.AnotherSecret():
		return removed() // What was said of another secret's rotation does not hold for this one.
	case len(all) > 0:
		worst := worstRotation(all...)
		return verdict{set: &worst}
	case former != nil && former.Reason == v1alpha1.ReasonRotationTooOld && len(outcome.Rotations) > 0:
		return removed()
	}
	return stays()
}

// rotationHealth says how the rotation of a secret is. Nothing is to be said, and a condition that is there
// stays as it is, where nothing is known.
//
// The worst comes first: what AWS has said itself, then what has come to a halt, then what did not begin, then
// age.
func rotationHealth(facts RotationFacts, now time.Time) (health metav1.Condition, known bool) {
	rotation := facts.Version.Rotation
	if rotation == nil {
		return facts.tooOld(now)
	}
	for _, judge := range []func(time.Time) (metav1.Condition, bool){
		facts.failed, facts.stuck, facts.late, facts.tooOld,
	} {
		if health, found := judge(now); found {
			return health, true
		}
	}
	switch {
	case !rotation.Enabled:
		return rotationIs(metav1.ConditionUnknown, v1alpha1.ReasonRotationDisabled, "AWS does not rotate secret %s", facts.SecretID), true
	case rotation.PendingVersion != "":
		return rotationIs(metav1.ConditionTrue, v1alpha1.ReasonRotationInProgress,
			"A new version of secret %s waits under AWSPENDING", facts.SecretID), true
	}
	return rotationIs(metav1.ConditionTrue, v1alpha1.ReasonRotationOnSchedule, "AWS rotates secret %s on schedule", facts.SecretID), true
}

func rotationIs(status metav1.ConditionStatus, reason, format string, arguments ...any) metav1.Condition {
	return metav1.Condition{Status: status, Reason: reason, Message: fmt.Sprintf(format, arguments...)}
}

// failed is for a rotation that AWS has called failed, and that was not made up for since.
func (f RotationFacts) failed(time.Time) (health metav1.Condition, found bool) {
	at := f.FailedAt
	if at.IsZero() && f.was(v1alpha1.ReasonRotationFailed) {
		at = f.former.LastTransitionTime.Time
	}
	if at.IsZero() || !f.Version.Rotation.Enabled || f.rotatedSince(at) {
		return health, false
	}
	return rotationIs(metav1.ConditionFalse, v1alpha1.ReasonRotationFailed,
		"AWS says that a rotation of secret %s failed: %s, and at the event RotationFailed in CloudTrail; RotateSecret "+
			"(aws secretsmanager rotate-secret) tries again", f.SecretID, f.lookAt()), true
}

// rotatedSince says whether a rotation has ended after one that failed. Events tell the second alone: of two in
// the same one, the version that waits under AWSPENDING tells whether the latter has ended.
func (f RotationFacts) rotatedSince(failure time.Time) bool {
	rotated, failed := f.Version.Rotation.LastRotated.Truncate(time.Second), failure.Truncate(time.Second)
	return rotated.After(failed) || rotated.Equal(failed) && f.Version.Rotation.PendingVersion == ""
}

// stuck is for a new version that waits for longer than a rotation takes. Nothing has changed a secret since
// LastChangedDate, so that AWSPENDING has been where it is for that long at least.
func (f RotationFacts) stuck(now time.Time) (health metav1.Condition, found bool) {
	rotation := f.Version.Rotation
	if rotation.PendingVersion == "" || !rotation.Enabled {
		return health, false
	}
	since := f.PendingSince
	if changed := f.Version.Changed; since.IsZero() || !changed.IsZero() && changed.Before(since) {
		since = changed
	}
	lasting := !since.IsZero() && now.Sub(since) > rotationTakes
	before := f.was(v1alpha1.ReasonRotationStuck) && strings.Contains(f.former.Message, rotation.PendingVersion)
	if !lasting && !before {
		return health, false
	}
	return rotationIs(metav1.ConditionFalse, v1alpha1.ReasonRotationStuck,
		"Version %s of secret %s has waited under AWSPENDING for longer than a rotation takes: %s; RotateSecret "+
			"(aws secretsmanager rotate-secret) tries again with that version, and taking the label away from it "+
			"(aws secretsmanager update-secret-version-stage) gives it up", rotation.PendingVersion, f.SecretID, f.lookAt()), true
}

// late is for a rotation that did not happen when it was planned, or never did.
func (f RotationFacts) late(now time.Time) (health metav1.Condition, found bool) {
	rotation := f.Version.Rotation
	window := rotation.Window
	if window <= 0 {
		window = defaultWindow
	}
	missed := !rotation.Next.IsZero() && now.After(rotation.Next.Add(window))
	never := rotation.LastRotated.IsZero()
	switch {
	case !rotation.Enabled:
	case never && missed:
		return rotationIs(metav1.ConditionFalse, v1alpha1.ReasonRotationNever,
			"AWS has never rotated secret %s, though rotation is on and was planned for %s: %s",
			f.SecretID, stamp(rotation.Next), f.mayRotate()), true
	case never && rotation.Next.IsZero() && rotation.Every > 0 && !f.Version.Changed.IsZero() && now.Sub(f.Version.Changed) > rotation.Every+window:
		return rotationIs(metav1.ConditionFalse, v1alpha1.ReasonRotationNever,
			"AWS has never rotated secret %s, though rotation is on and its schedule is shorter than the time since the secret was last "+
				"changed, %s: %s", f.SecretID, stamp(f.Version.Changed), f.mayRotate()), true
	case missed:
		return rotationIs(metav1.ConditionFalse, v1alpha1.ReasonRotationOverdue,
			"The rotation of secret %s planned for %s did not happen: %s, and at the event RotationFailed in CloudTrail",
			f.SecretID, stamp(rotation.Next), f.lookAt()), true
	}
	return health, false
}

// lookAt says where to look for why a rotation does not end. A secret that AWS rotates itself has no function, and no log.
func (f RotationFacts) lookAt() string {
	switch by := f.Version.Rotation.By; {
	case by.Service != "":
		return fmt.Sprintf("the AWS service %s rotates it, without a function: look at the state of the secret there", by.Service)
	case by.Partner != "":
		return fmt.Sprintf("it is a managed external secret of type %s, which has no function: look at its rotation role and at the partner", by.Partner)
	}
	return "look at the rotation function's log in CloudWatch"
}

// mayRotate says what to check where a rotation has never begun.
func (f RotationFacts) mayRotate() string {
	if f.Version.Rotation.By != (source.Rotator{}) {
		return f.lookAt()
	}
	return "see that Secrets Manager may invoke the rotation function, and look at its log in CloudWatch"
}

// tooOld is for a value that is older than spec.rotation.maxAge, by the best date that is known: when the
// version was made, else when AWS last rotated the secret, else when the secret was last changed in any way,
// since when the value is at least as old. The version before the current one is meant to be old.
func (f RotationFacts) tooOld(now time.Time) (health metav1.Condition, found bool) {
	current := slices.Contains(f.Version.Stages, v1alpha1.DefaultVersionStage)
	if f.maxAge <= 0 || !current && slices.Contains(f.Version.Stages, resolve.StagePrevious) {
		return health, false
	}
	from, how := f.Created, "was made"
	if from.IsZero() {
		from = f.Version.Created
	}
	if rotation := f.Version.Rotation; from.IsZero() && current && rotation != nil {
		from, how = rotation.LastRotated, "was last rotated"
	}
	if from.IsZero() && current {
		from, how = f.Version.Changed, "was last changed"
	}
	if from.IsZero() || now.Sub(from) <= f.maxAge {
		return health, false
	}
	return rotationIs(metav1.ConditionFalse, v1alpha1.ReasonRotationTooOld,
		"The value of secret %s %s on %s, and spec.rotation.maxAge lets it become %s old: rotate it (aws secretsmanager rotate-secret), "+
			"or put a new value into it", f.SecretID, how, stamp(from), f.maxAge), true
}

// was says whether the condition had a reason, and spoke of this secret.
func (f RotationFacts) was(reason string) bool {
	return f.former != nil && f.former.Reason == reason && strings.Contains(f.former.Message, "secret "+f.SecretID+" ")
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// worstRotation is the condition that speaks for several secrets: the first of the worst.
func worstRotation(conditions ...metav1.Condition) metav1.Condition {
	severity := []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionTrue, metav1.ConditionUnknown}
	return slices.MinFunc(conditions, func(a, b metav1.Condition) int {
		return slices.Index(severity, a.Status) - slices.Index(severity, b.Status)
	})
}
