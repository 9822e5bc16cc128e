package notify

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// retryMin and retryMax bound the wait after the queue did not answer.
	retryMin, retryMax = time.Second, time.Minute
	// deleteTimeout bounds a deletion, including one while the operator stops.
	deleteTimeout = 10 * time.Second
	// promptFor is how long a prompt event shows that events are prompt.
	promptFor = 24 * time.Hour
	// promptAge is the maximum age of a prompt event. CloudTrail takes some minutes at times.
	promptAge = 5 * time.Minute
)

// Message is a message of a queue.
type Message struct {
	// Body is the text of the message.
	Body string
	// Receipt is the handle by which the queue deletes the message.
	Receipt string
}

// Queue is a queue of messages. It delivers a message again until the message is deleted.
type Queue interface {
	// Receive waits for messages, for a limited time, and may return none. It returns when ctx ends.
	Receive(ctx context.Context) ([]Message, error)
	// Delete deletes messages from the queue.
	Delete(ctx context.Context, messages []Message) error
}

// Consumer receives events from a queue, on the replica that leads.
type Consumer struct {
	feed  *Feed
	queue Queue
	// backoff is copied for each series of failures.
	backoff wait.Backoff
	sleep   func(ctx context.Context, delay time.Duration)

	// answers says whether the queue answers.
	answers atomic.Bool
	// prompt is when the latest prompt event came, in nanoseconds since 1970; zero if the latest event was late.
	prompt atomic.Int64
	// undeleted says that the latest deletion failed. Only the goroutine of Start uses it.
	undeleted bool
}

// NewConsumer creates a Consumer, and registers its metric.
func NewConsumer(feed *Feed, queue Queue) (*Consumer, error) {
	c := &Consumer{feed: feed, queue: queue, backoff: retryBackoff(), sleep: sleep}
	return c, feed.Metrics.watch(c)
}

// NeedLeaderElection returns true: only the replica that reconciles may take messages out of the queue.
func (c *Consumer) NeedLeaderElection() bool { return true }

// Alive says whether events can be relied on to come soon after changes: the queue answers, the latest event was
// prompt, and it came within the last day. A queue without messages proves nothing: there may be no changes, or the
// rule that sends events to it may be gone. Safe for concurrent use.
func (c *Consumer) Alive() bool {
	prompt := c.prompt.Load()
	return c.answers.Load() && prompt != 0 && c.feed.now().Sub(time.Unix(0, prompt)) < promptFor
}

// Start receives events until ctx ends. It does not stop if the queue does not answer: SecretSyncs are polled
// meanwhile, and receiving is retried with a backoff.
func (c *Consumer) Start(ctx context.Context) error {
	defer c.answers.Store(false)
	backoff, failing := c.backoff, false
	for ctx.Err() == nil {
		messages, err := c.queue.Receive(ctx)
		if ctx.Err() != nil && len(messages) == 0 {
			break
		}
		c.record(ctx, failing, err)
		if failing = err != nil; failing {
			c.sleep(ctx, backoff.Step())
			continue
		}
		backoff = c.backoff
		if !c.handle(ctx, messages) {
			once := c.backoff
			c.sleep(ctx, once.Step()) // A queue that does not hide received messages delivers them again at once.
		}
	}
	return nil
}

// record keeps whether the queue answers, and logs it when it changes. failing says whether the call before failed
// too.
func (c *Consumer) record(ctx context.Context, failing bool, err error) {
	log := ctrl.LoggerFrom(ctx)
	switch answers := err == nil; {
	case answers && !c.answers.Swap(true):
		log.Info("the queue of change events answers")
	case !answers && (c.answers.Swap(false) || !failing):
		log.Error(err, "the queue of change events does not answer: secrets are polled until it does")
	}
}

// handle hands messages on, and deletes the ones that need no other delivery. It returns false if all of them will be
// delivered again.
func (c *Consumer) handle(ctx context.Context, messages []Message) (progress bool) {
	log := ctrl.LoggerFrom(ctx)
	var done []Message
	for _, message := range messages {
		result := c.feed.take(ctx, []byte(message.Body))
		c.recordAge(result.age)
		switch {
		case result.err == nil:
			done = append(done, message)
		case errors.Is(result.err, errMalformed):
			log.Info("a change event cannot be parsed: it is left to the dead-letter queue")
		case ctx.Err() == nil:
			log.Info("a change event could not be handed on: the queue delivers it again", "error", result.err.Error())
		}
	}
	if len(done) == 0 {
		return len(messages) == 0
	}
	return c.delete(ctx, done)
}

// recordAge records whether events are prompt. A negative age is that of no change, and records nothing.
func (c *Consumer) recordAge(age time.Duration) {
	if age < 0 {
		return
	}
	at := int64(0)
	if age <= promptAge {
		at = c.feed.now().UnixNano()
	}
	c.prompt.Store(at)
}

// delete deletes messages, even while the operator stops. A message that could not be deleted is delivered again,
// which costs one more reconcile. It returns whether all messages were deleted.
func (c *Consumer) delete(ctx context.Context, done []Message) bool {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
	defer cancel()
	err := c.queue.Delete(bounded, done)
	if err != nil && !c.undeleted {
		ctrl.LoggerFrom(ctx).Error(err, "change events could not be deleted from the queue: the queue delivers them again")
	}
	c.undeleted = err != nil
	return err == nil
}

// retryBackoff doubles the wait from retryMin up to retryMax. The upper half of each wait is random.
func retryBackoff() wait.Backoff {
	return wait.Backoff{Duration: retryMin / 2, Factor: 2, Jitter: 1, Steps: math.MaxInt, Cap: retryMax / 2}
}

// sleep waits for a while, or until ctx ends.
func sleep(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
