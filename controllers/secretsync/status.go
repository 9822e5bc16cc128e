package secretsync

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
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
		c.describeObserved(p)
	}
	status.Secret = p.memory.lastSeen(status.Secret)
	if p.observed {
		c.describeRotation(p, p.rotationFacts()...)
	}
	if p.observed && p.anotherSecret() {
		// What was said of another secret's rotation holds no more.
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionRotationHealthy)
	}
	// What is tried again by itself is not handled yet: a script would go on with the former version.
	handled := p.observed && f == nil || f != nil && f.heals == byEdit && !p.behind()
	if handled && refreshRequested(p.sync) {
		status.LastHandledRefresh = refreshOf(p.sync)
	}
	c.conclude(p, f)
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
	if len(p.rotated()) > 0 {
		status.LastRotationTime = &now
	}
	p.describeSources(func(one *input) source.Version { return one.fetched.Version })
	status.PreviousUntil = timeOrNil(p.until)
	status.Secret = &v1alpha1.SecretStatus{
		Name:            p.sync.TargetName(),
		UID:             p.applied.UID,
		ResourceVersion: p.applied.ResourceVersion,
		Generation:      p.sync.Generation,
		Keys:            p.keys,
		PreviousKeys:    p.previousKeys,
		CreationPolicy:  v1alpha1.CreationPolicyOwner,
		ExpirationTime:  timeOrNil(p.notes.Expires),
		Warnings:        p.notes.Warnings,
	}
	if p.sync.Spec.Target.Merges() {
		status.Secret.CreationPolicy = v1alpha1.CreationPolicyMerge
	}
}

// describeObserved notes what a pass that wrote nothing has seen of the versions that are in the Secret.
func (c *Controller) describeObserved(p *pass) {
	if !observes(p.sync) {
		p.describeSources(observedVersion)
	}
}

func observedVersion(one *input) source.Version { return one.observation.Version }

// describeSources notes the versions in the Secret.
func (p *pass) describeSources(versionOf func(*input) source.Version) {
	all := p.all()
	described := make([]v1alpha1.SourceStatus, len(all))
	for n, one := range all {
		version, old := versionOf(one), p.synced(n, one)
		same := old != nil && old.VersionID == version.ID && old.ARN == version.ARN
		if same && one.behind {
			described[n] = *old
			described[n].FoundBy = one.foundBy
			continue
		}
		described[n] = describedSource(one, version)
		if old == nil || old.VersionID != version.ID {
			continue
		}
		if described[n].VersionCreatedTime == nil {
			described[n].VersionCreatedTime = old.VersionCreatedTime // DescribeSecret does not tell.
		}
		if same && old.Region == version.Region {
			described[n].LastChangedTime = old.LastChangedTime // What has changed is no version: status is not written for that.
		}
	}
	p.sync.Status.Sources = described
}

func describedSource(one *input, version source.Version) v1alpha1.SourceStatus {
	described := v1alpha1.SourceStatus{
		SecretID:           one.ref.SecretID,
		FoundBy:            one.foundBy,
		ARN:                version.ARN,
		Region:             version.Region,
		VersionStage:       one.ref.VersionStage,
		VersionID:          version.ID,
		VersionStages:      slices.Sorted(slices.Values(version.Stages)),
		VersionCreatedTime: timeOrNil(version.Created),
		Hint:               one.observation.Hint,
	}
	if rotation := one.observation.Version.Rotation; rotation != nil {
		described.LastRotatedTime = timeOrNil(rotation.LastRotated)
		described.NextRotationTime = timeOrNil(rotation.Next)
	}
	return described
}

// dateSources notes how new the answers are that status was made by, where it is written anyway: the next process goes
// by it.
func (p *pass) dateSources() {
	if len(p.sync.Status.Sources) == 0 || !p.observed || observes(p.sync) {
		return
	}
	for n, one := range p.all() {
		version := one.observation.Version
		if n >= len(p.sync.Status.Sources) || version.Changed.IsZero() {
			continue
		}
		if in := &p.sync.Status.Sources[n]; in.ARN == version.ARN && in.VersionID == version.ID && in.Region == version.Region {
			in.LastChangedTime = &metav1.MicroTime{Time: version.Changed.Truncate(time.Microsecond)}
		}
	}
}

// versionIn is the version in the Secret, as far as status tells.
func versionIn(synced *v1alpha1.SourceStatus) source.Version {
	version := source.Version{ARN: synced.ARN, ID: synced.VersionID, Stages: synced.VersionStages, Region: synced.Region, Created: madeAt(synced)}
	if synced.LastChangedTime != nil {
		version.Changed = synced.LastChangedTime.Time
	}
	return version
}

// madeAt is when AWS got the version in the Secret; zero where that is not known.
func madeAt(synced *v1alpha1.SourceStatus) time.Time {
	if synced.VersionCreatedTime == nil {
		return time.Time{}
	}
	return synced.VersionCreatedTime.Time
}

// rotated are the inputs of which the Secret holds, or held, another version of the same secret.
func (p *pass) rotated() []*input {
	var rotated []*input
	for n, one := range p.inputs {
		old, now := p.synced(n, one), one.fetched.Version
		if old != nil && old.VersionID != "" && old.ARN == now.ARN && old.VersionID != now.ID {
			rotated = append(rotated, one)
		}
	}
	return rotated
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
	case observes(p.sync) && !p.sync.Spec.Suspend:
		c.describePreview(p)
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionReconciling)
		meta.RemoveStatusCondition(&p.sync.Status.Conditions, v1alpha1.ConditionStalled)
	default:
		c.set(p, settled(p.sync, c.Clock.Now()))
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
			holds(p.sync, c.Clock.Now())+"; retrying: "+f.message)
	}
	return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, f.reason, f.message+kept(p))
}

// settled is Ready when nothing is in the way.
func settled(secretSync *v1alpha1.SecretSync, now time.Time) metav1.Condition {
	if !secretSync.Spec.Suspend {
		return condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, holds(secretSync, now))
	}
	if secretSync.Status.Secret == nil {
		return condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended,
			"Suspended before the first sync: set spec.suspend to false")
	}
	ready := metav1.ConditionTrue
	if old := meta.FindStatusCondition(secretSync.Status.Conditions, v1alpha1.ConditionReady); old != nil {
		ready = old.Status
	}
	return condition(v1alpha1.ConditionReady, ready, v1alpha1.ReasonSuspended, "Suspended; "+holds(secretSync, now))
}

// holds says what the Secret has in it, and what is wrong with it all the same. That is kept in status since the write,
// and the time at which a certificate expires with it: nothing needs to be read to know.
func holds(secretSync *v1alpha1.SecretSync, now time.Time) string {
	written, from := secretSync.Status.Secret, mainSource(secretSync)
	held := fmt.Sprintf("Secret %s holds version %s of %s", written.Name, from.VersionID, from.SecretID)
	if from.VersionStage != "" {
		held += " (" + from.VersionStage + ")"
	}
	if more := len(secretSync.Status.Sources) - 1; more > 0 {
		held += fmt.Sprintf(" and what it takes of %d more", more)
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

// mainSource is the first version that the Secret was made of; an optional one may not be there.
func mainSource(secretSync *v1alpha1.SecretSync) v1alpha1.SourceStatus {
	for _, one := range secretSync.Status.Sources {
		if one.VersionID != "" {
			return one
		}
	}
	return secretSync.Status.Sources[0]
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
	return fmt.Sprintf(". Secret %s keeps version %s", status.Secret.Name, mainSource(p.sync).VersionID)
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
