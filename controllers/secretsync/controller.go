package secretsync

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync/ownwrites"
	"github.com/secretsync/secretsync/controllers/secretsync/queue"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// Options are the parts and settings of a Controller; all are required unless a default is named.
type Options struct {
	// Client reads SecretSyncs and metadata of labelled Secrets from the cache, and writes.
	Client client.Client
	// Live reads from the API server itself, for what the cache can't know.
	Live client.Reader
	// Watcher watches single Secrets that the cache can't know. Default: none is watched; they are checked with the next
	// try.
	Watcher Watcher
	// Source reads from Secrets Manager.
	Source source.Source
	// Rollouts restarts workloads. Default: none are restarted.
	Rollouts *rollout.Restarter
	// Events takes the events; they go to the API events.k8s.io.
	Events events.EventRecorder
	// MergeWithoutConsent lets keys be merged into Secrets that do not allow it by their annotation. Default: they have
	// to.
	MergeWithoutConsent bool
	// Metrics counts what reconciles did.
	Metrics *Metrics
	// MetricsNamespaces is how many namespaces have series of their own. Default: the metrics are of all together.
	MetricsNamespaces int
	// PollInterval applies to SecretSyncs without one of their own.
	PollInterval time.Duration
	// ChangesAlive says whether change events are known to arrive; polls are less frequent then. It is called from many
	// goroutines. Default: none are configured.
	ChangesAlive func() bool
	// Operator names this operator in status, the same for all its replicas. Default: other operators are not noticed.
	Operator string
	// Workers is how many SecretSyncs are reconciled at once.
	Workers int
	// Tracer makes a span for each reconcile. Default: none are made.
	Tracer trace.Tracer
	// Clock tells the time. Default: the real one.
	Clock clock.PassiveClock
}

// Controller reconciles SecretSyncs.
type Controller struct {
	options  Options
	secrets  *target.Writer
	resolver *resolve.Resolver
	polls    *schedule.Polls
	digester ownwrites.Digester
	// patterns keeps the compiled patterns of all specs.
	patterns *pattern.Cache

	states        *states
	changes       *pendingChanges
	wakes         *wakeups
	deferred      *deferredReports
	secretWatches secretWatches

	inserter *queue.Inserter
	shares   *queue.Shares
	heavy    *queue.Heavy
	running  queue.Running
	// lastReconcile is when a reconcile ended last; one that only waits for the watch is none.
	lastReconcile moment
	// lastRestore is when the log said last that objects went back in time.
	lastRestore moment
}

// New makes a Controller.
func New(options Options) *Controller {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	return &Controller{
		options:  options,
		secrets:  &target.Writer{Client: options.Client, Live: options.Live, MergeWithoutConsent: options.MergeWithoutConsent},
		resolver: &resolve.Resolver{Source: options.Source, Clock: options.Clock},
		polls:    schedule.NewPolls(options.PollInterval, options.ChangesAlive),
		digester: ownwrites.NewDigester(),
		patterns: pattern.NewCache(),
		states:   newStates(options.Clock.Now),
		changes:  newPendingChanges(),
		wakes:    newWakeups(),
		deferred: newDeferredReports(),
		inserter: queue.NewInserter(),
		shares:   queue.NewShares(options.Workers),
		heavy:    queue.NewHeavy(),
	}
}

// +kubebuilder:rbac:groups=secretsync.dev,resources=secretsyncs,verbs=list;watch;patch
// +kubebuilder:rbac:groups=secretsync.dev,resources=secretsyncs/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes the Secret of one SecretSync what its spec asks for, and reports it.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	name := request.NamespacedName
	if !c.running.Begin(name, c.options.Clock.Now()) {
		return reconcile.Result{}, nil // The process stops.
	}
	defer c.running.End(name)
	secretSync, abridged, wait, err := c.read(ctx, name)
	if secretSync == nil || err != nil {
		return wait, err
	}
	defer func() { c.lastReconcile.set(c.options.Clock.Now()) }()
	state := c.states.of(name, secretSync.UID)
	if secretSync.Deleting() {
		return c.finalize(ctx, secretSync, state)
	}
	if deferred := c.deferred.take(name, secretSync.UID); deferred != nil {
		return c.reportDeferred(ctx, secretSync, deferred)
	}
	a, err := c.start(ctx, secretSync, state, abridged)
	r := &report{attempt: a, syncResult: c.sync(ctx, a, err)}
	defer r.trace(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return c.finishLate(ctx, r)
	}
	return c.finish(ctx, r)
}

// finish does what follows a sync, however it ended.
func (c *Controller) finish(ctx context.Context, r *report) (reconcile.Result, error) {
	touched, err := c.disown(ctx, r.attempt, r.outcome.Write)
	if r.touched = r.touched || touched; r.err == nil {
		r.err = err
	}
	r.outcome.Rollout, r.nextStep = c.restart(ctx, r.attempt, r.outcome.Write)
	switch {
	case c.deferReport(r):
		return again(c.deferred.wait(r, c.options.Clock.Now()), schedule.PriorityReport), nil
	case r.outcome.Write != nil:
		return c.reportWritten(ctx, r)
	}
	return c.report(ctx, r)
}
