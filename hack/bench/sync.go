package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	namespace = "bench"
	// patience is how long a scenario waits for a result.
	patience = 15 * time.Minute
	// idle is a poll interval that does not end while a scenario runs.
	idle = 24 * time.Hour
)

// valueCalls are the operations that read values, and so decrypt.
func valueCalls() []string { return []string{"GetSecretValue", "BatchGetSecretValue"} }

// own creates n secrets and a SecretSync for each, or fewer secrets that they share.
func (b *bench) own(ctx context.Context, poll time.Duration) error {
	secrets := b.secrets
	if secrets == 0 {
		secrets = b.n
	}
	b.enter("setting up %d secrets and %d SecretSyncs", secrets, b.n)
	if err := b.fleet.secrets(ctx, secrets, "first"); err != nil {
		return err
	}
	return b.fleet.syncs(ctx, namespace, b.n, poll, "", func(i int) string { return secretID(i % secrets) })
}

// synced starts the manager and waits until all is in sync and quiet.
func (b *bench) synced(ctx context.Context) error {
	if err := b.start(); err != nil {
		return err
	}
	if _, err := b.watcher.await(ctx, b.fleet.wanted()); err != nil {
		return err
	}
	return b.settled(ctx)
}

// settled waits until the API server has had no request of the operator for a while.
func (b *bench) settled(ctx context.Context) error {
	const quiet = 3 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); {
		before, err := b.requests(ctx)
		if err != nil {
			return err
		}
		time.Sleep(quiet)
		after, err := b.requests(ctx)
		if err != nil {
			return err
		}
		if after.since(before).total() == 0 {
			return nil
		}
	}
	return fmt.Errorf("requests have not ended after %s", patience)
}

// firstValueCall is when the operator first asked for a value since the calls were reset.
func (b *bench) firstValueCall() (time.Time, error) {
	for _, call := range b.AWS.Calls() {
		if slices.Contains(valueCalls(), call.Operation) {
			return call.At.Add(-b.latency), nil
		}
	}
	return time.Time{}, fmt.Errorf("no value was asked for")
}

// countCalls reports how many calls of each operation AWS has had.
func (b *bench) countCalls(operations ...string) {
	for _, operation := range operations {
		b.figure(operation, float64(b.AWS.Count(operation)), "calls")
	}
}

// firstSync syncs SecretSyncs that were never synced.
func firstSync(ctx context.Context, b *bench) error {
	if err := b.own(ctx, idle); err != nil {
		return err
	}
	floor, err := b.newFloor(ctx)
	if err != nil {
		return err
	}
	least, err := floor.run(ctx)
	if err != nil {
		return err
	}
	before, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.AWS.ResetCalls()
	if err := b.start(); err != nil {
		return err
	}
	return b.reportWrites(ctx, before, least)
}

// reportWrites waits until all Secrets hold their wanted versions, and reports how long that took from the first read
// of a value, and what it cost.
func (b *bench) reportWrites(ctx context.Context, before requests, least time.Duration) error {
	last, err := b.watcher.await(ctx, b.fleet.wanted())
	if err != nil {
		return err
	}
	began, err := b.firstValueCall()
	if err != nil {
		return err
	}
	b.against("wall", last.Sub(began).Seconds(), least.Seconds())
	if err := b.settled(ctx); err != nil {
		return err
	}
	used, err := b.manager.ProcessorTime()
	if err != nil {
		return err
	}
	used -= b.used
	after, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.enter("requests of the API server: %s", after.since(before))
	b.countCalls(append(valueCalls(), "DescribeSecret", "ListSecrets")...)
	b.figure("kubernetes-requests-per-sync", after.since(before).total()/float64(b.n), "requests")
	b.figure("processor-time-per-sync", used.Seconds()*1000/float64(b.n), "ms")
	return b.reportMemory("memory")
}

func (b *bench) reportMemory(name string) error {
	resident, err := b.manager.ResidentMemory()
	if err != nil {
		return err
	}
	b.figure(name, float64(resident)/1e6, "MB")
	return nil
}

// massRotation gives all secrets a new value at once, which the next sweep finds. That may take a poll interval; the
// measured time begins with the first read of a value.
func massRotation(ctx context.Context, b *bench) error {
	if err := b.own(ctx, sweptPoll); err != nil {
		return err
	}
	floor, err := b.newFloor(ctx)
	if err != nil {
		return err
	}
	if _, err := floor.run(ctx); err != nil {
		return err
	}
	if err := b.swept(ctx); err != nil {
		return err
	}
	b.enter("rotating all; the next sweep comes within %s", sweptPoll)
	if err := b.fleet.secrets(ctx, b.n, "second"); err != nil {
		return err
	}
	least, err := floor.run(ctx)
	if err != nil {
		return err
	}
	before, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.used, err = b.manager.ProcessorTime()
	if err != nil {
		return err
	}
	b.AWS.ResetCalls()
	return b.reportWrites(ctx, before, least)
}

// restart restarts the operator while all is in sync.
func restart(ctx context.Context, b *bench) error {
	const poll, window = 10 * time.Second, 20 * time.Second
	if err := b.own(ctx, poll); err != nil {
		return err
	}
	if err := b.synced(ctx); err != nil {
		return err
	}
	if err := b.stop(); err != nil {
		return err
	}
	before, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.AWS.ResetCalls()
	if err := b.start(); err != nil {
		return err
	}
	if err := b.wait(ctx, window); err != nil {
		return err
	}
	after, err := b.requests(ctx)
	if err != nil {
		return err
	}
	b.enter("requests of the API server: %s", after.since(before))
	b.countCalls(append(valueCalls(), "DescribeSecret")...)
	b.figure("writes", after.since(before).writes(), "requests")
	return nil
}

// throttled makes AWS throttle at half the rate that the polls need.
func throttled(ctx context.Context, b *bench) error {
	const poll, perSecond, adapted = 10 * time.Second, 50, 60 * time.Second
	if err := b.own(ctx, poll); err != nil {
		return err
	}
	for _, operation := range append(valueCalls(), "DescribeSecret", "ListSecrets") {
		b.AWS.SetRate(operation, perSecond)
	}
	began := time.Now()
	if err := b.synced(ctx); err != nil {
		return err
	}
	b.figure("converged", time.Since(began).Seconds(), "s")
	b.AWS.ResetCalls()
	if err := b.wait(ctx, adapted); err != nil {
		return err
	}
	refused, all := 0, 0
	for _, call := range b.AWS.Calls() {
		all++
		if call.Code == "ThrottlingException" {
			refused++
		}
	}
	b.figure("calls", float64(all)/adapted.Seconds(), "calls/s")
	b.figure("refused", 100*float64(refused)/float64(max(all, 1)), "%")
	return b.newcomer(ctx, "first-sync-meanwhile")
}

// newcomer measures the time from the creation of one more SecretSync until it is synced.
func (b *bench) newcomer(ctx context.Context, name string) error {
	began := time.Now()
	if err := b.fleet.syncs(ctx, "newcomer", 1, idle, "", secretID); err != nil {
		return err
	}
	last, err := b.watcher.await(ctx, b.fleet.wanted())
	if err != nil {
		return err
	}
	b.figure(name, last.Sub(began).Seconds(), "s")
	return nil
}
