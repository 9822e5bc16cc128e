package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	// rotationPause is the time between two rotations: a hundred a second would be a very busy account.
	rotationPause = 20 * time.Millisecond
	// idleWindow is how long calls are counted while nothing changes.
	idleWindow = 30 * time.Second
	// soon is how long a change may take from the queue to the Secret.
	soon = time.Second
)

// follow rotates each secret once, in turn, and measures the time from the event in the queue to the new version in the
// Secret. It does so first for the floor, a loop that reads the queue and the value and applies the Secret, then for
// the operator, which does not poll.
func follow(ctx context.Context, b *bench) error {
	var queues [2]string
	for i, name := range []string{"changes", "floor"} {
		arn, err := b.AWS.AddQueue(localaws.Queue{Name: name})
		if err != nil {
			return err
		}
		queues[i] = arn
	}
	if err := b.own(ctx, 0); err != nil {
		return err
	}
	least, err := b.followByFloor(ctx, queues[1])
	if err != nil {
		return err
	}
	b.flags += fmt.Sprintf(" --change-queue-url=%s/%s/changes", b.AWS.URL(), localaws.DefaultAccount)
	if err := b.synced(ctx); err != nil {
		return err
	}
	if err := b.idleCalls(ctx); err != nil {
		return err
	}
	if _, err := b.AWS.AddEventRule(localaws.EventRule{Queue: queues[0]}); err != nil {
		return err
	}
	b.AWS.ResetCalls()
	sent, err := b.rotateAll(ctx, "third")
	if err != nil {
		return err
	}
	if _, err := b.watcher.await(ctx, b.fleet.wanted()); err != nil {
		return err
	}
	var delays []time.Duration
	for at := range b.fleet.follows {
		delays = append(delays, b.watcher.arrived(at).Sub(sent[b.fleet.follows[at]]))
	}
	b.reportDelays(delays, least)
	b.countCalls(append(valueCalls(), "DescribeSecret", "ReceiveMessage", "DeleteMessageBatch")...)
	return nil
}

// idleCalls counts calls of AWS while nothing changes, without the long polls of the queue.
func (b *bench) idleCalls(ctx context.Context) error {
	b.AWS.ResetCalls()
	if err := b.wait(ctx, idleWindow); err != nil {
		return err
	}
	polls := b.AWS.Count("ReceiveMessage")
	perHour := time.Hour.Seconds() / idleWindow.Seconds()
	b.figure("idle-calls-per-hour", float64(b.AWS.Count("")-polls)*perHour, "calls")
	b.figure("idle-long-polls-per-hour", float64(polls)*perHour, "calls")
	return nil
}

// rotateAll gives each secret a new value, one after another, and returns when the event of each was in the queue.
func (b *bench) rotateAll(ctx context.Context, content string) (map[string]time.Time, error) {
	sent := map[string]time.Time{}
	for i := range b.n {
		if err := b.fleet.secret(ctx, i, content); err != nil {
			return nil, err
		}
		sent[secretID(i)] = time.Now() // The event is in the queue when the call is answered.
		if err := sleep(ctx, rotationPause); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// reportDelays reports how long changes took, against the floor's.
func (b *bench) reportDelays(delays, least []time.Duration) {
	slices.Sort(delays)
	slices.Sort(least)
	for _, percent := range []int{50, 99} {
		b.against(fmt.Sprintf("event-to-secret-p%d", percent), at(delays, percent).Seconds(), at(least, percent).Seconds())
	}
	late := len(delays) - len(slices.DeleteFunc(slices.Clone(delays), func(d time.Duration) bool { return d > soon }))
	b.figure("later-than-1s", 100*float64(late)/float64(len(delays)), "%")
}

// at is a percentile of sorted times.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// followByFloor measures the floor.
func (b *bench) followByFloor(ctx context.Context, queue string) ([]time.Duration, error) {
	floor, err := b.newFloor(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := floor.run(ctx); err != nil { // The Secrets must exist, as they do for the operator.
		return nil, err
	}
	if _, err := b.AWS.AddEventRule(localaws.EventRule{Queue: queue}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	applied := &applications{at: map[string]time.Time{}, wanted: b.n, done: make(chan struct{})}
	var reader sync.WaitGroup
	reader.Go(func() { applied.err = floor.follow(ctx, b.AWS.URL()+"/"+localaws.DefaultAccount+"/floor", applied) })
	sent, err := b.rotateAll(ctx, "second")
	if err != nil {
		return nil, err
	}
	select {
	case <-applied.done:
	case <-time.After(patience):
		return nil, fmt.Errorf("the floor has not applied all after %s", patience)
	}
	cancel()
	reader.Wait()
	delays := make([]time.Duration, 0, len(sent))
	for id, when := range sent {
		delays = append(delays, applied.at[id].Sub(when))
	}
	return delays, nil
}
