package secretsync

import (
	"time"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/failure"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/secretsync/status"
)

// held ends a reconcile that would repair the Secret which another operator has just written: that would be a loop of two
// operators that undo each other as fast as they can. It is repaired by the next poll.
type held struct{ wait time.Duration }

func (h held) Error() string {
	return "another operator has written the Secret: it is repaired by the next poll"
}

// hold says whether there is a conflict with another operator. The error is held if the Secret must not be repaired yet.
func (c *Controller) hold(a *attempt) (conflict bool, err error) {
	now := c.options.Clock.Now()
	if a.secretSync.RefreshRequested() {
		a.state.rival.Reset()
	}
	if c.foreign(a.secretSync) {
		a.state.fight.Reset() // The Secret was repaired because of another operator, not because of a field manager.
	}
	if a.state.rival.Known(now) == "" {
		return false, nil
	}
	if wait := a.state.rival.Hold(now); a.trigger == schedule.Drift && wait > 0 {
		return true, held{wait}
	}
	return true, nil
}

// foreign says whether another operator has written the status.
func (c *Controller) foreign(secretSync *v1alpha1.SecretSync) bool {
	return secretSync.Status.Operator != "" && secretSync.Status.Operator != c.options.Operator
}

// meetRival looks for another operator that works on the SecretSync too, with other endpoints or permissions. It is known
// by status: this process has written it, finds that of the other operator instead, and is about to write the same again,
// and that more than once. Replicas, and the pods of an update, are one operator. An operator that was uninstalled writes
// no more. The conflict is the failure then. A poll that finds its own status does nothing of this.
func (c *Controller) meetRival(r *report) {
	now, outcome := c.options.Clock.Now(), &r.outcome
	other := r.secretSync.Status.Operator
	known := r.state.rival.Known(now)
	foreign := c.foreign(r.secretSync)
	if !foreign && known == "" || !outcome.ConcernsSync() || r.secretSync.Spec.Suspend || r.secretSync.Observes() {
		return
	}
	described := &v1alpha1.SecretSync{Status: status.Describe(outcome, now)}
	said := status.Said(described)
	interval := c.polls.Interval(r.secretSync)
	if interval == 0 {
		interval = c.options.PollInterval // It follows change events alone.
	}
	if foreign {
		r.state.rival.Met(other, status.Said(r.secretSync), said, interval, now)
	}
	name := r.state.rival.Known(now)
	if name == "" {
		return
	}
	r.contested, r.said = true, said
	outcome.Failure = failure.OperatorConflict(c.options.Operator, name, outcome.Failure, interval)
	outcome.Known = r.state.rival.Reported()
}

// wroteStatus remembers what this process has said in status.
func (r *report) wroteStatus(written *v1alpha1.SecretSync) {
	if r.contested {
		r.state.rival.WroteConflict(r.said)
	} else {
		r.state.rival.Wrote(status.Said(written))
	}
}
