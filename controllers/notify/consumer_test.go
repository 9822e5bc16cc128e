package notify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// fixture is a Consumer with a fake queue, and records what was done in which order.
type fixture struct {
	*testing.T
	feed     *Feed
	consumer *Consumer
	registry *prometheus.Registry

	mutex sync.Mutex
	now   time.Time
	// waiting are the messages of the queue, by receipt. hidden are the received ones, which redeliver makes waiting
	// again.
	waiting, hidden map[string]string
	// done are the notifications and deletions, in order.
	done []string
	// idle receives whenever the queue is asked and has nothing to deliver.
	idle chan struct{}
	// receiveErr, deleteErr and notifyErr are returned by the fakes; nil for success.
	receiveErr, deleteErr, notifyErr error
	// onNotify is called before an event is handed on.
	onNotify func()
}

func newFixture(t *testing.T, syncs map[string]v1alpha1.SecretSync) *fixture {
	t.Helper()
	f := &fixture{T: t, now: noon.Add(time.Second), registry: prometheus.NewRegistry(), waiting: map[string]string{}, hidden: map[string]string{}, idle: make(chan struct{})}
	metrics, err := NewMetrics(f.registry)
	if err != nil {
		t.Fatal(err)
	}
	f.feed = &Feed{Matcher: newMatcher(t, syncs), Notify: f.notify, Metrics: metrics, Now: func() time.Time {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		return f.now
	}}
	if f.consumer, err = NewConsumer(f.feed, f); err != nil {
		t.Fatal(err)
	}
	f.consumer.sleep = func(context.Context, time.Duration) {}
	return f
}

// Receive delivers all waiting messages.
func (f *fixture) Receive(ctx context.Context) ([]Message, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.receiveErr != nil || len(f.waiting) == 0 {
		err := f.receiveErr
		f.mutex.Unlock()
		select {
		case f.idle <- struct{}{}:
		case <-ctx.Done():
		}
		f.mutex.Lock()
		return nil, errors.Join(err, ctx.Err())
	}
	var messages []Message
	for receipt, body := range f.waiting {
		messages = append(messages, Message{Body: body, Receipt: receipt})
		f.hidden[receipt] = body
	}
	clear(f.waiting)
	slices.SortFunc(messages, func(a, b Message) int { return strings.Compare(a.Receipt, b.Receipt) })
	return messages, nil
}

// Delete deletes messages that were received.
func (f *fixture) Delete(ctx context.Context, messages []Message) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := errors.Join(f.deleteErr, ctx.Err()); err != nil {
		return err
	}
	for _, message := range messages {
		f.done = append(f.done, "deleted "+message.Receipt)
		delete(f.hidden, message.Receipt)
	}
	return nil
}

func (f *fixture) notify(_ context.Context, names []types.NamespacedName, change Change) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.onNotify != nil {
		f.onNotify()
	}
	if f.notifyErr != nil {
		return f.notifyErr
	}
	for _, name := range names {
		f.done = append(f.done, "notified "+name.Name+" of "+change.Event)
	}
	return nil
}

func (f *fixture) send(receipt, body string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.waiting[receipt] = body
}

// redeliver makes the messages waiting again that were received and not deleted.
func (f *fixture) redeliver() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	maps.Copy(f.waiting, f.hidden)
	clear(f.hidden)
}

// set changes what the fakes return.
func (f *fixture) set(change func()) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	change()
}

// takeDone returns what was done since the last call.
func (f *fixture) takeDone() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	done := f.done
	f.done = nil
	return done
}

// start runs the Consumer. stop stops it, and waits for its end.
func (f *fixture) start() (stop func()) {
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.consumer.Start(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Errorf("the consumer ended with %v", err)
		}
	})
}

// awaitIdle waits until the queue has had nothing to deliver three times: everything before was handled. The first
// time may have begun before the last set, and the result of the second is recorded before the third.
func (f *fixture) awaitIdle() {
	for range 3 {
		<-f.idle
	}
}

// value is the value of a metric, with a label of that value if it has labels.
func (f *fixture) value(name, label string) float64 {
	f.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		f.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && (label == "" || slices.ContainsFunc(metric.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == label })) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	f.Fatalf("there is no metric %s %s", name, label)
	return 0
}

func (f *fixture) counted(outcome string) float64 {
	f.Helper()
	return f.value("secretsync_change_events_total", outcome)
}

func (f *fixture) up() bool { return f.value("secretsync_change_queue_up", "") == 1 }

func (f *fixture) want(what string, got, want []string) {
	f.Helper()
	if !slices.Equal(got, want) {
		f.Errorf("%s: %q, want %q", what, got, want)
	}
}

var (
	put     = called("PutSecretValue", `{"secretId": "/prod/db"}`, `{"arn": "`+dbARN+`"}`)
	foreign = called("PutSecretValue", `{"secretId": "/other"}`, `{"arn": "`+prefix+`/other-a1b2c3"}`)
	read    = called("GetSecretValue", `{"secretId": "/prod/db"}`, `null`)
	two     = map[string]v1alpha1.SecretSync{"db": followingID("/prod/db"), "also": followingID(dbARN)}
)

func TestMessagesAreDeletedAfterTheyWereHandedOn(t *testing.T) {
	f := newFixture(t, two)
	for receipt, body := range map[string]string{"1": put, "2": foreign, "3": read, "4": "no JSON"} {
		f.send(receipt, body)
	}
	stop := f.start()
	defer stop()
	f.awaitIdle()
	f.want("done", f.takeDone(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1", "deleted 2", "deleted 3"})
	for outcome, want := range map[string]float64{outcomeNotified: 1, outcomeUnmatched: 1, outcomeIgnored: 1, outcomeMalformed: 1, outcomeFailed: 0} {
		if got := f.counted(outcome); got != want {
			t.Errorf("%v messages were %s, want %v", got, outcome, want)
		}
	}
	if len(f.hidden) != 1 || f.hidden["4"] == "" {
		t.Errorf("the queue keeps %d messages, and not the malformed one alone", len(f.hidden))
	}
	if got := f.value("secretsync_change_event_age_seconds", ""); got != 2 {
		t.Errorf("the age of %v events was noted, want those of two changes", got)
	}
}

func TestWhatCouldNotBeHandedOnComesAgain(t *testing.T) {
	f := newFixture(t, two)
	f.notifyErr = errors.New("the queue of the controller is not there yet")
	f.send("1", put)
	stop := f.start()
	defer stop()
	f.awaitIdle()
	f.want("while the reconciler does not take it", f.takeDone(), nil)
	f.set(func() { f.notifyErr = nil })
	f.redeliver()
	f.awaitIdle()
	f.want("then", f.takeDone(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1"})
}

// A crash may come between the two: an event that was handed on and not deleted is handed on again.
func TestWhatCouldNotBeDeletedComesAgain(t *testing.T) {
	f := newFixture(t, two)
	f.deleteErr = errors.New("cut off")
	f.send("1", put)
	stop := f.start()
	f.awaitIdle()
	stop()
	notified := []string{"notified also of PutSecretValue", "notified db of PutSecretValue"}
	f.want("before the crash", f.takeDone(), notified)
	f.set(func() { f.deleteErr = nil })
	f.redeliver()
	stop = f.start()
	defer stop()
	f.awaitIdle()
	f.want("after it", f.takeDone(), append(notified, "deleted 1"))
}

// A queue that does not hide received messages delivers them again at once.
func TestTheConsumerWaitsAfterAFailedDeletion(t *testing.T) {
	f := newFixture(t, two)
	f.deleteErr = errors.New("no sqs:DeleteMessage")
	waited := 0
	f.consumer.sleep = func(context.Context, time.Duration) { f.set(func() { waited++ }) }
	f.send("1", put)
	stop := f.start()
	f.awaitIdle()
	stop()
	if waited != 1 {
		t.Errorf("the consumer waited %d times", waited)
	}
}

func TestAStopFinishesTheDeletions(t *testing.T) {
	f := newFixture(t, two)
	ctx, cancel := context.WithCancel(t.Context())
	f.onNotify = cancel
	f.send("1", put)
	if err := f.consumer.Start(ctx); err != nil {
		t.Fatal(err)
	}
	f.want("done", f.takeDone(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1"})
}

func TestAQueueThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	f := newFixture(t, two)
	f.receiveErr = errors.New("there is no such queue")
	var waits []time.Duration
	f.consumer.backoff = wait.Backoff{Duration: 1, Factor: 2, Steps: 10}
	f.consumer.sleep = func(_ context.Context, delay time.Duration) { f.set(func() { waits = append(waits, delay) }) }
	stop := f.start()
	defer stop()
	f.awaitIdle()
	if f.up() {
		t.Error("the queue is said to be up")
	}
	f.set(func() { f.receiveErr = nil })
	f.send("1", put)
	f.awaitIdle()
	if !f.up() {
		t.Error("the queue is said to be down")
	}
	f.want("done", f.takeDone(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1"})
	if f.set(func() {}); len(waits) < 2 || waits[0] != 1 || waits[1] != 2 {
		t.Errorf("the waits were %v", waits)
	}
	if stop(); f.up() {
		t.Error("the queue is said to be up by a consumer that has stopped")
	}
}

func TestTheQueueIsAliveWhileEventsArePrompt(t *testing.T) {
	f := newFixture(t, two)
	stop := f.start()
	defer stop()
	alive := func(when string, want bool) {
		t.Helper()
		if got := f.consumer.Alive(); got != want {
			t.Errorf("%s: alive is %v", when, got)
		}
	}
	f.awaitIdle()
	alive("before the first event", false)
	f.send("1", read)
	f.awaitIdle()
	alive("after an event that is no change", false)
	f.send("2", foreign)
	f.awaitIdle()
	alive("after an event that matches no SecretSync", true)
	f.set(func() { f.now = noon.Add(promptFor + time.Minute) })
	alive("after a day of silence", false)
	f.set(func() { f.now = noon.Add(promptAge + time.Second) })
	alive("within the day", true)
	f.send("3", put)
	f.awaitIdle()
	alive("after an event that came late", false)
	f.set(func() { f.now = noon.Add(time.Second) })
	f.send("4", put)
	f.awaitIdle()
	alive("after a prompt event", true)
	f.set(func() { f.receiveErr = errors.New("unreachable") })
	f.awaitIdle()
	alive("while the queue does not answer", false)
	f.set(func() { f.receiveErr = nil })
	f.awaitIdle()
	alive("when it answers again", true)
}

func TestWaitsGrowUpToALimit(t *testing.T) {
	for failures, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		for range 20 {
			backoff := retryBackoff()
			var got time.Duration
			for range failures {
				got = backoff.Step()
			}
			if got < most/2 || got > most {
				t.Errorf("after %d failures the wait is %s", failures, got)
			}
		}
	}
	begun := time.Now()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if sleep(ended, time.Hour); time.Since(begun) > time.Minute {
		t.Error("the wait goes on after the stop")
	}
}
