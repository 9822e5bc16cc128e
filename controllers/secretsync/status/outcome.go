package status

import (
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/target"
)

// Outcome is what a reconcile has found out and done.
type Outcome struct {
	// SecretSync as it was read, with its former status.
	SecretSync *v1alpha1.SecretSync
	// Trigger is why AWS was asked; None where it was not.
	Trigger schedule.Trigger
	// Drifted says that the Secret was touched since status was written.
	Drifted bool
	// Once says that the mode is Once, and that AWS was not asked because the Secret was written before.
	Once bool
	// Set is what AWS has named; nil where it was not asked.
	Set *resolve.Set
	// Write is what became of the Secret; nil where no write was tried, or it failed.
	Write *Write
	// Preview is what mode Observe has found out; nil elsewhere.
	Preview *Preview
	// Secret is the Secret as it is known to be as desired, where that was found out by other means than a write.
	Secret ownwrites.Secret
	// Failure is why the reconcile failed; nil where it did not.
	Failure *failure.Failure
	// Known says that an earlier outcome had this failure, whatever status says now.
	Known bool
	// Fresh says that the last value still counts as fresh, although AWS does not answer.
	Fresh bool
	// Rotations are what is known of the rotations of the secrets.
	Rotations []RotationFacts
	// Rollout is how far restarts are.
	Rollout Rollout
}

// Write is a Secret that was written, or found to be as desired.
type Write struct {
	Result *target.Result
	// At is when that was.
	At time.Time
	// Keys of the Secret, sorted, and those of them that hold former values.
	Keys, PreviousKeys []string
	// Notes are what is worth knowing of the content.
	Notes render.Notes
	// Changes are the keys that the write has changed.
	Changes ownwrites.Changes
	// Leftover says that what a former spec left behind is still there.
	Leftover bool
}

// Changed says whether the Secret was changed by the write.
func (w *Write) Changed() bool { return w != nil && w.Result.Outcome != target.Unchanged }

// Preview is what mode Observe has found out.
type Preview struct {
	// Would is what mode Sync would do; empty where it would leave the Secret as it is.
	Would string
}

// Rollout is how far restarts of workloads are.
type Rollout struct {
	// Enabled says that the operator may restart workloads.
	Enabled bool
	// Progress is that of the step which this reconcile took; nil where it took none.
	Progress *rollout.Progress
	// Restarted are workloads whose restart no event has reported yet.
	Restarted []string
}

// Policy is what is restarted. It is not wanted where the spec says Never, and where the operator has no permission.
func (r Rollout) Policy(secretSync *v1alpha1.SecretSync) (policy v1alpha1.Rollout, wanted bool) {
	if secretSync.Spec.Rollout != nil {
		policy = *secretSync.Spec.Rollout
	}
	return policy, r.Enabled && policy.Restart != v1alpha1.RestartNever
}

// ConcernsSync says whether the outcome says anything of the sync, and not of a rollout alone.
func (o *Outcome) ConcernsSync() bool {
	return o.Trigger != schedule.None || o.SecretSync.Spec.Suspend || o.Once || o.Failure != nil
}

// Reportable says whether the outcome says anything.
func (o *Outcome) Reportable() bool {
	return o.ConcernsSync() || o.Rollout.Progress != nil || len(o.Rollout.Restarted) > 0
}

// Answered says whether AWS has named all versions.
func (o *Outcome) Answered() bool { return o.Set != nil && o.Set.Answered }
