package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/accesspolicy"
	"github.com/secretsync/secretsync/controllers/failover"
	"github.com/secretsync/secretsync/controllers/rollout"
	"github.com/secretsync/secretsync/controllers/secretsync"
	"github.com/secretsync/secretsync/controllers/serviceaccount"
	"github.com/secretsync/secretsync/controllers/source/aws"
)

// run connects the packages and runs the operator until ctx ends.
func run(ctx context.Context, o *options) error {
	traced, err := newTraces(ctx, ctrl.Log, os.Getenv)
	if err != nil {
		return err
	}
	defer traced.end(ctrl.Log)
	manager, lock, err := newManager(o, traced)
	if err != nil {
		return err
	}
	secrets, err := newSource(ctx, manager, o, traced)
	if err != nil {
		return err
	}
	logStart(ctrl.Log, o, secrets.Region(), identityName(secrets.OwnRole(), os.Getenv))
	var controller *secretsync.Controller
	changes, err := newReceivers(ctx, manager, secrets, o, func(ctx context.Context, names []types.NamespacedName, failed secretsync.RotationFailure) error {
		return controller.Notify(ctx, names, failed)
	})
	if err != nil {
		return err
	}
	if controller, err = newController(manager, secrets, changes.alive(), o, traced); err != nil {
		return err
	}
	if err := errors.Join(controller.Register(ctx, manager), addProbes(ctx, manager, controller, o), addMetrics(ctx, manager, o),
		changes.add(manager), registerProcessMetrics(metrics.Registry, manager.Elected()), manager.Add(memoryTrimmer{interval: trimInterval})); err != nil {
		return err
	}
	start := func() error { return manager.Start(ctx) }
	if lock != nil {
		return lock.untilLost(start)
	}
	return start()
}

// newManager makes the manager, and the lock of its leader election, which is nil without leader election.
func newManager(o *options, traced traces) (ctrl.Manager, *sparingLock, error) {
	kubernetes, err := kubernetesConfig(os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	kubernetes.QPS, kubernetes.Burst = -1, 0 // The API server has priority and fairness.
	if o.kubeAPIQPS > 0 {
		kubernetes.QPS, kubernetes.Burst = float32(o.kubeAPIQPS), int(2*o.kubeAPIQPS)
	}
	kubernetes.UserAgent = "secretsync/" + version
	kubernetes.Wrap(func(next http.RoundTripper) http.RoundTripper { return watchProber{next} })
	kubernetes.Wrap(traced.transport)

	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), appsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, nil, err
	}
	watched, err := cacheOptions(o)
	if err != nil {
		return nil, nil, err
	}
	settings := ctrl.Options{
		Scheme:                        scheme,
		Cache:                         watched,
		Metrics:                       metricsserver.Options{BindAddress: noAddress}, // addMetrics and addProbes serve both.
		HealthProbeBindAddress:        noAddress,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &o.gracefulShutdownTimeout,
		PprofBindAddress:              o.pprofBindAddress,
	}
	var lock *sparingLock
	if o.leaderElect {
		if lock, err = o.newLock(kubernetes); err != nil {
			return nil, nil, err
		}
		settings.LeaderElection, settings.LeaderElectionID, settings.LeaderElectionResourceLockInterface = true, lock.name, lock
		settings.LeaseDuration, settings.RenewDeadline, settings.RetryPeriod = &lock.terms.lease, &lock.terms.deadline, &lock.terms.look
	}
	manager, err := ctrl.NewManager(kubernetes, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("creating the manager: %w", err)
	}
	return manager, lock, nil
}

// cacheOptions keep the cache small. It has the SecretSyncs of this shard, abridged if they are large, and the
// metadata of Secrets that the operator manages. Secrets have no label of a shard: the cache has those of all shards.
func cacheOptions(o *options) (cache.Options, error) {
	selector, err := o.selector()
	if err != nil {
		return cache.Options{}, err
	}
	watched := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&v1alpha1.SecretSync{}: {Label: selector, Transform: abridge},
			&corev1.Secret{}:       {Label: labels.SelectorFromSet(labels.Set{v1alpha1.LabelManaged: "true"}), Transform: slim},
		},
	}
	for _, namespace := range o.namespaces() {
		if watched.DefaultNamespaces == nil {
			watched.DefaultNamespaces = map[string]cache.Config{}
		}
		watched.DefaultNamespaces[namespace] = cache.Config{}
	}
	return watched, nil
}

func newSource(ctx context.Context, manager ctrl.Manager, o *options, traced traces) (*aws.Source, error) {
	awsMetrics, err := aws.NewMetrics(metrics.Registry)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	settings := o.ofAWS()
	settings.Metrics, settings.Tracer = awsMetrics, traced.tracer()
	settings.ServiceAccounts = &serviceaccount.Tokens{Live: manager.GetAPIReader(), Client: manager.GetClient()}
	return aws.New(ctx, settings)
}

// ofAWS are the settings of reading from AWS, without its parts.
func (o *options) ofAWS() aws.Options {
	return aws.Options{
		Region: o.region, AdditionalRegions: o.regions(), Cluster: o.clusterName, Version: version,
		Room: max(1, o.workers/2), ValueCacheBytes: o.valueCacheBytes, SessionTags: o.sessionTags, SourceIdentity: o.sourceIdentity,
	}
}

func newController(manager ctrl.Manager, secrets *aws.Source, changesAlive func() bool, o *options, traced traces) (*secretsync.Controller, error) {
	syncMetrics, err := secretsync.NewMetrics(metrics.Registry)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	rules, err := o.rules()
	if err != nil {
		return nil, err
	}
	failoverMetrics, err := failover.NewMetrics(metrics.Registry)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	withReplicas := failover.New(failover.Options{Source: secrets, Region: secrets.Region(), Knows: secrets.Knows, Metrics: failoverMetrics})
	var rollouts *rollout.Restarter
	if o.rollouts {
		rollouts = rollout.New(rollout.Options{Client: manager.GetClient(), Live: manager.GetAPIReader()})
	}
	watcher, err := client.NewWithWatch(manager.GetConfig(), client.Options{
		HTTPClient: manager.GetHTTPClient(), Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper(),
	})
	if err != nil {
		return nil, fmt.Errorf("creating a client that watches: %w", err)
	}
	settings := o.ofSyncing()
	settings.Client, settings.Live, settings.Watcher = manager.GetClient(), manager.GetAPIReader(), watcher
	settings.Source, settings.Rollouts = accesspolicy.New(withReplicas, rules), rollouts
	settings.Events, settings.Metrics, settings.Tracer = manager.GetEventRecorder("secretsync"), syncMetrics, traced.tracer()
	settings.ChangesAlive = changesAlive
	return secretsync.New(settings), nil
}

// ofSyncing are the settings of the controller, without its parts.
func (o *options) ofSyncing() secretsync.Options {
	return secretsync.Options{
		PollInterval: o.pollInterval, Workers: o.workers, MergeWithoutConsent: o.mergeWithoutConsent,
		MetricsNamespaces: o.metricsNamespaces, Operator: o.operator(),
	}
}
