package secretsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/source"
)

var db = types.NamespacedName{Namespace: "payments", Name: "db"}

// told is a pass over a SecretSync, and a controller whose clock shows noon.
func told(interval time.Duration) (*Controller, *clocktesting.FakePassiveClock, *pass) {
	clock := clocktesting.NewFakePassiveClock(noon)
	c := New(Options{Clock: clock, PollInterval: 5 * time.Minute})
	p := polled(c, db.Name, "db", interval)
	p.sync.Namespace = db.Namespace
	p.memory.nextLook.set(noon.Add(time.Hour))
	return c, clock, p
}

// newQueue starts the controller's source with a queue, as controller-runtime does.
func newQueue(t *testing.T, c *Controller) priorityqueue.PriorityQueue[reconcile.Request] {
	t.Helper()
	queue := priorityqueue.New[reconcile.Request]("test")
	t.Cleanup(queue.ShutDown)
	if err := c.turns.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	return queue
}

func TestAnEventGoesBeforePollsAndFirstSyncs(t *testing.T) {
	c, _, _ := told(time.Hour)
	queue := newQueue(t, c)
	add := func(name string, priority int) {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
	}
	add("poll", priorityPoll)
	add("first sync", priorityFirst)
	add("report", priorityReport)
	add("edit", 0)
	if err := c.Notify(t.Context(), []types.NamespacedName{{Name: "event"}}, RotationFailure{}); err != nil {
		t.Fatal(err)
	}
	add("later edit", 0)
	var order []string
	for range 6 {
		request, _, _ := queue.GetWithPriority()
		order = append(order, request.Name)
		queue.Done(request)
	}
	if want := []string{"edit", "later edit", "event", "first sync", "report", "poll"}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q", order, want)
	}
}

func TestAPlainQueueTakesEventsToo(t *testing.T) {
	c, _, _ := told(time.Hour)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	if err := errors.Join(c.turns.Start(t.Context(), queue), c.Notify(t.Context(), []types.NamespacedName{db}, RotationFailure{})); err != nil {
		t.Fatal(err)
	}
	if request, _ := queue.Get(); request.NamespacedName != db {
		t.Errorf("the queue has %s", request)
	}
}

// An event that nobody will act on must not be taken for one that is done with.
func TestAnEventThatNobodyComesToIsNotDoneWith(t *testing.T) {
	c, _, _ := told(time.Hour)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Notify(ended, []types.NamespacedName{db}, RotationFailure{}); err == nil {
		t.Error("without a queue an event is done with")
	}
	queue := priorityqueue.New[reconcile.Request]("test")
	if err := c.turns.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	if err := c.Notify(ended, []types.NamespacedName{db}, RotationFailure{}); err == nil {
		t.Error("while the operator stops an event is done with")
	}
	queue.ShutDown()
	if err := c.Notify(t.Context(), []types.NamespacedName{db}, RotationFailure{}); err == nil {
		t.Error("after the queue was shut down an event is done with")
	}
}

func TestAnEventIsFollowedUntilAWSHasAnswered(t *testing.T) {
	throttled := &failure{reason: v1alpha1.ReasonThrottled, heals: byTime}
	missing := &failure{reason: v1alpha1.ReasonSecretNotFound, heals: byEdit}
	for name, test := range map[string]struct {
		observed bool
		failure  *failure
		want     trigger
	}{
		"answered":                  {true, nil, triggerNone},
		"refused":                   {false, missing, triggerNone},
		"throttled":                 {false, throttled, triggerEvent},
		"answered, and not written": {true, throttled, triggerEvent},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, p := told(time.Hour)
			newQueue(t, c)
			if c.memories.hear(p); why(p, false, noon) != triggerNone {
				t.Fatal("the pass has a reason before the event")
			}
			if err := c.Notify(t.Context(), []types.NamespacedName{db, {Name: "other"}}, RotationFailure{}); err != nil {
				t.Fatal(err)
			}
			if c.memories.hear(p); why(p, false, noon) != triggerEvent {
				t.Fatalf("the reason is %q", why(p, false, noon))
			}
			p.observed = test.observed
			c.plan(p, test.failure)
			if got := why(p, false, noon); got != test.want {
				t.Errorf("the reason for the next pass is %q, want %q", got, test.want)
			}
			if err := c.Notify(t.Context(), []types.NamespacedName{db}, RotationFailure{}); err != nil {
				t.Fatal(err)
			}
			if c.memories.hear(p); why(p, false, noon) != triggerEvent {
				t.Error("another event is no reason")
			}
		})
	}
}

func TestAnAnswerIsSharedThatIsNewerThanTheEvent(t *testing.T) {
	c, clock, p := told(time.Hour)
	newQueue(t, c)
	if err := c.Notify(t.Context(), []types.NamespacedName{db}, RotationFailure{}); err != nil {
		t.Fatal(err)
	}
	c.memories.hear(p)
	p.trigger = triggerEvent
	for after, want := range map[time.Duration]time.Duration{0: 0, 3 * time.Second: 3 * time.Second, time.Minute: sharedNews} {
		clock.SetTime(noon.Add(after))
		if query := c.question(p); query.MaxAge != want || query.Routine {
			t.Errorf("%s after the event an answer of %s will do, routine %v", after, query.MaxAge, query.Routine)
		}
	}
	clock.SetTime(noon.Add(3 * time.Second))
	if p.trigger = triggerDrift; c.question(p).MaxAge != 3*time.Second {
		t.Error("an edit of the Secret has the event forgotten")
	}
	p.memory.told = time.Time{}
	if got := c.question(p).MaxAge; got != time.Duration(sharedPart*float64(time.Hour)) {
		t.Errorf("without an event an answer of %s will do", got)
	}
}

// Whatever else sets off a pass: what was out of date, or a failure, is not asked for again of the answers of before.
func TestAnAnswerThatDidNotDoIsNotShared(t *testing.T) {
	for _, why := range []trigger{triggerPoll, triggerDrift, triggerEvent, triggerRestore} {
		c, clock, p := told(time.Hour)
		p.trigger = why
		clock.SetTime(noon.Add(3 * time.Second))
		p.memory.failures, p.memory.triedAt = 1, noon
		if got := c.question(p).MaxAge; got != 3*time.Second {
			t.Errorf("%s: three seconds after a failure an answer of %s will do", why, got)
		}
		p.memory.failures, p.memory.pursuit = 0, pursuit{since: noon, next: noon.Add(2 * time.Second)}
		if got := c.question(p).MaxAge; got != time.Second {
			t.Errorf("%s: a second after what was out of date should be right, an answer of %s will do", why, got)
		}
	}
}

// An event may come while AWS is asked, and the answer be from before it.
func TestAnEventThatComesWithinAPassThatFailsIsFollowed(t *testing.T) {
	w, aws := lagging(t, func(secretSync *v1alpha1.SecretSync) { secretSync.Spec.PollInterval = &metav1.Duration{} })
	w.Source = &interrupted{aws, func() {
		aws.missing = &source.Error{Kind: source.SecretPendingDeletion, Explanation: "marked"}
		w.clock.SetTime(w.clock.Now().Add(time.Millisecond))
		w.memories.tell(here, w.clock.Now(), RotationFailure{})
		w.clock.SetTime(w.clock.Now().Add(time.Millisecond))
	}}
	w.memories.tell(here, w.clock.Now(), RotationFailure{})
	w.turn(t)
	if got := troubleOf(w.now(t)); got != v1alpha1.ReasonSecretPendingDeletion {
		t.Fatalf("the first pass ends with %q", got)
	}
	aws.missing, aws.says, aws.gives = nil, at("v2"), at("v2")
	w.Source = aws
	w.turn(t)
	if w.value(t) != "of v2" {
		t.Error("the event is forgotten")
	}
}

// interrupted has something happen while AWS is asked.
type interrupted struct {
	*behind
	meanwhile func()
}

func (i *interrupted) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	i.meanwhile()
	return i.behind.Resolve(ctx, query)
}

func TestAFailedRotationIsRememberedInWhateverOrderEventsCome(t *testing.T) {
	c, _, p := told(time.Hour)
	newQueue(t, c)
	earlier, later := noon.Add(-time.Hour), noon
	for _, failure := range []RotationFailure{{"arn", earlier}, {"other", earlier}, {"arn", later}, {"arn", earlier}, {}} {
		if err := c.Notify(t.Context(), []types.NamespacedName{db}, failure); err != nil {
			t.Fatal(err)
		}
		if failure.At.Equal(later) {
			c.memories.hear(p)
		}
	}
	c.memories.hear(p)
	if want := map[string]time.Time{"arn": later, "other": earlier}; !cmp.Equal(want, p.memory.rotationsFailed) {
		t.Errorf("rotations have failed: %v, want %v", p.memory.rotationsFailed, want)
	}
}

// The latest are remembered, in whatever order they are looked at.
func TestTheLatestFailuresAreRemembered(t *testing.T) {
	for range 20 {
		var known map[string]time.Time
		for n := range failuresMost + 3 {
			known = withFailure(known, fmt.Sprint("arn-", n), noon.Add(time.Duration(n)*time.Second))
		}
		for n := range failuresMost + 3 {
			if _, is := known[fmt.Sprint("arn-", n)]; is != (n >= 3) {
				t.Fatalf("of %d failures number %d is remembered: %t", failuresMost+3, n, is)
			}
		}
	}
}

// ending is a queue that the operator's stop meets while it takes something in.
type ending struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	stop context.CancelFunc
}

func (e *ending) Add(request reconcile.Request) {
	e.stop()
	e.TypedRateLimitingInterface.Add(request)
}

func TestAnEventThatTheStopMeetsIsNotDoneWith(t *testing.T) {
	c, _, _ := told(time.Hour)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	ctx, stop := context.WithCancel(t.Context())
	if err := c.turns.Start(t.Context(), &ending{queue, stop}); err != nil {
		t.Fatal(err)
	}
	if err := c.Notify(ctx, []types.NamespacedName{db}, RotationFailure{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNewsGoWithTheSecretSync(t *testing.T) {
	c, _, p := told(time.Hour)
	newQueue(t, c)
	if err := c.Notify(t.Context(), []types.NamespacedName{db}, RotationFailure{ARN: "arn", At: noon}); err != nil {
		t.Fatal(err)
	}
	c.memories.forget(db)
	if c.memories.hear(p); !p.memory.told.IsZero() || len(c.memories.news) != 0 {
		t.Error("another SecretSync of the name is told")
	}
}

func TestWithoutAPollIntervalEventsAloneAreFollowed(t *testing.T) {
	c, _, p := told(0)
	if next := c.nextPoll(p, noon); next.Sub(noon) != never {
		t.Errorf("the next poll is in %s", next.Sub(noon))
	}
	for failures := 1; failures < 20; failures++ {
		for _, ends := range []heals{byTime, byEdit} {
			if got := afterFailure(&failure{heals: ends}, failures, 0); got < retryFirst/2 || got > recheckMost {
				t.Errorf("after %d failures the next try is in %s", failures, got)
			}
		}
	}
	if first := c.firstLook(p, noon); !first.Equal(noon) {
		t.Errorf("before the first sync the first look is in %s", first.Sub(noon))
	}
	p.sync.Status.Secret = &v1alpha1.SecretStatus{Generation: p.sync.Generation}
	c.set(p, condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonSynced, ""))
	if first := c.firstLook(p, noon).Sub(noon); first < 0 || first > c.PollInterval {
		t.Errorf("after a start the first look is in %s", first)
	}
}

// What the former process had in its queue when it was killed is lost.
func TestAfterAStartThoseWhoRelyOnEventsLookOnce(t *testing.T) {
	within := func(c *Controller, interval time.Duration) (latest time.Duration) {
		for number := range 200 {
			p := polled(c, "s", fmt.Sprintf("db-%d", number), interval)
			p.sync.Status.Secret = &v1alpha1.SecretStatus{Generation: p.sync.Generation}
			c.set(p, condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonSynced, ""))
			latest = max(latest, c.firstLook(p, noon).Sub(noon))
		}
		return latest
	}
	c, _, _ := told(0)
	if got := within(c, 24*time.Hour); got < 12*time.Hour {
		t.Errorf("without events all look within %s", got)
	}
	c.ChangesAlive = func() bool { return false }
	if got := within(c, 24*time.Hour); got > c.PollInterval {
		t.Errorf("with events the last one looks after %s", got)
	}
	if got := within(c, time.Minute); got > time.Minute {
		t.Errorf("those that poll often look after %s", got)
	}
}

func TestPollsStretchWhileEventsCome(t *testing.T) {
	c, _, _ := told(time.Hour)
	alive := true
	c.ChangesAlive = func() bool { return alive }
	for interval, want := range map[time.Duration]time.Duration{
		0: 0, time.Second: 4 * time.Second, 5 * time.Minute: 20 * time.Minute, 10 * time.Minute: 30 * time.Minute, time.Hour: time.Hour,
	} {
		p := polled(c, "db", "db", interval)
		if alive = true; c.polls(p.sync) != want {
			t.Errorf("%s is stretched to %s, want %s", interval, c.polls(p.sync), want)
		}
		if alive = false; c.polls(p.sync) != interval {
			t.Errorf("%s is stretched to %s without events", interval, c.polls(p.sync))
		}
	}
	p := polled(c, "db", "db", 5*time.Minute)
	alive = true
	first := c.nextTick(p, noon)
	if next := c.nextTick(p, first); next.Sub(first) != 20*time.Minute {
		t.Errorf("polls are %s apart", next.Sub(first))
	}
}

// What keepPrevious keeps goes in time, whoever polls how often, and also after a restart.
func TestFormerValuesGoWithoutAPoll(t *testing.T) {
	for _, interval := range []time.Duration{0, 24 * time.Hour} {
		c, _, p := told(interval)
		p.until = noon.Add(10 * time.Second)
		if next := c.nextPoll(p, noon); !next.Equal(p.until) {
			t.Errorf("polled every %s, they go in %s", interval, next.Sub(noon))
		}
		p.sync.Status.Secret = &v1alpha1.SecretStatus{Generation: p.sync.Generation}
		c.set(p, condition(v1alpha1.ConditionReady, "True", v1alpha1.ReasonSynced, ""))
		p.sync.Status.PreviousUntil = &metav1.Time{Time: noon.Add(-time.Second)}
		if first := c.firstLook(p, noon); first.After(noon) {
			t.Errorf("polled every %s, they go in %s after a restart", interval, first.Sub(noon))
		}
	}
}

// A secret that is new is told of before it is listed.
func TestThoseWhoLookForSecretsLookOnceMore(t *testing.T) {
	c, _, p := told(0)
	p.sync.Spec.DataFrom = []v1alpha1.DataFrom{{Find: &v1alpha1.Find{NamePrefix: "/prod/"}}}
	for why, want := range map[trigger]time.Duration{triggerEvent: listLag, triggerPoll: never} {
		p.trigger = why
		if next := c.nextPoll(p, noon).Sub(noon); next != want {
			t.Errorf("after a look because of %q the next is in %s, want %s", why, next, want)
		}
	}
	p.trigger, p.sync.Spec.DataFrom = triggerEvent, nil
	if next := c.nextPoll(p, noon).Sub(noon); next != never {
		t.Errorf("without find the next look is in %s", next)
	}
}

// Events may name any number of secrets, as a name does not tell the random end of an ARN.
func TestFailuresAreRememberedInBoundedNumber(t *testing.T) {
	c, _, p := told(time.Hour)
	newQueue(t, c)
	for round := range 2 {
		for n := range 2 * failuresMost {
			failure := RotationFailure{
				ARN: fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-%d%05d", round, n), At: noon.Add(time.Duration(n) * time.Second),
			}
			if err := c.Notify(t.Context(), []types.NamespacedName{db}, failure); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(c.memories.news[db].failed); got > failuresMost {
			t.Fatalf("%d failures wait for the next pass", got)
		}
		c.memories.hear(p)
	}
	if got := len(p.memory.rotationsFailed); got != failuresMost {
		t.Errorf("%d failures are remembered", got)
	}
	newest := fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-1%05d", 2*failuresMost-1)
	if p.memory.rotationsFailed[newest].IsZero() {
		t.Error("the latest failure is not remembered")
	}
}

// News are kept until AWS has answered, and are taken once.
func TestNewsAreHeardOnceAndKept(t *testing.T) {
	c, _, p := told(time.Hour)
	c.memories.tell(db, noon, RotationFailure{At: noon})
	for range 2 {
		if c.memories.hear(p); !p.memory.told.Equal(noon) || len(c.memories.news) != 0 || len(p.memory.rotationsFailed) != 0 {
			t.Errorf("news of %s; %d more are left, %d failures known", p.memory.told, len(c.memories.news), len(p.memory.rotationsFailed))
		}
	}
}

func TestHowOldAnAnswerMayBe(t *testing.T) {
	hour := time.Duration(sharedPart * float64(time.Hour))
	for name, test := range map[string]struct {
		trigger trigger
		change  func(*memory)
		want    time.Duration
	}{
		"a poll":                             {triggerPoll, func(*memory) {}, hour},
		"a repair":                           {triggerDrift, func(*memory) {}, hour},
		"anything else":                      {triggerRestore, func(*memory) {}, 10 * time.Second},
		"after a failure that is over":       {triggerPoll, func(m *memory) { m.triedAt = noon.Add(-time.Second) }, hour},
		"after a failure":                    {triggerPoll, func(m *memory) { m.failures, m.triedAt = 1, noon.Add(-time.Minute) }, time.Minute},
		"after a restore":                    {triggerPoll, func(m *memory) { m.restored = noon.Add(-2 * time.Second) }, 2 * time.Second},
		"long after an event":                {triggerPoll, func(m *memory) { m.told = noon.Add(-time.Minute) }, 10 * time.Second},
		"before what was out of date is due": {triggerPoll, func(m *memory) { m.pursuit = pursuit{since: noon, next: noon.Add(time.Second)} }, hour},
		"where the clock was set back":       {triggerEvent, func(m *memory) { m.told = noon.Add(time.Second) }, 0},
		"an edit":                            {triggerSpec, func(*memory) {}, 0},
	} {
		c, _, p := told(time.Hour)
		p.trigger = test.trigger
		test.change(p.memory)
		if got := c.maxAge(p); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestOnlyThoseWithFindLookForSecrets(t *testing.T) {
	_, _, p := told(time.Hour)
	p.sync.Spec.DataFrom = []v1alpha1.DataFrom{{Prefix: "A_"}}
	if p.looks() {
		t.Error("an entry without find looks")
	}
	p.sync.Spec.DataFrom = append(p.sync.Spec.DataFrom, v1alpha1.DataFrom{Find: &v1alpha1.Find{}})
	if !p.looks() {
		t.Error("an entry with find does not look")
	}
}

// After a start those who rely on events look within the operator's interval, at moments that are spread over it; others,
// and those who poll as often by themselves, when their secret's turn is.
func TestFirstLooksAreSpread(t *testing.T) {
	for name, test := range map[string]struct {
		operators, own time.Duration
		events         bool
		within         time.Duration
		spread         bool
	}{
		"no poll of their own":         {5 * time.Minute, 0, false, 5 * time.Minute, true},
		"no poll at all":               {0, 0, false, pollSlot, true},
		"events, and rare polls":       {5 * time.Minute, never, true, 5 * time.Minute, true},
		"events, and polls as often":   {5 * time.Minute, 5 * time.Minute, true, 5 * time.Minute, false},
		"events, and more often polls": {5 * time.Minute, time.Minute, true, time.Minute, false},
		"rare polls":                   {5 * time.Minute, 24 * time.Hour, false, 24 * time.Hour, false},
	} {
		c := New(Options{PollInterval: test.operators})
		if test.events {
			c.ChangesAlive = func() bool { return false }
		}
		p := polled(c, "s", "db", test.own)
		soonest, latest := 365*24*time.Hour, time.Duration(0)
		for range 300 {
			look := c.nextTickOrSooner(p, noon).Sub(noon)
			soonest, latest = min(soonest, look), max(latest, look)
		}
		if latest > test.within || soonest < 0 {
			t.Errorf("%s: the last look is in %s, want within %s", name, latest, test.within)
		}
		if spread := latest-soonest > test.within/2; spread != test.spread {
			t.Errorf("%s: the looks are in %s to %s", name, soonest, latest)
		}
	}
	c := New(Options{PollInterval: 5 * time.Minute, ChangesAlive: func() bool { return false }})
	for n := range 100 {
		p := polled(c, "s", fmt.Sprint("db-", n), 6*time.Minute)
		if look := c.nextTickOrSooner(p, noon); look.After(c.nextTick(p, noon)) {
			t.Errorf("the first look is %s after the poll", look.Sub(c.nextTick(p, noon)))
		}
		p = polled(c, "s", fmt.Sprint("db-", n), 5*time.Minute)
		if look := c.nextTickOrSooner(p, noon); !look.Equal(c.nextTick(p, noon)) {
			t.Errorf("a poll as often as the operator's own is not waited for: the first look is %s before it", c.nextTick(p, noon).Sub(look))
		}
	}
}
