package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// electing is a lock of the Lease tools/secretsync for an operator with these options, and its log.
func electing(clients *fake.Clientset, o *options, identity string) (resourcelock.Interface, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: "tools", Name: "secretsync"},
		Client:     &markedLeases{LeasesGetter: clients.CoordinationV1(), scope: o.scope(), log: logger(&options{}, log)},
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}, log
}

// held is the state of a Lease with this holder.
func held(by string) resourcelock.LeaderElectionRecord {
	now := metav1.NewTime(time.Unix(1_700_000_000, 0))
	return resourcelock.LeaderElectionRecord{HolderIdentity: by, LeaseDurationSeconds: 8, AcquireTime: now, RenewTime: now}
}

func leaseOf(t *testing.T, clients *fake.Clientset) *coordinationv1.Lease {
	t.Helper()
	lease, err := clients.CoordinationV1().Leases("tools").Get(t.Context(), "secretsync", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func read(ctx context.Context, t *testing.T, lock resourcelock.Interface) {
	t.Helper()
	if _, _, err := lock.Get(ctx); err != nil {
		t.Fatal(err)
	}
}

// Two operators with one Lease and different scopes are a mistake: one of them would never work.
func TestAnotherScopeOfTheHolderIsLoggedOnce(t *testing.T) {
	ctx, clients := t.Context(), fake.NewClientset()
	a, logA := electing(clients, &options{watchLabelSelector: "shard=a"}, "pod-a")
	replica, logReplica := electing(clients, &options{watchLabelSelector: "shard=a"}, "pod-a2")
	b, logB := electing(clients, &options{watchLabelSelector: "shard=b"}, "pod-b")
	if err := a.Create(ctx, held("pod-a")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		read(ctx, t, a)
		read(ctx, t, replica)
		read(ctx, t, b)
	}
	if logA.Len()+logReplica.Len() > 0 {
		t.Errorf("replicas of one operator log %s%s", logA, logReplica)
	}
	if said := logB.String(); strings.Count(said, "--leader-election-id") != 1 || !strings.Contains(said, "shard=a") || !strings.Contains(said, "pod-a") {
		t.Errorf("another operator logs %q", said)
	}
	if err := a.Update(ctx, held("")); err != nil {
		t.Fatal(err)
	}
	read(ctx, t, b)
	if err := b.Update(ctx, held("pod-b")); err != nil {
		t.Fatal(err)
	}
	if scope := leaseOf(t, clients).Annotations[annotationScope]; !strings.Contains(scope, "shard=b") {
		t.Errorf("the scope of the new holder is %q", scope)
	}
	read(ctx, t, replica)
	if !strings.Contains(logReplica.String(), "shard=b") {
		t.Errorf("the other operator logs %q", logReplica)
	}
}
