package secretsync

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/rollout"
)

// describeRollout brings status.rollout and its condition up to what the pass has done. It comes after the
// sources are described.
func (c *Controller) describeRollout(p *pass) {
	status := &p.sync.Status
	policy, wanted := c.rolloutPolicy(p.sync)
	if !wanted {
		status.Rollout = nil
		c.describeNoRollout(p, policy.Restart)
		return
	}
	if status.Secret == nil {
		return
	}
	if p.applied != nil && !p.untidy {
		c.revise(p, policy.IgnoreKeys)
	}
	if status.Rollout == nil { // The first sync, or restarts were switched on.
		revision := revisionOf(p.present())
		status.Rollout = &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: revision}
	}
	before := p.before.Status.Rollout
	if p.rollout != nil && before != nil && before.Revision == status.Rollout.Revision {
		if len(p.rollout.Workloads) > 0 {
			status.Rollout.Workloads = p.rollout.Workloads
		}
		if p.rollout.State == rollout.Done {
			status.Rollout.HandledRevision = status.Rollout.Revision
		}
	}
	c.set(p, rolloutCondition(p))
}

// describeNoRollout says why nothing is restarted, to whoever has written a word about it.
func (c *Controller) describeNoRollout(p *pass, wish v1alpha1.RestartPolicy) {
	switch {
	case p.sync.Spec.Rollout == nil:
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionWorkloadsRestarted)
	case wish == v1alpha1.RestartNever:
		c.set(p, condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionUnknown, v1alpha1.ReasonRestartNever, "spec.rollout.restart is Never"))
	case wish == "":
		c.set(p, condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionUnknown, v1alpha1.ReasonRestartNever,
			"The operator restarts nothing: it runs without --rollouts (chart value rollouts.enabled, or the component rollouts)"))
	default:
		c.set(p, condition(v1alpha1.ConditionWorkloadsRestarted, metav1.ConditionFalse, v1alpha1.ReasonRolloutForbidden,
			fmt.Sprintf("spec.rollout.restart is %s, and the operator may not restart workloads: have it installed with the permission "+
				"(chart value rollouts.enabled, or the component rollouts, which set --rollouts), or set it to Never", wish)))
	}
}

// revise gives the content a new revision where it has changed in a way that calls for a restart. What the same
// sources and the same spec give is the same content: a repair changes nothing. Nothing runs with a Secret that is
// new; but one that was there, and is not the one in status, may have held another content.
func (c *Controller) revise(p *pass, ignored []string) {
	before, status, taken := &p.before.Status, &p.sync.Status, p.applied.Former != nil
	former := before.Rollout
	edited, moved := false, false
	if before.Secret == nil || before.Secret.Name != status.Secret.Name {
		former, status.Rollout = nil, nil
	} else {
		edited = before.Secret.Generation != status.Secret.Generation
		moved = !slices.EqualFunc(presentOf(before), p.present(), sameVersion)
	}
	if !edited && !moved && !taken || !p.concernsWorkloads(ignored, edited || moved) {
		return
	}
	if former == nil {
		revision := revisionOf(presentOf(before))
		former = &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: revision}
	}
	next, handled := revisionOf(p.present())+editOf(former.Revision), former.HandledRevision
	if former.Revision != former.HandledRevision && (len(p.memory.restarted) > 0 || begun(former.Workloads)) {
		handled = "" // Some run with a content that others do not have: none can be gone back to.
	}
	switch {
	case taken:
		next, handled = revisionOf(p.present())+takenMark(p), "" // What workloads run with is not known.
	case edited:
		next = revisionOf(p.present()) + editMark + strconv.FormatInt(p.sync.Generation, 10)
	}
	changed := metav1.NewTime(c.Clock.Now().Truncate(time.Second).Add(time.Second)) // Pods of this second may have the former content.
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
// A process that ended between the write and the report leaves a Secret that has its keys already. It shows as one
// that was written by another since status was, where sources or spec have changed, or as one that was written for a
// SecretSync whose status has no Secret.
func (p *pass) concernsWorkloads(ignored []string, expected bool) bool {
	var were []string // Of a Secret that was taken over it is not known.
	if before := p.before.Status.Secret; before != nil && before.Name == p.sync.Status.Secret.Name {
		were = before.PreviousKeys
	}
	was := func(key string) bool { return slices.Contains(were, key) }
	is := func(key string) bool { return slices.Contains(p.previousKeys, key) }
	all := slices.Concat(
		slices.DeleteFunc(slices.Clone(p.changes.added), is),
		slices.DeleteFunc(slices.Clone(p.changes.removed), was),
		slices.DeleteFunc(slices.Clone(p.changes.changed), func(key string) bool { return was(key) && is(key) }))
	if len(rollout.RelevantKeys(all, ignored)) > 0 {
		return true
	}
	return p.changes.unreported || expected && p.drifted && p.changes.reread
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
func takenMark(p *pass) string {
	const digits = 8
	digest := sha256.Sum256([]byte(string(p.sync.UID) + " " + p.applied.UID))
	return editMark + strconv.FormatInt(p.sync.Generation, 10) + "." + hex.EncodeToString(digest[:])[:digits]
}

// present are the versions that the present values are made of.
func (p *pass) present() []v1alpha1.SourceStatus {
	if p.applied == nil || p.untidy {
		return presentOf(&p.sync.Status)
	}
	return p.sync.Status.Sources[:len(p.sync.Status.Sources)-len(p.former)]
}

// presentOf are the versions that the present values are made of. Status has those of former values, which
// keepPrevious keeps, behind them.
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
	for last := len(present) - 1; last >= 0 && present[last].VersionStage == stagePrevious && left[present[last].SecretID] > 0; last-- {
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
	for _, one := range sources {
		_, _ = fmt.Fprintf(digest, "%q %q\n", one.ARN, one.VersionID) // A hash never fails to be written to.
	}
	const digits = 32
	return hex.EncodeToString(digest.Sum(nil))[:digits]
}

// rolloutCondition is WorkloadsRestarted while restarts are wanted.
func rolloutCondition(p *pass) metav1.Condition {
	const kind = v1alpha1.ConditionWorkloadsRestarted
	status, was := &p.sync.Status, meta.FindStatusCondition(p.before.Status.Conditions, kind)
	if former := p.before.Status.Secret; former != nil && former.Name != status.Secret.Name {
		was = nil // It speaks of another Secret.
	}
	pending := status.Rollout.Revision != status.Rollout.HandledRevision
	before := p.before.Status.Rollout
	news := before == nil || before.Revision != status.Rollout.Revision
	switch {
	case pending && (news || p.rollout == nil && was == nil):
		return condition(kind, metav1.ConditionFalse, v1alpha1.ReasonRollingOut, "Secret "+status.Secret.Name+" has changed: the workloads that use it are restarted next")
	case p.rollout != nil && !news:
		return judged(kind, p.rollout)
	case pending || was != nil && was.Reason == v1alpha1.ReasonRolledOut:
		return *was
	}
	return condition(kind, metav1.ConditionTrue, v1alpha1.ReasonRolledOut, "Secret "+status.Secret.Name+" has not changed in a way that calls for a restart")
}

func judged(kind string, progress *rollout.Progress) metav1.Condition {
	reason, is := v1alpha1.ReasonRollingOut, metav1.ConditionFalse
	switch progress.State {
	case rollout.Done:
		reason, is = v1alpha1.ReasonRolledOut, metav1.ConditionTrue
	case rollout.Paused:
		reason = v1alpha1.ReasonRolloutPaused
	case rollout.Failed:
		reason = v1alpha1.ReasonRolloutFailed
	case rollout.Forbidden:
		reason = v1alpha1.ReasonRolloutForbidden
	}
	return condition(kind, is, reason, progress.Message)
}
