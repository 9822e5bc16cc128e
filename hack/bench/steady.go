package main

import (
	"context"
	"fmt"
	"time"
)

// polled measures some poll intervals of a fleet that is in sync.
func (b *bench) polled(ctx context.Context, window time.Duration) error {
	before, err := b.requests(ctx)
	if err != nil {
		return err
	}
	used, err := processorTime(b.manager.PID())
	if err != nil {
		return err
	}
	b.AWS.ResetCalls()
	time.Sleep(window)
	calls := b.AWS.Count("")
	usedAfter, err := processorTime(b.manager.PID())
	if err != nil {
		return err
	}
	after, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.enter("requests of the API server: %s", after.since(before))
	b.countCalls(append(valueCalls(), "DescribeSecret", "ListSecrets")...)
	b.figure("kubernetes-requests", after.since(before).total(), "requests")
	b.figure("calls", float64(calls), "calls")
	b.figure("processor-time", (usedAfter-used).Seconds()*1000, "ms")
	return nil
}

// steadyPoll polls secrets that do not change.
func steadyPoll(ctx context.Context, b *bench) error {
	const poll, polls = 10 * time.Second, 6
	if err := b.own(ctx, poll); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	before, err := processorTime(b.manager.PID())
	if err != nil {
		return err
	}
	if err := b.polled(ctx, polls*poll); err != nil {
		return err
	}
	after, err := processorTime(b.manager.PID())
	if err != nil {
		return err
	}
	b.figure("describes-per-secret-and-interval", float64(b.AWS.Count("DescribeSecret"))/float64(b.n*polls), "calls")
	b.figure("processor-time-per-poll", (after-before).Seconds()*1000/float64(b.n*polls), "ms")
	return b.reportMemory("memory")
}

// sharedSecret has one secret that SecretSyncs in many namespaces follow.
func sharedSecret(ctx context.Context, b *bench) error {
	const poll, polls, namespaces = 10 * time.Second, 3, 500
	b.enter("setting up a secret and %d namespaces", namespaces)
	if err := b.fleet.secrets(ctx, 1, "first"); err != nil {
		return err
	}
	one := func(int) string { return secretID(0) }
	for i := range namespaces {
		if err := b.fleet.syncs(ctx, fmt.Sprintf("%s-%03d", namespace, i), 1, poll, one); err != nil {
			return err
		}
	}
	b.AWS.ResetCalls()
	if err := b.synced(ctx); err != nil {
		return err
	}
	b.figure("values-read-at-first", float64(b.AWS.Count("GetSecretValue")+b.AWS.Count("BatchGetSecretValue")), "calls")
	b.AWS.ResetCalls()
	time.Sleep(polls * poll)
	b.figure("describes-per-interval", float64(b.AWS.Count("DescribeSecret"))/polls, "calls")
	b.AWS.ResetCalls()
	if err := b.fleet.secrets(ctx, 1, "second"); err != nil {
		return err
	}
	if _, err := b.watcher.await(ctx, b.fleet.wanted()); err != nil {
		return err
	}
	b.figure("values-read-per-rotation", float64(b.AWS.Count("GetSecretValue")+b.AWS.Count("BatchGetSecretValue")), "calls")
	return nil
}

// memory is what the manager holds once it has synced all and polled for a while.
func memory(ctx context.Context, b *bench) error {
	const poll, polls = 30 * time.Second, 3
	if err := b.own(ctx, poll); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	if err := b.reportMemory("after-first-sync"); err != nil {
		return err
	}
	time.Sleep(polls * poll)
	return b.reportMemory("steady")
}
