package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// polledBesideFloor is polled for scenarios that poll each secret by a call of its own.
func (b *bench) polledBesideFloor(ctx context.Context, interval time.Duration, polls int) (err error) {
	floor, err := b.startFloorPolls(ctx, interval)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, floor.stop()) }()
	return b.polled(ctx, interval, polls, floor)
}

// polled measures a time in which a fleet in sync is polled a number of times. The floor may be nil.
func (b *bench) polled(ctx context.Context, interval time.Duration, polls int, floor *floorPolls) error {
	before, err := b.requests(ctx)
	if err != nil {
		return err
	}
	used, err := b.manager.ProcessorTime()
	if err != nil {
		return err
	}
	if floor != nil {
		if err := floor.reset(); err != nil {
			return err
		}
	}
	b.AWS.ResetCalls()
	if err := b.wait(ctx, time.Duration(polls)*interval); err != nil {
		return err
	}
	usedAfter, err := b.manager.ProcessorTime()
	if err != nil {
		return err
	}
	b.countCalls(append(valueCalls(), "DescribeSecret", "ListSecrets")...)
	after, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.enter("requests of the API server: %s", after.since(before))
	b.figure("kubernetes-requests", after.since(before).total(), "requests")
	perPoll := figure{
		Scenario: b.name, Name: "processor-time-per-poll", Unit: "ms", Value: (usedAfter - used).Seconds() * 1000 / float64(b.n*polls),
	}
	if floor != nil {
		ofFloor, err := floor.perPoll()
		if err != nil {
			return err
		}
		perPoll.Floor = &ofFloor
	}
	b.report.add(perPoll)
	return b.reportMemory("memory")
}

// steadyPoll polls secrets that do not change, often enough for DescribeSecret.
func steadyPoll(ctx context.Context, b *bench) error {
	const poll, polls = 10 * time.Second, 6
	if err := b.own(ctx, poll); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	return b.polledBesideFloor(ctx, poll, polls)
}

// minutePoll polls secrets that do not change once a minute: so few at a time that the cost of each wake-up shows.
func minutePoll(ctx context.Context, b *bench) error {
	const poll, polls = time.Minute, 3
	if err := b.own(ctx, poll); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	return b.polledBesideFloor(ctx, poll, polls)
}

// sweptPoll is the shortest poll interval at which ListSecrets is used.
const sweptPoll = 5 * time.Minute

// swept waits until all are in sync and polled by sweeps, and the first sweep of all is over.
func (b *bench) swept(ctx context.Context) error {
	if err := b.synced(ctx); err != nil {
		return err
	}
	b.enter("waiting up to %s, until all are polled at one moment", 3*sweptPoll)
	// Each is first polled at a time of its own; those before the first sweep once more.
	if err := sleep(ctx, 2*sweptPoll); err != nil {
		return err
	}
	b.AWS.ResetCalls()
	for end := time.Now().Add(2 * sweptPoll); time.Now().Before(end); {
		if b.AWS.Count("ListSecrets") > 0 {
			return b.settled(ctx)
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return fmt.Errorf("no sweep has begun within %s", 2*sweptPoll)
}

// steadySweep polls secrets that do not change, with an interval that is long enough for sweeps.
func steadySweep(ctx context.Context, b *bench) error {
	if err := b.own(ctx, sweptPoll); err != nil {
		return err
	}
	if err := b.swept(ctx); err != nil {
		return err
	}
	return b.polled(ctx, sweptPoll, 1, nil)
}

// sharedSecret has one secret that SecretSyncs in many namespaces follow.
func sharedSecret(ctx context.Context, b *bench) error {
	const poll, polls, namespaces = 10 * time.Second, 3, 500
	b.enter("setting up a secret and %d namespaces", namespaces)
	if err := b.fleet.secrets(ctx, 1, "first"); err != nil {
		return err
	}
	sameSecret := func(int) string { return secretID(0) }
	for i := range namespaces {
		if err := b.fleet.syncs(ctx, fmt.Sprintf("%s-%03d", namespace, i), 1, poll, "", sameSecret); err != nil {
			return err
		}
	}
	b.AWS.ResetCalls()
	if err := b.synced(ctx); err != nil {
		return err
	}
	b.figure("values-read-at-first", float64(b.AWS.Count("GetSecretValue")+b.AWS.Count("BatchGetSecretValue")), "calls")
	b.AWS.ResetCalls()
	if err := b.wait(ctx, polls*poll); err != nil {
		return err
	}
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

// memory measures the manager's memory once it has synced all and polled all once.
func memory(ctx context.Context, b *bench) error {
	if err := b.own(ctx, sweptPoll); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	if err := b.reportMemory("after-first-sync"); err != nil {
		return err
	}
	if err := b.wait(ctx, sweptPoll); err != nil {
		return err
	}
	return b.reportMemory("steady")
}
