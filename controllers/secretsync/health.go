package secretsync

import (
	"fmt"
	"net/http"
	"time"
)

// stuckAfter is for how long a SecretSync must be overdue, and no pass have ended, for the queue to
// count as stuck. A pass takes a minute at most: two calls of AWS, and a write.
const stuckAfter = 5 * time.Minute

// CheckWatch is a readiness check: it fails when the watch has shown a SecretSync for long as it was before the
// operator's last write of it.
func (c *Controller) CheckWatch(*http.Request) error {
	now := c.Clock.Now()
	if behind := c.memories.mostStale(now); behind >= stuckAfter {
		return fmt.Errorf("the watch of the API server does not move: %d SecretSyncs are shown as they were before the operator's last write, one of them for %s: "+
			"restart the API server if etcd was restored from a backup, then the operator", c.memories.stale(now), behind.Round(time.Second))
	}
	return nil
}

// Check is a readiness check: it fails when SecretSyncs wait and the queue does not move.
func (c *Controller) Check(*http.Request) error {
	now := c.Clock.Now()
	overdue, idle := c.memories.mostOverdue(now), now.Sub(c.lastPass.get())
	if overdue < stuckAfter || idle < stuckAfter {
		return nil
	}
	return fmt.Errorf("the queue does not move: a SecretSync is overdue by %s, the last pass ended %s ago",
		overdue.Round(time.Second), idle.Round(time.Second))
}
