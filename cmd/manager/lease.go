package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
)

// terms are the durations of leader election. Each is a part of the first one, so that no combination is unsafe.
//
// A candidate takes over if the Lease stays the same for the duration lease. It reads the Lease after 1 to 2.2 times look
// (client-go's jitter), so it takes over at most lease and twice that after the leader's last write. The leader exits
// if its last successful write began longer ago than expiry, before a candidate can take over. The difference is for
// clocks that run at different rates, and for requests in flight.
type terms struct {
	lease  time.Duration
	expiry time.Duration
	// deadline is how long the leader repeats a failed renewal.
	deadline time.Duration
	// write is the least time between two renewals.
	write time.Duration
	look  time.Duration
}

func termsOf(lease time.Duration) terms {
	return terms{lease: lease, expiry: lease * 4 / 5, deadline: lease / 2, write: lease / 4, look: lease / 20}
}

const (
	leaseLeast = 5 * time.Second
	leaseMost  = 5 * time.Minute
)

// wrongLease returns what is invalid in the flags of leader election. A Lease counts in whole seconds.
func (o *options) wrongLease() (problems []error) {
	if wrong := validation.IsDNS1123Subdomain(o.leaderElectionID); len(wrong) > 0 {
		problems = append(problems, fmt.Errorf("--leader-election-id=%q is not a valid name of a Lease: %s", o.leaderElectionID, wrong[0]))
	}
	if lease := o.leaderElectionLease; lease < leaseLeast || lease > leaseMost || lease%time.Second != 0 {
		problems = append(problems, fmt.Errorf("--leader-election-lease=%s must be whole seconds between %s and %s", lease, leaseLeast, leaseMost))
	}
	return problems
}

// newLock is the Lease of this operator, for leader election.
func (o *options) newLock(config *rest.Config) (*sparingLock, error) {
	namespace, err := o.leaseNamespace(os.ReadFile)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("finding a name for this replica: %w", err)
	}
	election := termsOf(o.leaderElectionLease)
	config = rest.AddUserAgent(config, "leader-election")
	config.Timeout = election.deadline / 2 // A request that hangs is repeated before the deadline.
	leases, leaseErr := coordinationclient.NewForConfig(config)
	core, coreErr := coreclient.NewForConfig(config)
	if err := errors.Join(leaseErr, coreErr); err != nil {
		return nil, fmt.Errorf("creating a client for the Lease: %w", err)
	}
	identity := host + "_" + string(uuid.NewUUID())
	lock := newSparingLock(&resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: o.leaderElectionID},
		Client:     &markedLeases{LeasesGetter: leases, owners: o.owners(namespace), scope: o.scope(), log: ctrl.Log.WithName("leader-election")},
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity, EventRecorder: leaderEvents(core, identity)},
	}, election)
	lock.name = o.leaderElectionID
	return lock, nil
}

// namespaceFile is where Kubernetes mounts the name of the pod's namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func (o *options) leaseNamespace(read func(string) ([]byte, error)) (string, error) {
	if o.leaderElectionNamespace != "" {
		return o.leaderElectionNamespace, nil
	}
	namespace, err := read(namespaceFile)
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("this is no pod in a cluster: set --leader-election-namespace, or --leader-elect=false")
	}
	return string(namespace), err
}

// leaderEvents records events about who leads, on the Lease.
func leaderEvents(core coreclient.EventsGetter, identity string) record.EventRecorder {
	scheme := runtime.NewScheme()
	_ = coordinationv1.AddToScheme(scheme) // Its error is always nil.
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&coreclient.EventSinkImpl{Interface: core.Events("")})
	return broadcaster.NewRecorder(scheme, corev1.EventSource{Component: identity})
}

// sparingLock is a lock whose holder writes it less often than candidates read it; client-go has one period for both. A
// renewal too soon after the last write is answered as if it were written. client-go calls a lock from one goroutine.
type sparingLock struct {
	resourcelock.Interface
	name  string
	terms terms
	// leads is true from when this process got the lock until it has released it.
	leads bool
	// written is the time of renewal that was written last. It is zero if a later request may have changed the lock.
	written time.Time
	expiry  *time.Timer
	// lost gets an error if this process has lost the lock, other than by releasing it.
	lost chan error
}

func newSparingLock(lock resourcelock.Interface, of terms) *sparingLock {
	return &sparingLock{Interface: lock, terms: of, lost: make(chan error, 1)}
}

// Get reads the lock. client-go calls it while this process is a candidate, after a failed renewal, and before releasing
// the lock. A leader that finds another holder, for example because it was paused, has lost the lock. client-go alone
// would let it lead until the deadline.
func (l *sparingLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.written = time.Time{}
	found, raw, err := l.Interface.Get(ctx)
	if err == nil && l.leads && found.HolderIdentity != l.Identity() {
		l.lose(fmt.Errorf("leader election lost: the holder of Lease %s is now %q", l.Describe(), found.HolderIdentity))
	}
	return found, raw, err
}

// Create creates the lock, held by this process.
func (l *sparingLock) Create(ctx context.Context, wanted resourcelock.LeaderElectionRecord) error {
	return l.store(wanted, l.Interface.Create(ctx, wanted))
}

// Update gets, renews or releases the lock.
func (l *sparingLock) Update(ctx context.Context, wanted resourcelock.LeaderElectionRecord) error {
	renews := l.leads && wanted.HolderIdentity == l.Identity()
	if renews && !l.written.IsZero() && wanted.RenewTime.Sub(l.written) < l.terms.write {
		return nil
	}
	return l.store(wanted, l.Interface.Update(ctx, wanted))
}

// store remembers what was written, unless err says that it failed. The lock expires a certain time after that write
// began, even if this process was paused, or if client-go still waits for an answer.
func (l *sparingLock) store(written resourcelock.LeaderElectionRecord, err error) error {
	l.written = time.Time{}
	if err != nil {
		return err
	}
	if l.expiry != nil {
		l.expiry.Stop()
	}
	if l.leads = written.HolderIdentity == l.Identity(); l.leads {
		l.written = written.RenewTime.Time
		l.expiry = time.AfterFunc(time.Until(l.written.Add(l.terms.expiry)), func() {
			l.lose(fmt.Errorf("leader election lost: Lease %s could not be renewed for %s", l.Describe(), l.terms.expiry))
		})
	}
	return nil
}

func (l *sparingLock) lose(why error) {
	select {
	case l.lost <- why:
	default: // It was lost before.
	}
}

// untilLost returns what run returns, or an error when the lock is lost. The caller then exits without waiting for run,
// since another process may lead already.
func (l *sparingLock) untilLost(run func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case err := <-l.lost:
		return err
	}
}
