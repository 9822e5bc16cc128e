package secretsync

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// publish writes the status, where the reconcile has anything to say, and sends the events that go with it. It gives the
// SecretSync with its new status.
func (c *Controller) publish(ctx context.Context, r *report) (*v1alpha1.SecretSync, error) {
	outcome, now := &r.outcome, c.options.Clock.Now()
	if !outcome.Reportable() {
		return r.secretSync, nil
	}
	if outcome.Answered() {
		outcome.Rotations = r.state.rotations.facts(outcome.Set, now)
	}
	outcome.Secret = r.state.seen.Secret()
	described := *r.secretSync // A copy of all of it would make a poll that finds nothing new dearer; nothing but status is changed.
	after := &described
	after.Status = status.Describe(outcome, now)
	if err := c.writeStatus(ctx, r, after); err != nil {
		return after, err
	}
	r.state.conditions.wrote(&after.Status)
	if outcome.Write != nil && !outcome.Write.Leftover {
		r.state.content.Reported()
	}
	for _, event := range status.Events(outcome, &after.Status) {
		if event.Reason != "" {
			c.send(r.secretSync, event)
		}
		if event.Reason == status.EventRolledOut {
			c.options.Metrics.rolledOut(after.Status.Sources, now)
		}
		logEvent(ctx, event)
	}
	r.state.restarted.reported()
	if outcome.ConcernsSync() {
		c.options.Metrics.synced(outcome)
	}
	return after, nil
}

// logEvent writes the log line of an event.
func logEvent(ctx context.Context, event status.Event) {
	switch log := ctrl.LoggerFrom(ctx); {
	case event.Log == "":
	case event.Failed:
		log.Error(nil, event.Log, event.LogPairs...)
	default:
		log.Info(event.Log, event.LogPairs...)
	}
}

// send sends an event of a SecretSync.
func (c *Controller) send(secretSync *v1alpha1.SecretSync, event status.Event) {
	c.options.Events.Eventf(secretSync, nil, event.Type, event.Reason, event.Action, "%s", event.Note)
}
