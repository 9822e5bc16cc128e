package secretsync

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/target"
)

// Options are the parts and settings of a Controller; all are required unless a default is named.
type Options struct {
	// Client reads SecretSyncs and metadata of labelled Secrets from the cache, and writes.
	Client client.Client
	// Live reads from the API server itself, for what the cache can't know.
	Live client.Reader
	// Watcher watches single Secrets that the cache can't know. Default: none is; they are looked at with the next try.
	Watcher Watcher
	// Source reads from Secrets Manager.
	Source source.Source
	// Rollouts restarts workloads. Default: nobody restarts any.
	Rollouts *rollout.Restarter
	// Events takes the events; they go to the API events.k8s.io.
	Events events.EventRecorder
	// MergeWithoutConsent lets keys be merged into Secrets that do not allow it by their annotation. Default: they
	// have to.
	MergeWithoutConsent bool
	// Metrics counts what passes did.
	Metrics *Metrics
	// PollInterval applies to SecretSyncs without one of their own.
	PollInterval time.Duration
	// ChangesAlive says whether change events are known to come; polls are more seldom then. It is called from
	// many goroutines. Default: they are not.
	ChangesAlive func() bool
	// Workers is how many SecretSyncs are worked on at once.
	Workers int
	// Clock tells the time. Default: the real one.
	Clock clock.PassiveClock
}

// Controller reconciles SecretSyncs.
type Controller struct {
	Options
	secrets  *target.Writer
	memories *memories
	turns    *turns
	awaits   awaits
	heavy    *heavy
	// patterns keeps the compiled patterns of all specs.
	patterns *pattern.Cache
	shares   *shares
	passes   passes
	// seed makes the prints of keys, and the places of secrets within a poll interval.
	seed maphash.Seed
	// phase is when within a pollSlot this process polls.
	phase time.Duration
	// lastPass is when a pass ended last; a turn that only waits for the watch is none.
	lastPass moment
	// lastRestore is when the log said last that objects went back in time.
	lastRestore moment
	// prompt bounds the reports of polls that follow at once; lastOfBurst is when the last Secret was
	// written whose report does not.
	prompt      *rate.Limiter
	lastOfBurst moment
}

// New makes a Controller.
func New(options Options) *Controller {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	return &Controller{
		Options:  options,
		secrets:  &target.Writer{Client: options.Client, Live: options.Live, MergeWithoutConsent: options.MergeWithoutConsent},
		memories: newMemories(options.Clock.Now),
		turns:    &turns{runs: make(chan struct{})},
		heavy:    newHeavy(),
		patterns: pattern.NewCache(),
		shares:   newShares(options.Workers),
		seed:     maphash.MakeSeed(),
		phase:    somewhereWithin(pollSlot),
		prompt:   rate.NewLimiter(promptPerSecond, promptReports),
	}
}

// +kubebuilder:rbac:groups=secretsync.dev,resources=secretsyncs,verbs=list;watch;patch
// +kubebuilder:rbac:groups=secretsync.dev,resources=secretsyncs/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile does one pass over one SecretSync.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if !c.passes.begin(request.NamespacedName, c.Clock.Now()) {
		return reconcile.Result{}, nil // The process stops.
	}
	defer c.passes.end(request.NamespacedName)
	secretSync := &v1alpha1.SecretSync{}
	err := c.Client.Get(ctx, request.NamespacedName, secretSync)
	if err != nil {
		if apierrors.IsNotFound(err) {
			c.forget(request.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("reading SecretSync: %w", err)
	}
	secretSync, turn := c.upToDate(ctx, secretSync)
	abridged := secretSync != nil && secretSync.Abridged != nil
	if abridged {
		secretSync, turn, err = c.whole(ctx, secretSync)
	}
	if secretSync == nil || err != nil {
		return turn, err
	}
	defer func() { c.lastPass.set(c.Clock.Now()) }()
	memory := c.memories.of(request.NamespacedName, secretSync.UID)
	memory.large = abridged
	if !secretSync.DeletionTimestamp.IsZero() {
		return c.release(ctx, secretSync, memory)
	}
	if written := c.memories.takeUnreported(memory); written != nil {
		return c.reportLate(ctx, secretSync, written)
	}
	p := c.begin(secretSync, memory)
	for _, phase := range []phase{readable, c.decide, c.hold, c.observe, c.fetch, c.render, c.preview, c.apply, c.tidy} {
		if p.err = phase(ctx, p); p.err != nil || p.done {
			break
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return c.finishLate(ctx, p)
	}
	return c.finish(ctx, p)
}

// finish does what follows the phases, however they ended.
func (c *Controller) finish(ctx context.Context, p *pass) (reconcile.Result, error) {
	c.unmark(p)
	if err := c.keep(ctx, p); p.err == nil {
		p.err = err
	}
	c.restart(ctx, p)
	switch {
	case c.putReportOff(p):
		return again(c.reportAfter(p), priorityReport), nil
	case p.applied != nil:
		return c.reportWritten(ctx, p)
	}
	return c.report(ctx, p)
}

// Register adds the controller and its watches to a manager.
func (c *Controller) Register(ctx context.Context, manager ctrl.Manager) error {
	err := manager.GetFieldIndexer().IndexField(ctx, &v1alpha1.SecretSync{}, targetIndex, func(object client.Object) []string {
		return []string{object.(*v1alpha1.SecretSync).TargetName()}
	})
	if err != nil {
		return fmt.Errorf("indexing SecretSyncs by target: %w", err)
	}
	if err := errors.Join(manager.Add(c), c.Metrics.watch(c)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(manager).
		Named("secretsync").
		// Status is ours alone: its changes need no pass.
		For(&v1alpha1.SecretSync{}, builder.WithPredicates(predicate.Or(c.restores(),
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, deletionStarted()))).
		WatchesRawSource(c.turns).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(c.writersOf), builder.WithPredicates(c.echoes())).
		Watches(&v1alpha1.SecretSync{}, handler.EnqueueRequestsFromMapFunc(c.rivalsOf), letsGo()).
		WithOptions(c.options(manager.GetLogger())).
		WithLogConstructor(logConstructor(manager.GetLogger().WithName("secretsync"))).
		Complete(c)
}

// options are those of controller-runtime.
func (c *Controller) options(log logr.Logger) controller.Options {
	return controller.Options{MaxConcurrentReconciles: c.Workers, NewQueue: c.newQueue(log), ReconciliationTimeout: passWithin}
}

// logConstructor gives each pass a logger that names the SecretSync. The builder's own says it twice and
// by reflection, which took a sixth of the processor time of a poll that finds nothing new.
func logConstructor(base logr.Logger) func(*reconcile.Request) logr.Logger {
	return func(request *reconcile.Request) logr.Logger {
		if request == nil {
			return base
		}
		return base.WithValues("namespace", request.Namespace, "name", request.Name)
	}
}

// targetIndex finds SecretSyncs by the name of the Secret that they write.
const targetIndex = "target"

// writersOf lists the SecretSyncs that write a Secret, or would.
func (c *Controller) writersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	return c.wakeAll(ctx, client.ObjectKeyFromObject(secret), "", false)
}
