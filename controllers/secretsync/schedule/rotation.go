package schedule

import (
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// rotationLag is how soon after a planned rotation its new version is polled for; rotationPoll how often from then on,
// until it has come or rotationWindow is over: AWS rotates at some moment within a window.
const rotationLag, rotationPoll, rotationWindow = 5 * time.Second, 30 * time.Second, time.Hour

// aroundRotation brings a poll forward to where a rotation is planned, or due.
func aroundRotation(next, now time.Time, rotation *source.Rotation) time.Time {
	if rotation == nil || !rotation.Enabled || rotation.Next.IsZero() {
		return next
	}
	due := rotation.Next.Add(rotationLag)
	if due.After(now) {
		return Earlier(next, due)
	}
	if now.Sub(due) < rotationWindow && rotation.LastRotated.Before(rotation.Next) {
		return Earlier(next, now.Add(rotationPoll))
	}
	return next
}
