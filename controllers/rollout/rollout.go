package rollout

import (
	"context"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// DefaultMaxConcurrent is how many workloads restart at a time if spec.rollout.maxConcurrent is not set.
const DefaultMaxConcurrent = 3

// Options are the parts of a Restarter; all are required unless a default is named.
type Options struct {
	// Client writes.
	Client client.Client
	// Live lists workloads from the API server itself: they are needed rarely, and up to date.
	Live client.Reader
	// Clock tells the time. Default: the real one.
	Clock clock.PassiveClock
}

// Restarter restarts workloads. It is safe for concurrent use.
type Restarter struct {
	options Options
	pending *pending
}

// New makes a Restarter.
func New(options Options) *Restarter {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	return &Restarter{options: options, pending: newPending()}
}

// Change is a change of a Secret's content that workloads are to be restarted for.
type Change struct {
	// Namespace of the SecretSync, the Secret and the workloads.
	Namespace string
	// Name of the SecretSync. Restarts are recorded by it, as several SecretSyncs may write one Secret.
	Name string
	// Secret is the name of the Secret.
	Secret string
	// Revision of the content.
	Revision string
	// Handled is the revision that all workloads ran with before the change; empty if they ran with several.
	Handled string
	// Changed is when the Secret was written, rounded up to seconds.
	Changed time.Time
	// Policy says which workloads restart, and how fast. Its restart is Auto or Listed.
	Policy v1alpha1.Rollout
}

// State is how far the restarts for a change have come.
type State string

// The states of a change, and those of a workload in v1alpha1.WorkloadStatus, which has no Forbidden.
const (
	// Waiting means that the workload's turn has not come.
	Waiting State = "Waiting"
	// RollingOut means that workloads restart, or wait for their turn.
	RollingOut State = "RollingOut"
	// Done means that nothing is left to do.
	Done State = "Done"
	// Paused means that nothing is left to do, except for workloads that are paused.
	Paused State = "Paused"
	// Failed means that a workload did not come up again, or does not exist.
	Failed State = "Failed"
	// Forbidden means that the operator lacks a permission that a restart needs.
	Forbidden State = "Forbidden"
)

// Progress is how far the restarts for a change have come.
type Progress struct {
	State State
	// Workloads are those that the change concerns, 64 at most; none before the change is due.
	Workloads []v1alpha1.WorkloadStatus
	// Restarted are those that this step has restarted, as "Deployment web".
	Restarted []string
	// Message explains the state; it may be empty.
	Message string
	// RequeueAfter is how long to wait before the next step; zero if State is Done.
	RequeueAfter time.Duration
}

// Announce records that the content of a Secret has just changed, before it is known whether workloads have to be
// restarted, and for which revision. Workloads that use the Secret are not restarted for another Secret meanwhile.
func (r *Restarter) Announce(namespace, name, secret string, policy v1alpha1.Rollout) {
	change := Change{Namespace: namespace, Name: name, Secret: secret, Policy: policy}
	r.pending.put(change, r.options.Clock.Now())
}

// Forget drops the change that Announce and Step have recorded. It must be called when a change needs no more restarts,
// and when the SecretSync is deleted: no workload may be marked as restarted for it then.
func (r *Restarter) Forget(namespace, name string) { r.pending.drop(namespace, name) }

// Step restarts the workloads whose turn it is, and returns the progress of all. It does not block, and may be called
// again at any time. Nothing is read before the change is due. Errors are transient failures of the API server;
// Progress has the workloads that were restarted before the error.
func (r *Restarter) Step(ctx context.Context, change Change) (Progress, error) {
	now := r.options.Clock.Now()
	if due := r.pending.put(change, now); due.After(now) {
		return Progress{State: RollingOut, RequeueAfter: min(due.Sub(now), requeueMost),
			Message: "Restarts begin after " + due.UTC().Format(time.RFC3339)}, nil
	}
	workloads, err := r.list(ctx, change)
	if err != nil {
		return refused(err, &step{})
	}
	s := r.look(workloads, change, now)
	if err := r.restart(ctx, s); err != nil {
		return refused(err, s)
	}
	progress := s.progress()
	if progress.State == Done {
		r.pending.drop(change.Namespace, change.Name)
	}
	return progress, nil
}
