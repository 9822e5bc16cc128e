package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lease is a Lease of an API server: a write that does not replace the state that its sender has seen is refused.
type lease struct {
	mutex   sync.Mutex
	record  resourcelock.LeaderElectionRecord
	version int
	writes  []time.Time
}

// written is when the Lease was written.
func (l *lease) written() []time.Time {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return slices.Clone(l.writes)
}

// replica is a client of the Lease.
type replica struct {
	*lease
	name string
	seen int
	// cut makes requests hang, as if the replica were killed or the network were cut. slow delays answers.
	cut  atomic.Bool
	slow time.Duration
}

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

func (r *replica) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if r.cut.Load() {
		<-ctx.Done()
		return nil, nil, ctx.Err()
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.version == 0 {
		return nil, nil, apierrors.NewNotFound(leases, "secretsync")
	}
	r.seen = r.version
	record := r.record
	raw, err := json.Marshal(record)
	return &record, raw, err
}

func (r *replica) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return r.Update(ctx, record)
}

func (r *replica) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if r.cut.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	defer time.Sleep(r.slow)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.seen != r.version {
		return apierrors.NewConflict(leases, "secretsync", nil)
	}
	r.version++
	r.record, r.seen, r.writes = record, r.version, append(r.writes, time.Now())
	return nil
}

func (r *replica) RecordEvent(string) {}
func (r *replica) Identity() string   { return r.name }
func (r *replica) Describe() string   { return "secretsync-system/secretsync" }

// elect runs leader election for the replica as the manager does. It sends the time at which the replica leads.
func elect(ctx context.Context, t *testing.T, r *replica) (*sparingLock, <-chan time.Time) {
	t.Helper()
	of := termsOf(8 * time.Second)
	lock, leads := newSparingLock(r, of), make(chan time.Time, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: of.lease, RenewDeadline: of.deadline, RetryPeriod: of.look, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { leads <- time.Now() },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() { elector.Run(ctx); close(ended) }()
	t.Cleanup(func() { <-ended })
	return lock, leads
}

// kube-scheduler renews its Lease every two seconds.
func TestALeaderRenewsNoMoreOftenThanTheScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leader := &replica{lease: &lease{}, name: "a"}
		_, leads := elect(t.Context(), t, leader)
		<-leads
		time.Sleep(time.Hour)
		writes := leader.written()
		if len(writes) > 1801 || len(writes) < 1600 {
			t.Errorf("%d writes in an hour", len(writes))
		}
		for i, at := range writes[1:] {
			if since := at.Sub(writes[i]); since < 2*time.Second {
				t.Fatalf("the Lease was written %s after the write before", since)
			}
		}
	})
}

// A leader stops at any moment: another one leads within ten seconds, and not before the first has exited, even if its
// last answer was late.
func TestTakeOver(t *testing.T) {
	for _, slow := range []time.Duration{0, 1900 * time.Millisecond} {
		for phase := time.Duration(0); phase < 2*time.Second; phase += 100 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				one := &lease{}
				leader, standby := &replica{lease: one, name: "a", slow: slow}, &replica{lease: one, name: "b"}
				lock, leads := elect(t.Context(), t, leader)
				<-leads
				_, next := elect(t.Context(), t, standby)
				time.Sleep(time.Minute + phase)
				select {
				case <-next:
					t.Fatal("a standby replica leads beside the leader")
				case err := <-lock.lost:
					t.Fatal(err)
				default:
				}
				cut := time.Now()
				leader.cut.Store(true)
				exits := lock.untilLost(func() error { <-t.Context().Done(); return nil })
				exited := time.Now()
				if exits == nil || !strings.Contains(exits.Error(), "could not be renewed") {
					t.Errorf("the leader exits with %v", exits)
				}
				led := <-next
				if took := led.Sub(cut); took > 10*time.Second {
					t.Errorf("cut %s into its term, the leader was replaced after %s", phase, took)
				}
				if apart := led.Sub(exited); apart < time.Second {
					t.Errorf("the former leader exited only %s before the next one led", apart)
				}
			})
		}
	}
}

// A leader that was paused while another took over exits as soon as it reads the Lease.
func TestAReplacedLeaderExits(t *testing.T) {
	for _, by := range []string{"b", ""} {
		synctest.Test(t, func(t *testing.T) {
			leader := &replica{lease: &lease{}, name: "a"}
			lock, leads := elect(t.Context(), t, leader)
			<-leads
			time.Sleep(time.Minute)
			leader.mutex.Lock()
			leader.version++
			leader.record.HolderIdentity = by
			leader.mutex.Unlock()
			replaced := time.Now()
			err := lock.untilLost(func() error { <-t.Context().Done(); return nil })
			if err == nil || !strings.Contains(err.Error(), `the holder of Lease secretsync-system/secretsync is now "`+by+`"`) {
				t.Errorf("it exits with %v", err)
			}
			if after := time.Since(replaced); after > 2500*time.Millisecond {
				t.Errorf("it exits after %s, which is later than its next renewal", after)
			}
		})
	}
}

// A leader that stops by itself releases the Lease, and exits with what it returns.
func TestAStoppedLeaderReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		one := &lease{}
		lock, leads := elect(ctx, t, &replica{lease: one, name: "a"})
		<-leads
		_, next := elect(t.Context(), t, &replica{lease: one, name: "b"})
		time.Sleep(time.Minute)
		stopped := time.Now()
		if err := lock.untilLost(func() error { cancel(); synctest.Wait(); return nil }); err != nil {
			t.Error(err)
		}
		if took := (<-next).Sub(stopped); took > time.Second {
			t.Errorf("another replica leads after %s", took)
		}
		time.Sleep(time.Minute)
		if len(lock.lost) > 0 {
			t.Errorf("a Lease that was released is said to be lost: %v", <-lock.lost)
		}
	})
}

func TestTheNamespaceOfTheLease(t *testing.T) {
	inPod := func(string) ([]byte, error) { return []byte("tools"), nil }
	outside := func(string) ([]byte, error) { return nil, os.ErrNotExist }
	if namespace, err := (&options{}).leaseNamespace(inPod); namespace != "tools" || err != nil {
		t.Errorf("in a pod: %q, %v", namespace, err)
	}
	if namespace, err := (&options{leaderElectionNamespace: "set"}).leaseNamespace(outside); namespace != "set" || err != nil {
		t.Errorf("if it is set: %q, %v", namespace, err)
	}
	if _, err := (&options{}).leaseNamespace(outside); err == nil || !strings.Contains(err.Error(), "--leader-election-namespace") {
		t.Errorf("outside of a cluster: %v", err)
	}
}
