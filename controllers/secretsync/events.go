package secretsync

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/target"
)

// Reasons of events. Each is sent on a transition, never because a pass found things as they were.
const (
	eventCreated     = "SecretCreated"
	eventUpdated     = "SecretUpdated"
	eventRepaired    = "SecretRepaired"
	eventFailed      = "SyncFailed"
	eventRecovered   = "SyncRecovered"
	eventWouldChange = "SecretWouldChange"
	// eventRotationRecovered ends what was told by an event called as the reason of RotationHealthy.
	eventRotationRecovered = "RotationRecovered"
)

// announce sends the events of a pass and counts it, after status was written.
func (c *Controller) announce(ctx context.Context, p *pass, f *failure) {
	if p.applied != nil {
		c.announceWrite(ctx, p)
	}
	was, is := troubleOf(p.before), troubleOf(p.sync)
	switch {
	case f != nil && is != was:
		c.send(p, corev1.EventTypeWarning, eventFailed, "Sync", f.reason+": "+f.message)
		ctrl.LoggerFrom(ctx).Info("sync failed", "reason", f.reason, "message", cut(f.message, messageMost))
	case f == nil && was != "" && p.observed:
		ready := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionReady)
		c.send(p, corev1.EventTypeNormal, eventRecovered, "Sync", "Recovered from "+was+": "+ready.Message)
		ctrl.LoggerFrom(ctx).Info("sync recovered", "from", was)
	}
	if note := previewNews(p); note != "" && f == nil {
		c.send(p, corev1.EventTypeNormal, eventWouldChange, "Observe", note)
	}
	c.announceRotation(p)
	c.Metrics.count(p, f)
}

// announceRotation tells of a rotation that is no longer healthy, by the name of the reason, and of one that is
// again.
func (c *Controller) announceRotation(p *pass) {
	was, wasUnhealthy := rotationReason(p.before)
	is, unhealthy := rotationReason(p.sync)
	p.memory.rotation.set(is)
	switch {
	case unhealthy && is != was:
		health := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy)
		c.send(p, corev1.EventTypeWarning, is, "Observe", health.Message)
	case wasUnhealthy && !unhealthy && is != "":
		health := meta.FindStatusCondition(p.sync.Status.Conditions, v1alpha1.ConditionRotationHealthy)
		c.send(p, corev1.EventTypeNormal, eventRotationRecovered, "Observe", "Recovered from "+was+": "+health.Message)
	}
}

func (c *Controller) announceWrite(ctx context.Context, p *pass) {
	reason, note := writeNews(p)
	if reason == "" {
		return
	}
	c.send(p, corev1.EventTypeNormal, reason, "Apply", note)
	ctrl.LoggerFrom(ctx).Info("applied Secret", "event", reason, "secret", p.sync.TargetName(),
		"version", p.version().ID, "trigger", p.trigger)
	for n, one := range p.inputs {
		if old := p.synced(n, one); old != nil && old.VersionID != one.fetched.Version.ID {
			c.Metrics.propagated(one.fetched.Version.Created, madeAt(old), p.wrote)
		}
	}
}

// writeNews says what a write changed, by names of keys and versions; nothing where it changed nothing.
func writeNews(p *pass) (reason, note string) {
	name, version := p.sync.TargetName(), p.version().ID
	former := p.before.Status.Secret
	known := former != nil && former.Name == name && len(p.before.Status.Sources) > 0
	moves := p.moves()
	switch {
	case p.applied.Outcome == target.Unchanged:
		return "", ""
	case p.applied.Outcome == target.Created && !known:
		return eventCreated, "Created Secret " + name + " with version " + version + ": keys " + listed(p.keys)
	case p.applied.Outcome == target.Created:
		return eventRepaired, "Secret " + name + " was deleted; made it anew with version " + version
	case !known: // What is written for the first time was not compared: the Secret was somebody else's.
		return eventUpdated, "Wrote version " + version + " into Secret " + name + ", which was there before: keys " + listed(p.keys)
	case moves != "":
		return eventUpdated, "Updated Secret " + name + moves + ": " + p.changes.String()
	case p.trigger == triggerDrift:
		return eventRepaired, "Secret " + name + " was edited" + by(p.applied.OverriddenManagers) + "; restored version " + version
	case former.Generation == p.sync.Generation: // Find, optional entries, or the end of keepPrevious.
		return eventUpdated, "Updated Secret " + name + ", at version " + version + ": " + p.changes.String()
	}
	return eventUpdated, "Updated Secret " + name + " to the edited spec, version " + version + ": " + p.changes.String()
}

// movesShown bounds how many secrets an event names.
const movesShown = 3

// moves says from which versions to which others the Secret goes; empty where it goes to none.
func (p *pass) moves() string {
	var moves []string
	all := p.all()
	for n, one := range all {
		old, is := p.synced(n, one), one.fetched.Version.ID
		if old == nil || old.VersionID == is || old.VersionID == "" || is == "" {
			continue
		}
		move := " from version " + old.VersionID + " to " + is
		if len(all) > 1 {
			move += " of " + one.ref.SecretID
			if one.ref.VersionStage != v1alpha1.DefaultVersionStage {
				move += " (" + one.ref.VersionStage + ")"
			}
		}
		moves = append(moves, move)
	}
	if more := len(moves) - movesShown; more > 0 {
		return strings.Join(moves[:movesShown], ",") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(moves, ",")
}

func by(intruders []string) string {
	if len(intruders) == 0 {
		return ""
	}
	return " by field manager " + listed(intruders)
}

// troubleOf is the reason of the failure that a status tells of, or empty.
func troubleOf(secretSync *v1alpha1.SecretSync) string {
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		trouble := meta.FindStatusCondition(secretSync.Status.Conditions, kind)
		if trouble != nil && trouble.Status == metav1.ConditionTrue {
			return trouble.Reason
		}
	}
	return ""
}

func (c *Controller) send(p *pass, kind, reason, action, note string) {
	c.Events.Eventf(p.sync, nil, kind, reason, action, "%s", cut(note, noteMost))
}
