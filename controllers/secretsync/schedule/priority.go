package schedule

import "sigs.k8s.io/controller-runtime/pkg/handler"

// Priorities in the queue; what concerns a person comes with priority zero. A start brings all SecretSyncs at once with
// handler.LowPriority, -100, so that first syncs stand between the two.
const (
	// PriorityEvent is that of what a change event concerns.
	PriorityEvent = -50
	// PriorityFirst is that of the first syncs that are put off, and of what else a person waits for.
	PriorityFirst = handler.LowPriority
	// PriorityReport puts status and events off until the Secrets that wait are written.
	PriorityReport = -150
	// PriorityPoll lets routine wait for everything else.
	PriorityPoll = -200
)

// Priority is that of the next try of a reconcile that was put off.
func (t Trigger) Priority() int {
	if t == Poll {
		return PriorityPoll
	}
	return PriorityFirst
}
