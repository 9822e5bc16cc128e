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
		revision := revisionOf(status.Sources)
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
// sources and the same spec give is the same content: a repair changes nothing.
func (c *Controller) revise(p *pass, ignored []string) {
	before, status := &p.before.Status, &p.sync.Status
	if before.Secret == nil || before.Secret.Name != status.Secret.Name {
		status.Rollout = nil // Nothing runs with a Secret that is new.
		return
	}
	edited := before.Secret.Generation != status.Secret.Generation
	if !edited && slices.EqualFunc(before.Sources, status.Sources, sameVersion) || !p.concernsWorkloads(ignored) {
		return
	}
	former := before.Rollout
	if former == nil {
		revision := revisionOf(before.Sources)
		former = &v1alpha1.RolloutStatus{Revision: revision, HandledRevision: revision}
	}
	next := revisionOf(status.Sources) + editOf(former.Revision)
	if edited {
		next = revisionOf(status.Sources) + editMark + strconv.FormatInt(p.sync.Generation, 10)
	}
	changed := metav1.NewTime(c.Clock.Now().Truncate(time.Second).Add(time.Second)) // Pods of this second may have the former content.
	status.Rollout = &v1alpha1.RolloutStatus{Revision: next, ChangedTime: &changed, HandledRevision: former.HandledRevision}
	if former.Revision != former.HandledRevision && (len(p.memory.restarted) > 0 || begun(former.Workloads)) {
		status.Rollout.HandledRevision = "" // Some run with a content that others do not have: none can be gone back to.
	}
}

// begun says whether workloads may run with a content that the others do not have.
func begun(workloads []v1alpha1.WorkloadStatus) bool {
	return slices.ContainsFunc(workloads, func(w v1alpha1.WorkloadStatus) bool { return w.State != string(rollout.Waiting) })
}

// concernsWorkloads says whether the write has changed keys that call for a restart. Former values that are
// taken out do not: whoever needs them has had the time that keepPrevious gives.
//
// A process that ended between the write and the report leaves a Secret that has its keys already. It shows as
// one that somebody else has written since status was.
func (p *pass) concernsWorkloads(ignored []string) bool {
	removed := p.changes.removed
	if keep := p.sync.Spec.KeepPrevious; keep != nil {
		removed = rollout.Concerned(removed, []string{"*" + keep.Suffix})
		if keep.Suffix == "" {
			removed = rollout.Concerned(removed, []string{"*_previous"})
		}
	}
	all := slices.Concat(p.changes.changed, p.changes.added, removed)
	if len(rollout.Concerned(all, ignored)) > 0 {
		return true
	}
	return len(all) == 0 && p.drifted && p.changes.reread
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
