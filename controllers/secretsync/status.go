package secretsync

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// freshLeast is how long, at least, a value stays fresh after AWS stopped answering; longer poll
// intervals stretch it to freshPolls of them.
const freshLeast, freshPolls = 15 * time.Minute, 3

// describe brings status up to what the pass has found out and done.
func (c *Controller) describe(p *pass, f *failure) {
	status := &p.sync.Status
	status.ObservedGeneration = p.sync.Generation
	if p.applied != nil {
		c.describeWrite(p)
	} else if p.observed && f == nil {
		p.describeSource(p.observation.Version)
	}
	if p.observed {
		c.describeRotation(p, p.rotationFacts())
	}
	if synced := p.synced(); p.observed && p.observation.Version.Rotation == nil && synced != nil && synced.ARN != p.observation.Version.ARN {
		// What was said of another secret's rotation holds no more.
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionRotationHealthy)
	}
	// What is tried again by itself is not handled yet: a script would go on with the former version.
	handled := p.observed && f == nil || f != nil && f.heals == byEdit
	if handled && refreshRequested(p.sync) {
		status.LastHandledRefresh = p.sync.Annotations[v1alpha1.AnnotationRefreshRequestedAt]
	}
	c.conclude(p, f)
}

// rotationFacts are those of the version that was observed.
func (p *pass) rotationFacts() rotationFacts {
	facts := rotationFacts{secretID: p.ref.SecretID, version: p.observation.Version}
	switch synced := p.synced(); {
	case p.fetched.Version.ID == facts.version.ID:
		facts.created = p.fetched.Version.Created
	case synced != nil && synced.VersionID == facts.version.ID && synced.VersionCreatedTime != nil:
		facts.created = synced.VersionCreatedTime.Time
	}
	return facts
}

// describeWrite notes the Secret as it is after a write.
func (c *Controller) describeWrite(p *pass) {
	status, now := &p.sync.Status, metav1.NewTime(c.Clock.Now())
	if p.applied.Outcome != target.Unchanged {
		status.LastSyncTime = &now
	}
	if p.untidy {
		return // The Secret of the former name is not forgotten before it is tidied away.
	}
	if old := p.synced(); old != nil && old.ARN == p.fetched.Version.ARN && old.VersionID != p.fetched.Version.ID {
		status.LastRotationTime = &now
	}
	p.describeSource(p.fetched.Version)
	status.Secret = &v1alpha1.SecretStatus{
		Name:            p.sync.TargetName(),
		UID:             p.applied.UID,
		ResourceVersion: p.applied.ResourceVersion,
		Generation:      p.sync.Generation,
		Keys:            p.keys,
		CreationPolicy:  v1alpha1.CreationPolicyOwner,
	}
	if p.sync.Spec.Target.Merges() {
		status.Secret.CreationPolicy = v1alpha1.CreationPolicyMerge
	}
}

// describeSource notes the version in the Secret.
func (p *pass) describeSource(version source.Version) {
	described := v1alpha1.SourceStatus{
		SecretID:      p.ref.SecretID,
		ARN:           version.ARN,
		Region:        version.Region,
		VersionStage:  p.ref.VersionStage,
		VersionID:     version.ID,
		VersionStages: slices.Sorted(slices.Values(version.Stages)),
		Hint:          p.observation.Hint,
	}
	if rotation := p.observation.Version.Rotation; rotation != nil {
		described.LastRotatedTime = timeOrNil(rotation.LastRotated)
		described.NextRotationTime = timeOrNil(rotation.Next)
	}
	described.VersionCreatedTime = timeOrNil(version.Created)
	if synced := p.synced(); version.Created.IsZero() && synced != nil && synced.ARN == version.ARN && synced.VersionID == version.ID {
		described.VersionCreatedTime = synced.VersionCreatedTime
	}
	p.sync.Status.Sources = []v1alpha1.SourceStatus{described}
}

// timeOrNil cuts to whole seconds, as the API server will: otherwise each pass would find a change.
func timeOrNil(moment time.Time) *metav1.Time {
	if moment.IsZero() {
		return nil
	}
	whole := metav1.NewTime(moment.Truncate(time.Second))
	return &whole
}

// conclude sets Ready, Reconciling and Stalled.
func (c *Controller) conclude(p *pass, f *failure) {
	switch {
	case f != nil && f.heals == byEdit:
		c.set(p, condition(v1alpha1.ConditionReady, metav1.ConditionFalse, f.reason, f.message+kept(p)))
		c.set(p, condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, f.reason, f.message))
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionReconciling)
	case f != nil:
		c.set(p, c.readyDuring(p, f))
		c.set(p, condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, f.reason, f.message))
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionStalled)
	default:
		c.set(p, settled(p.sync))
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionReconciling)
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionStalled)
	}
}

// readyDuring is Ready while the controller retries: true as long as the Secret holds what the spec
// asks for and AWS has not been silent for too long. What was not ready before does not become so by
// trouble: AWS may have said last that the secret is gone.
func (c *Controller) readyDuring(p *pass, f *failure) metav1.Condition {
	silence := c.Clock.Now().Sub(p.memory.failingSince)
	fresh := silence < max(freshLeast, freshPolls*c.interval(p.sync))
	refused := meta.IsStatusConditionFalse(p.before.Status.Conditions, v1alpha1.ConditionReady)
	if f.heals == byTime && fresh && !refused && writtenBySpec(p.sync) && p.trigger != triggerDrift {
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced,
			holds(p.sync)+"; retrying: "+f.message)
	}
	return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, f.reason, f.message+kept(p))
}

// settled is Ready when nothing is in the way.
func settled(sync *v1alpha1.SecretSync) metav1.Condition {
	if !sync.Spec.Suspend {
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, holds(sync))
	}
	if sync.Status.Secret == nil {
		return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended,
			"Suspended before the first sync: set spec.suspend to false")
	}
	ready := metav1.ConditionTrue
	if old := meta.FindStatusCondition(sync.Status.Conditions, v1alpha1.ConditionReady); old != nil {
		ready = old.Status
	}
	return condition(v1alpha1.ConditionReady, ready, v1alpha1.ReasonSuspended, "Suspended; "+holds(sync))
}

// holds says what the Secret has in it.
func holds(sync *v1alpha1.SecretSync) string {
	written, from := sync.Status.Secret, sync.Status.Sources[0]
	if from.VersionStage == "" {
		return fmt.Sprintf("Secret %s holds version %s of %s", written.Name, from.VersionID, from.SecretID)
	}
	return fmt.Sprintf("Secret %s holds version %s of %s (%s)", written.Name, from.VersionID, from.SecretID, from.VersionStage)
}

// kept says what stays in the Secret while a pass fails; of one that others have touched nobody knows.
func kept(p *pass) string {
	status := &p.sync.Status
	switch {
	case status.Secret == nil || len(status.Sources) == 0:
		return ""
	case p.trigger == triggerDrift:
		return fmt.Sprintf(". Secret %s was edited or deleted, and is not restored yet", status.Secret.Name)
	}
	return fmt.Sprintf(". Secret %s keeps version %s", status.Secret.Name, status.Sources[0].VersionID)
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

// set puts a condition into status, stamped with the generation that it speaks of.
func (c *Controller) set(p *pass, set metav1.Condition) {
	set.ObservedGeneration = p.sync.Generation
	if old := meta.FindStatusCondition(p.sync.Status.Conditions, set.Type); old == nil || old.Status != set.Status {
		set.LastTransitionTime = metav1.NewTime(c.Clock.Now().Truncate(time.Second))
	}
	meta.SetStatusCondition(&p.sync.Status.Conditions, set)
}
