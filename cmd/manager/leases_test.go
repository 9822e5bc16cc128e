package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// electing is a lock of the Lease tools/secretsync for an operator with these options, and its log.
func electing(clients *fake.Clientset, o *options, identity string) (resourcelock.Interface, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: "tools", Name: "secretsync"},
		Client:     &markedLeases{LeasesGetter: clients.CoordinationV1(), owners: o.owners("tools"), scope: o.scope(), log: logger(&options{}, log)},
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

// The pod of the present holder owns the Lease, or nothing does, so that Kubernetes deletes it with that pod.
func TestThePodOfTheHolderOwnsTheLease(t *testing.T) {
	ctx, clients := t.Context(), fake.NewClientset()
	first, _ := electing(clients, &options{podName: "sync-1", podNamespace: "tools", podUID: "uid-1"}, "first")
	if err := first.Create(ctx, held("first")); err != nil {
		t.Fatal(err)
	}
	want := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "sync-1", UID: "uid-1"}
	if owners := leaseOf(t, clients).OwnerReferences; len(owners) != 1 || owners[0] != want {
		t.Errorf("the owners are %+v", owners)
	}
	for uid, o := range map[types.UID]*options{
		"uid-2": {podName: "sync-2", podNamespace: "tools", podUID: "uid-2"},
		"":      {podName: "sync-3", podNamespace: "elsewhere", podUID: "uid-3"}, // Kubernetes would delete the Lease at once.
	} {
		next, _ := electing(clients, o, "next")
		read(ctx, t, next)
		if owners := leaseOf(t, clients).OwnerReferences; len(owners) > 1 {
			t.Errorf("reading changed the owners: %+v", owners)
		}
		if err := next.Update(ctx, held("next")); err != nil {
			t.Fatal(err)
		}
		owners := leaseOf(t, clients).OwnerReferences
		if uid == "" && len(owners) != 0 || uid != "" && (len(owners) != 1 || owners[0].UID != uid) {
			t.Errorf("a holder of pod %q: the owners are %+v", uid, owners)
		}
	}
	for _, o := range []*options{{}, {podName: "sync"}, {podName: "sync", podNamespace: "tools"}, {podNamespace: "tools", podUID: "uid"}} {
		if owners := o.owners("tools"); owners != nil {
			t.Errorf("%+v has the owners %+v", o, owners)
		}
	}
}
