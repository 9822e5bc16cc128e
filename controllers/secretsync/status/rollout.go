package status

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
)

// PendingRollout is what workloads have to be restarted for, as a status says. It is false where nothing is pending.
func PendingRollout(secretSync *v1alpha1.SecretSync, policy v1alpha1.Rollout) (change rollout.Change, pending bool) {
	status := secretSync.Status.Rollout
	if status == nil || status.Revision == status.HandledRevision || status.ChangedTime == nil || secretSync.Status.Secret == nil {
		return rollout.Change{}, false
	}
	return rollout.Change{
		Namespace: secretSync.Namespace, Name: secretSync.Name, Secret: secretSync.Status.Secret.Name,
		Revision: status.Revision, Handled: status.HandledRevision, Changed: status.ChangedTime.Time, Policy: policy,
	}, true
}

// describeRollout brings status.rollout up to what the reconcile has done. It comes after the sources are described.
func describeRollout(outcome *Outcome, status *v1alpha1.SecretSyncStatus, now time.Time) {
	policy, wanted := outcome.Rollout.Policy(outcome.SecretSync)
	if !wanted {
		status.Rollout = nil
		return
	}
	if status.Secret == nil {
		return
	}
	if outcome.writeReported() {
		revise(outcome, status, policy.IgnoreKeys, now)
	}
	if status.Rollout == nil { // The first sync, or restarts were switched on.
		revision := revisionOf(outcome.present(status))
		status.Rollout = &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: revision}
	}
	progress, before := outcome.Rollout.Progress, outcome.SecretSync.Status.Rollout
	if progress == nil || before == nil || before.Revision != status.Rollout.Revision {
		return
	}
	if len(progress.Workloads) > 0 {
		status.Rollout.Workloads = progress.Workloads
	}
	if progress.State == rollout.Done {
		status.Rollout.HandledRevision = status.Rollout.Revision
	}
}

// writeReported says whether status has a write of this reconcile.
func (o *Outcome) writeReported() bool { return o.Write != nil && !o.Write.Leftover }

// revise gives the content a new revision where it has changed in a way that calls for a restart. What the same sources
// and the same spec give is the same content: a repair changes nothing. Nothing runs with a Secret that is new; but one
// that was there, and is not the one in status, may have held another content.
func revise(outcome *Outcome, status *v1alpha1.SecretSyncStatus, ignored []string, now time.Time) {
	before, taken := &outcome.SecretSync.Status, outcome.Write.Result.Former != nil
	former := before.Rollout
	edited, moved := false, false
	if before.Secret == nil || before.Secret.Name != status.Secret.Name {
		former, status.Rollout = nil, nil
	} else {
		edited = before.Secret.Generation != status.Secret.Generation
		moved = !slices.EqualFunc(presentOf(before), outcome.present(status), sameVersion)
	}
	if !edited && !moved && !taken || !outcome.concernsWorkloads(status, ignored, edited || moved) {
		return
	}
	if former == nil {
		revision := revisionOf(presentOf(before))
		former = &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: revision}
	}
	next, handled := revisionOf(outcome.present(status))+editOf(former.Revision), former.HandledRevision
	if former.Revision != former.HandledRevision && (len(outcome.Rollout.Restarted) > 0 || begun(former.Workloads)) {
		handled = "" // Some run with a content that others do not have: none can be gone back to.
	}
	generation := strconv.FormatInt(outcome.SecretSync.Generation, 10)
	switch {
	case taken:
		next, handled = revisionOf(outcome.present(status))+takenMark(outcome, generation), "" // What workloads run with is not known.
	case edited:
		next = revisionOf(outcome.present(status)) + editMark + generation
	}
	changed := metav1.NewTime(now.Truncate(time.Second).Add(time.Second)) // Pods of this second may have the former content.
	status.Rollout = &v1alpha1.RolloutStatus{Revision: next, ChangedTime: &changed, HandledRevision: handled}
}

// begun says whether workloads may run with a content that the others do not have.
func begun(workloads []v1alpha1.WorkloadStatus) bool {
	return slices.ContainsFunc(workloads, func(w v1alpha1.WorkloadStatus) bool { return w.State != string(rollout.Waiting) })
}

// concernsWorkloads says whether the write has changed keys that call for a restart. Former values that keepPrevious
// adds, changes or takes out do not: the present ones decide, and programs that need the former ones have had the time
// that keepPrevious gives.
//
// A process that ended between the write and the report leaves a Secret that has its keys already. It shows as one that
// was written by another since status was, where sources or spec have changed, or as one that was written for a
// SecretSync whose status has no Secret.
func (o *Outcome) concernsWorkloads(status *v1alpha1.SecretSyncStatus, ignored []string, expected bool) bool {
	var were []string // Of a Secret that was taken over it is not known.
	if before := o.SecretSync.Status.Secret; before != nil && before.Name == status.Secret.Name {
		were = before.PreviousKeys
	}
	changes := o.Write.Changes
	was := func(key string) bool { return slices.Contains(were, key) }
	is := func(key string) bool { return slices.Contains(o.Write.PreviousKeys, key) }
	all := slices.Concat(
		slices.DeleteFunc(slices.Clone(changes.Added), is),
		slices.DeleteFunc(slices.Clone(changes.Removed), was),
		slices.DeleteFunc(slices.Clone(changes.Changed), func(key string) bool { return was(key) && is(key) }))
	if len(rollout.RelevantKeys(all, ignored)) > 0 {
		return true
	}
	return changes.Unreported || expected && o.Drifted && changes.Reread
}

// editMark stands before the generation of the spec that has shaped the content, where it is not the first.
const editMark = "#"

// editOf is the part of a revision that an edit of the spec has left.
func editOf(revision string) string {
	if at := strings.LastIndex(revision, editMark); at >= 0 {
		return revision[at:]
	}
	return ""
}

// takenMark is behind the revision of a Secret that was taken over, in place of the mark of an edit. It is another one
// for each SecretSync and each Secret: workloads may be marked by a former SecretSync of the name.
func takenMark(outcome *Outcome, generation string) string {
	const digits = 8
	digest := sha256.Sum256([]byte(string(outcome.SecretSync.UID) + " " + outcome.Write.Result.UID))
	return editMark + generation + "." + hex.EncodeToString(digest[:])[:digits]
}

// present are the versions that the present values are made of.
func (o *Outcome) present(status *v1alpha1.SecretSyncStatus) []v1alpha1.SourceStatus {
	if !o.writeReported() {
		return presentOf(status)
	}
	return status.Sources[:len(status.Sources)-len(o.Set.Former)]
}

// presentOf are the versions that the present values are made of. Status has those of former values, which keepPrevious
// keeps, behind them.
func presentOf(status *v1alpha1.SecretSyncStatus) []v1alpha1.SourceStatus {
	present := status.Sources
	if status.PreviousUntil == nil {
		return present
	}
	left := map[string]int{}
	for i := range present {
		if present[i].VersionStage == v1alpha1.DefaultVersionStage {
			left[present[i].SecretID]++
		}
	}
	for last := len(present) - 1; last >= 0 && present[last].VersionStage == resolve.StagePrevious && left[present[last].SecretID] > 0; last-- {
		left[present[last].SecretID]--
		present = present[:last]
	}
	return present
}

func sameVersion(a, b v1alpha1.SourceStatus) bool {
	return a.ARN == b.ARN && a.VersionID == b.VersionID
}

// revisionOf names the versions that a content is made of.
func revisionOf(sources []v1alpha1.SourceStatus) string {
	if len(sources) == 1 {
		return sources[0].VersionID
	}
	digest := sha256.New()
	for _, source := range sources {
		_, _ = fmt.Fprintf(digest, "%q %q\n", source.ARN, source.VersionID) // A hash never fails to be written to.
	}
	const digits = 32
	return hex.EncodeToString(digest.Sum(nil))[:digits]
}
