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

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// desk is a Consumer with a queue in memory, and a diary of what was done in which order.
type desk struct {
	*testing.T
	feed     *Feed
	consumer *Consumer
	registry *prometheus.Registry

	mutex sync.Mutex
	now   time.Time
	// waiting are the messages of the queue, by receipt; hidden are those that were received and come again
	// once somebody shows them.
	waiting, hidden map[string]string
	diary           []string
	// idle is sent to when the queue is asked and has nothing.
	idle chan struct{}
	// receiving, deleting and notifying are what these answer; nil lets them pass.
	receiving, deleting, notifying error
	// onNotify is called before an event is handed on.
	onNotify func()
}

func newDesk(t *testing.T, syncs map[string]v1alpha1.SecretSync) *desk {
	t.Helper()
	d := &desk{T: t, now: noon.Add(time.Second), registry: prometheus.NewRegistry(), waiting: map[string]string{}, hidden: map[string]string{}, idle: make(chan struct{})}
	metrics, err := NewMetrics(d.registry)
	if err != nil {
		t.Fatal(err)
	}
	d.feed = &Feed{Matcher: knowing(t, syncs), Notify: d.notify, Metrics: metrics, Now: func() time.Time {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		return d.now
	}}
	if d.consumer, err = NewConsumer(d.feed, d); err != nil {
		t.Fatal(err)
	}
	d.consumer.wait = func(int) time.Duration { return 0 }
	return d
}

// Receive gives all that waits.
func (d *desk) Receive(ctx context.Context) ([]Message, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.receiving != nil || len(d.waiting) == 0 {
		err := d.receiving
		d.mutex.Unlock()
		select {
		case d.idle <- struct{}{}:
		case <-ctx.Done():
		}
		d.mutex.Lock()
		return nil, errors.Join(err, ctx.Err())
	}
	var messages []Message
	for receipt, body := range d.waiting {
		messages = append(messages, Message{Body: body, Receipt: receipt})
		d.hidden[receipt] = body
	}
	clear(d.waiting)
	slices.SortFunc(messages, func(a, b Message) int { return strings.Compare(a.Receipt, b.Receipt) })
	return messages, nil
}

// Delete deletes, whatever has become of the receiver.
func (d *desk) Delete(ctx context.Context, messages []Message) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if err := errors.Join(d.deleting, ctx.Err()); err != nil {
		return err
	}
	for _, message := range messages {
		d.diary = append(d.diary, "deleted "+message.Receipt)
		delete(d.hidden, message.Receipt)
	}
	return nil
}

func (d *desk) notify(_ context.Context, names []types.NamespacedName, told Change) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.onNotify != nil {
		d.onNotify()
	}
	if d.notifying != nil {
		return d.notifying
	}
	for _, name := range names {
		d.diary = append(d.diary, "notified "+name.Name+" of "+told.Event)
	}
	return nil
}

func (d *desk) send(receipt, body string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.waiting[receipt] = body
}

// show has messages come again whose receiver did not delete them.
func (d *desk) show() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	maps.Copy(d.waiting, d.hidden)
	clear(d.hidden)
}

// set changes what the desk answers.
func (d *desk) set(change func()) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	change()
}

// written is the diary up to now, and a new page.
func (d *desk) written() []string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	page := d.diary
	d.diary = nil
	return page
}

// start runs the Consumer until stop is called, which waits for its end.
func (d *desk) start() (stop func()) {
	ctx, cancel := context.WithCancel(d.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.consumer.Start(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			d.Errorf("the consumer ended with %v", err)
		}
	})
}

// settle waits until the queue has been asked three times in vain: what came before is done with. The first time may
// have begun before what was set last, and what the second was answered is noted before the third.
func (d *desk) settle() {
	for range 3 {
		<-d.idle
	}
}

// value is that of a metric, whose label has a value if it has one.
func (d *desk) value(name, label string) float64 {
	d.Helper()
	families, err := d.registry.Gather()
	if err != nil {
		d.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && (label == "" || slices.ContainsFunc(metric.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == label })) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	d.Fatalf("there is no metric %s %s", name, label)
	return 0
}

func (d *desk) counted(outcome string) float64 {
	d.Helper()
	return d.value("secretsync_change_events_total", outcome)
}

func (d *desk) up() bool { return d.value("secretsync_change_queue_up", "") == 1 }

func (d *desk) wants(what string, got, want []string) {
	d.Helper()
	if !slices.Equal(got, want) {
		d.Errorf("%s: %q, want %q", what, got, want)
	}
}

var (
	put     = called("PutSecretValue", `{"secretId": "/prod/db"}`, `{"arn": "`+dbARN+`"}`)
	foreign = called("PutSecretValue", `{"secretId": "/other"}`, `{"arn": "`+prefix+`/other-a1b2c3"}`)
	read    = called("GetSecretValue", `{"secretId": "/prod/db"}`, `null`)
	two     = map[string]v1alpha1.SecretSync{"db": followingID("/prod/db"), "also": followingID(dbARN)}
)

func TestMessagesAreDeletedAfterTheyWereHandedOn(t *testing.T) {
	d := newDesk(t, two)
	for receipt, body := range map[string]string{"1": put, "2": foreign, "3": read, "4": "no JSON"} {
		d.send(receipt, body)
	}
	stop := d.start()
	defer stop()
	d.settle()
	d.wants("done", d.written(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1", "deleted 2", "deleted 3"})
	for outcome, want := range map[string]float64{outcomeNotified: 1, outcomeStranger: 1, outcomeIgnored: 1, outcomeMalformed: 1, outcomeFailed: 0} {
		if got := d.counted(outcome); got != want {
			t.Errorf("%v messages were %s, want %v", got, outcome, want)
		}
	}
	if len(d.hidden) != 1 || d.hidden["4"] == "" {
		t.Errorf("the queue keeps %d messages, and not the malformed one alone", len(d.hidden))
	}
	if got := d.value("secretsync_change_event_age_seconds", ""); got != 2 {
		t.Errorf("the age of %v events was noted, want those of two changes", got)
	}
}

func TestWhatCouldNotBeHandedOnComesAgain(t *testing.T) {
	d := newDesk(t, two)
	d.notifying = errors.New("the queue of the controller is not there yet")
	d.send("1", put)
	stop := d.start()
	defer stop()
	d.settle()
	d.wants("while nobody takes it", d.written(), nil)
	d.set(func() { d.notifying = nil })
	d.show()
	d.settle()
	d.wants("then", d.written(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1"})
}

// A crash is between the two: what was handed on and not deleted is handed on again.
func TestWhatCouldNotBeDeletedComesAgain(t *testing.T) {
	d := newDesk(t, two)
	d.deleting = errors.New("cut off")
	d.send("1", put)
	stop := d.start()
	d.settle()
	stop()
	notified := []string{"notified also of PutSecretValue", "notified db of PutSecretValue"}
	d.wants("before the crash", d.written(), notified)
	d.set(func() { d.deleting = nil })
	d.show()
	stop = d.start()
	defer stop()
	d.settle()
	d.wants("after it", d.written(), append(notified, "deleted 1"))
}

// A queue that hides nothing gives them again at once.
func TestWhatCouldNotBeDeletedIsWaitedWith(t *testing.T) {
	d := newDesk(t, two)
	d.deleting = errors.New("no sqs:DeleteMessage")
	waited := 0
	d.consumer.wait = func(int) time.Duration {
		d.set(func() { waited++ })
		return 0
	}
	d.send("1", put)
	stop := d.start()
	d.settle()
	stop()
	if waited != 1 {
		t.Errorf("the queue was asked again after %d waits", waited)
	}
}

func TestAStopFinishesTheDeletions(t *testing.T) {
	d := newDesk(t, two)
	ctx, cancel := context.WithCancel(t.Context())
	d.onNotify = cancel
	d.send("1", put)
	if err := d.consumer.Start(ctx); err != nil {
		t.Fatal(err)
	}
	d.wants("done", d.written(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1"})
}

func TestAQueueThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	d := newDesk(t, two)
	d.receiving = errors.New("there is no such queue")
	var waits []int
	d.consumer.wait = func(failures int) time.Duration {
		d.set(func() { waits = append(waits, failures) })
		return 0
	}
	stop := d.start()
	defer stop()
	d.settle()
	if d.up() {
		t.Error("the queue is said to be up")
	}
	d.set(func() { d.receiving = nil })
	d.send("1", put)
	d.settle()
	if !d.up() {
		t.Error("the queue is said to be down")
	}
	d.wants("done", d.written(), []string{"notified also of PutSecretValue", "notified db of PutSecretValue", "deleted 1"})
	if d.set(func() {}); len(waits) < 2 || waits[0] != 1 || waits[1] != 2 {
		t.Errorf("the waits were those after %v failures", waits)
	}
	if stop(); d.up() {
		t.Error("the queue is said to be up by one who has stopped asking")
	}
}

func TestTheQueueIsAliveWhileEventsComeInGoodTime(t *testing.T) {
	d := newDesk(t, two)
	stop := d.start()
	defer stop()
	alive := func(when string, want bool) {
		t.Helper()
		if got := d.consumer.Alive(); got != want {
			t.Errorf("%s: alive is %v", when, got)
		}
	}
	d.settle()
	alive("before the first event", false)
	d.send("1", read)
	d.settle()
	alive("after an event that is no change", false)
	d.send("2", foreign)
	d.settle()
	alive("after a stranger's event", true)
	d.set(func() { d.now = noon.Add(provenFor + time.Minute) })
	alive("after a day of silence", false)
	d.set(func() { d.now = noon.Add(promptAge + time.Second) })
	alive("within the day", true)
	d.send("3", put)
	d.settle()
	alive("after an event that came late", false)
	d.set(func() { d.now = noon.Add(time.Second) })
	d.send("4", put)
	d.settle()
	alive("after one in good time", true)
	d.set(func() { d.receiving = errors.New("unreachable") })
	d.settle()
	alive("while the queue does not answer", false)
	d.set(func() { d.receiving = nil })
	d.settle()
	alive("when it answers again", true)
}

func TestWaitsGrowUpToALimit(t *testing.T) {
	for failures, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		for range 20 {
			if got := backoff(failures); got < most/2 || got > most {
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
