package notify

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// retryFirst and retryMost bound the wait after the queue did not answer.
	retryFirst, retryMost = time.Second, time.Minute
	// deleteWithin bounds a deletion, that at the stop of the operator too.
	deleteWithin = 10 * time.Second
	// provenFor is how long an event in good time shows that events come in good time.
	provenFor = 24 * time.Hour
	// promptAge is how old an event in good time may be: CloudTrail takes some minutes at times.
	promptAge = 5 * time.Minute
)

// Message is what a queue holds.
type Message struct {
	// Body is the message's text.
	Body string
	// Receipt is what the queue wants to see to delete it.
	Receipt string
}

// Queue is where messages wait. Those that were received and are not deleted come again.
type Queue interface {
	// Receive waits for messages, and gives none after a while. It returns when ctx ends.
	Receive(ctx context.Context) ([]Message, error)
	// Delete takes messages out of the queue.
	Delete(ctx context.Context, messages []Message) error
}

// Consumer takes events from a queue, on the replica that leads.
type Consumer struct {
	feed  *Feed
	queue Queue
	// answers says that the queue does.
	answers atomic.Bool
	// proven is when an event came last in good time, in nanoseconds since 1970; zero where the last one came late.
	proven atomic.Int64
	// wait is how long to wait after so many failures in a row.
	wait func(failures int) time.Duration
	// undeleted says that the last deletion failed. Only Start's goroutine uses it.
	undeleted bool
}

// NewConsumer makes a Consumer, and registers its metric.
func NewConsumer(feed *Feed, queue Queue) (*Consumer, error) {
	c := &Consumer{feed: feed, queue: queue, wait: backoff}
	return c, feed.Metrics.watch(c)
}

// NeedLeaderElection says that one replica alone takes from the queue: the one whose reconciler works.
func (c *Consumer) NeedLeaderElection() bool { return true }

// Alive says whether events can be relied on to come soon after changes: the queue answers, and within the
// last day the latest event that it gave was at most five minutes old. A queue that nothing feeds any more
// answers just as well as one that nothing happens in, so silence proves nothing.
func (c *Consumer) Alive() bool {
	proven := c.proven.Load()
	return c.answers.Load() && proven != 0 && c.feed.now().Sub(time.Unix(0, proven)) < provenFor
}

// Start takes events until ctx ends. A queue that does not answer is no reason to stop: SecretSyncs are polled
// meanwhile, and it is asked again and again.
func (c *Consumer) Start(ctx context.Context) error {
	defer c.answers.Store(false)
	for failures := 0; ctx.Err() == nil; {
		messages, err := c.queue.Receive(ctx)
		if ctx.Err() != nil && len(messages) == 0 {
			break
		}
		c.note(ctx, failures, err)
		if err != nil {
			failures++
			sleep(ctx, c.wait(failures))
			continue
		}
		failures = 0
		if c.handle(ctx, messages) {
			continue
		}
		sleep(ctx, c.wait(1)) // What was left comes back at once where nobody hides it.
	}
	return nil
}

// note keeps and tells whether the queue answers, where that has changed.
func (c *Consumer) note(ctx context.Context, failures int, err error) {
	log := ctrl.LoggerFrom(ctx)
	switch up := err == nil; {
	case up && !c.answers.Swap(true):
		log.Info("the queue of change events answers")
	case !up && (c.answers.Swap(false) || failures == 0):
		log.Error(err, "the queue of change events does not answer: secrets are polled until it does")
	}
}

// handle hands messages on, and deletes those that are done with. It says whether something was.
func (c *Consumer) handle(ctx context.Context, messages []Message) (progress bool) {
	log := ctrl.LoggerFrom(ctx)
	var done []Message
	for _, message := range messages {
		result := c.feed.take(ctx, []byte(message.Body))
		c.prove(result.age)
		switch {
		case result.err == nil:
			done = append(done, message)
		case errors.Is(result.err, errMalformed):
			log.Info("a change event can't be read: it is left to the dead-letter queue")
		case ctx.Err() == nil:
			log.Error(result.err, "a change event could not be handed on: it comes again")
		}
	}
	if len(done) == 0 {
		return len(messages) == 0
	}
	return c.delete(ctx, done)
}

// prove notes whether changes are told of in good time.
func (c *Consumer) prove(age time.Duration) {
	if age < 0 {
		return
	}
	at := int64(0)
	if age <= promptAge {
		at = c.feed.now().UnixNano()
	}
	c.proven.Store(at)
}

// delete deletes messages, even while the operator stops: they are done with. What can't be deleted comes
// again, which costs a look and no more. It says whether all was deleted.
func (c *Consumer) delete(ctx context.Context, done []Message) bool {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
	defer cancel()
	err := c.queue.Delete(within, done)
	if err != nil && !c.undeleted {
		ctrl.LoggerFrom(ctx).Error(err, "change events could not be deleted from the queue: they come again")
	}
	c.undeleted = err != nil
	return err == nil
}

// backoff doubles up to a limit; its upper half is random.
func backoff(failures int) time.Duration {
	full := min(retryFirst<<min(failures-1, 10), retryMost)
	return wait.Jitter(full/2, 1)
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
