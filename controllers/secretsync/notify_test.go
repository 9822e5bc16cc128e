package secretsync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/secretsync/schedule"
	"github.com/secretsync/secretsync/controllers/source"
)

// startQueue starts the controller's inserter with a queue, as controller-runtime does.
func (e *environment) startQueue(t *testing.T) priorityqueue.PriorityQueue[reconcile.Request] {
	t.Helper()
	queue := priorityqueue.New[reconcile.Request]("test")
	t.Cleanup(queue.ShutDown)
	if err := e.inserter.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	return queue
}

// notify notifies the SecretSync of a change event.
func (e *environment) notify(t *testing.T, failure RotationFailure) {
	t.Helper()
	if err := e.Notify(t.Context(), []types.NamespacedName{here}, failure); err != nil {
		t.Fatal(err)
	}
}

func TestAnEventGoesBeforePollsAndFirstSyncs(t *testing.T) {
	e := newEnvironment(t, fresh())
	queue := e.startQueue(t)
	add := func(name string, priority int) {
		queue.AddWithOpts(priorityqueue.AddOpts{Priority: &priority}, reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
	}
	add("poll", schedule.PriorityPoll)
	add("first sync", schedule.PriorityFirst)
	add("report", schedule.PriorityReport)
	add("edit", 0)
	if err := e.Notify(t.Context(), []types.NamespacedName{{Name: "event"}}, RotationFailure{}); err != nil {
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
	e := newEnvironment(t, fresh())
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	if err := e.inserter.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	e.notify(t, RotationFailure{})
	if request, _ := queue.Get(); request.NamespacedName != here {
		t.Errorf("the queue has %s", request)
	}
}

// An event that no reconcile will follow must not be taken for one that is done with.
func TestAnEventThatNoReconcileFollowsIsNotDoneWith(t *testing.T) {
	e := newEnvironment(t, fresh())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Notify(ended, []types.NamespacedName{here}, RotationFailure{}); err == nil {
		t.Error("without a queue an event is done with")
	}
	queue := priorityqueue.New[reconcile.Request]("test")
	if err := e.inserter.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	if err := e.Notify(ended, []types.NamespacedName{here}, RotationFailure{}); err == nil {
		t.Error("while the operator stops an event is done with")
	}
	queue.ShutDown()
	if err := e.Notify(t.Context(), []types.NamespacedName{here}, RotationFailure{}); err == nil {
		t.Error("after the queue was shut down an event is done with")
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
	e := newEnvironment(t, fresh())
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	ctx, stop := context.WithCancel(t.Context())
	if err := e.inserter.Start(t.Context(), &ending{queue, stop}); err != nil {
		t.Fatal(err)
	}
	if err := e.Notify(ctx, []types.NamespacedName{here}, RotationFailure{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestAnEventIsFollowedUntilAWSHasAnswered: by a reconcile that asks AWS, which a poll that is not due would not do.
func TestAnEventIsFollowedUntilAWSHasAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		refusal error
		denied  bool // writing the Secret
		follows bool // so does the next reconcile, once the next try is due
	}{
		"answered":                  {},
		"refused":                   {refusal: &source.Error{Kind: source.SecretNotFound, Explanation: "no"}},
		"throttled":                 {refusal: &source.Error{Kind: source.Throttled, Explanation: "slow down"}, follows: true},
		"answered, and not written": {denied: true, follows: true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvironment(t, fresh())
			e.settle(t)
			e.startQueue(t)
			e.pollAt(e.clock.Now().Add(time.Hour))
			trigger := func() schedule.Trigger {
				a, err := e.start(t.Context(), e.now(t), e.state(), false)
				if err != nil {
					t.Fatal(err)
				}
				return a.trigger
			}
			if got := trigger(); got != schedule.None {
				t.Fatalf("the reason before the event is %q", got)
			}
			e.notify(t, RotationFailure{})
			if got := trigger(); got != schedule.Event {
				t.Fatalf("the reason is %q", got)
			}
			if e.aws.refusal = test.refusal; test.denied {
				e.aws.version, e.refusal["db"] = "version-2", errAway
			}
			e.turn(t)
			e.aws.refusal = nil
			want := schedule.None
			if test.follows {
				e.clock.SetTime(e.state().schedule.Next())
				want = schedule.Event
			}
			if got := trigger(); got != want {
				t.Errorf("the reason for the next reconcile is %q, want %q", got, want)
			}
			e.notify(t, RotationFailure{})
			if got := trigger(); got != schedule.Event {
				t.Errorf("the reason after another event is %q", got)
			}
		})
	}
}

// TestAnAnswerIsSharedThatIsNewerThanTheEvent: what the schedule says of its age is what AWS is asked.
func TestAnAnswerIsSharedThatIsNewerThanTheEvent(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{0: 0, 3 * time.Second: 3 * time.Second, time.Minute: 10 * time.Second} {
		e := newEnvironment(t, fresh())
		e.settle(t)
		e.startQueue(t)
		var queries []source.VersionQuery
		e.use(interrupted(func(_ context.Context, query source.VersionQuery) error {
			queries = append(queries, query)
			return nil
		}, e.aws))
		e.pollAt(e.clock.Now().Add(time.Hour))
		e.notify(t, RotationFailure{})
		e.after(after)
		e.turn(t)
		if len(queries) != 1 || queries[0].MaxAge != want || queries[0].Routine {
			t.Errorf("%s after the event AWS is asked %+v", after, queries)
		}
	}
}

// An event may come while AWS is asked, and the answer be from before it.
func TestAnEventThatComesWithinAPassThatFailsIsFollowed(t *testing.T) {
	secretSync := fresh()
	secretSync.Spec.PollInterval = &metav1.Duration{}
	e := newEnvironment(t, secretSync)
	e.settle(t)
	e.interrupt(func(context.Context) {
		e.aws.refusal = &source.Error{Kind: source.SecretPendingDeletion, Explanation: "marked"}
		e.after(time.Millisecond)
		e.changes.record(here, e.clock.Now(), RotationFailure{})
		e.after(time.Millisecond)
	})
	e.changes.record(here, e.clock.Now(), RotationFailure{})
	e.turn(t)
	if got := e.now(t).FailureReason(); got != v1alpha1.ReasonSecretPendingDeletion {
		t.Fatalf("the first reconcile ends with %q", got)
	}
	e.aws.refusal, e.aws.version = nil, "version-2"
	e.use(e.aws)
	e.turn(t)
	if held := e.value(t); held != "of version-2" {
		t.Errorf("the event is forgotten: the Secret holds %q", held)
	}
}

// takeChange takes the change of the SecretSync as the start of a reconcile does.
func (e *environment) takeChange() *objectState {
	state := e.states.of(here, "uid")
	if changed, ok := e.changes.take(here); ok {
		state.schedule.Changed(changed.at)
		state.rotations.failed(changed.failed)
	}
	return state
}

func TestAFailedRotationIsRememberedInWhateverOrderEventsCome(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.startQueue(t)
	earlier, later := noon.Add(-time.Hour), noon
	for _, failure := range []RotationFailure{{"arn", earlier}, {"other", earlier}, {"arn", later}, {"arn", earlier}, {}} {
		e.notify(t, failure)
		if failure.At.Equal(later) {
			e.takeChange()
		}
	}
	if got, want := e.takeChange().rotations.failures, map[string]time.Time{"arn": later, "other": earlier}; !cmp.Equal(want, got) {
		t.Errorf("rotations have failed: %v, want %v", got, want)
	}
}

// The latest are remembered, in whatever order they are looked at.
func TestTheLatestFailuresAreRemembered(t *testing.T) {
	for range 20 {
		var known map[string]time.Time
		for n := range maxFailures + 3 {
			known = withFailure(known, fmt.Sprint("arn-", n), noon.Add(time.Duration(n)*time.Second))
		}
		for n := range maxFailures + 3 {
			if _, is := known[fmt.Sprint("arn-", n)]; is != (n >= 3) {
				t.Fatalf("of %d failures number %d is remembered: %t", maxFailures+3, n, is)
			}
		}
	}
}

// TestAReconcileJudgesByTheFailuresOfRotations that change events have reported.
func TestAReconcileJudgesByTheFailuresOfRotations(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.use(&fakeSource{resolve: func(source.VersionQuery) (source.Resolution, error) {
		return source.Resolution{Version: waiting("arn", "")}, nil
	}})
	e.settle(t)
	e.changes.record(here, noon, RotationFailure{ARN: "arn", At: noon})
	e.settle(t)
	health := meta.FindStatusCondition(e.now(t).Status.Conditions, v1alpha1.ConditionRotationHealthy)
	if health == nil || health.Reason != v1alpha1.ReasonRotationFailed {
		t.Errorf("the condition of rotations is %+v", health)
	}
}

func TestNewsGoWithTheSecretSync(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.startQueue(t)
	e.notify(t, RotationFailure{ARN: "arn", At: noon})
	e.forget(here)
	if e.takeChange().schedule.ChangedAfter(time.Time{}) {
		t.Error("the change event is followed for another SecretSync of the name")
	}
	if len(e.changes.byName) != 0 {
		t.Errorf("%d changes are left", len(e.changes.byName))
	}
}

// Events may name any number of secrets, as a name does not tell the random end of an ARN.
func TestFailuresAreRememberedInBoundedNumber(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.startQueue(t)
	for reconciles := range 2 {
		for n := range 2 * maxFailures {
			e.notify(t, RotationFailure{
				ARN: fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-%d%05d", reconciles, n), At: noon.Add(time.Duration(n) * time.Second),
			})
		}
		if got := len(e.changes.byName[here].failed); got > maxFailures {
			t.Fatalf("%d failures wait for the next reconcile", got)
		}
		e.takeChange()
	}
	known := e.state().rotations.failures
	if got := len(known); got != maxFailures {
		t.Errorf("%d failures are remembered", got)
	}
	newest := fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-1%05d", 2*maxFailures-1)
	if known[newest].IsZero() {
		t.Error("the latest failure is not remembered")
	}
}

// A change is kept until AWS has answered, and is taken once.
func TestNewsAreHeardOnceAndKept(t *testing.T) {
	e := newEnvironment(t, fresh())
	e.changes.record(here, noon, RotationFailure{At: noon})
	for range 2 {
		state := e.takeChange()
		if !state.schedule.ChangedAfter(noon.Add(-1)) || state.schedule.ChangedAfter(noon) {
			t.Error("the change did not come at noon")
		}
		if left := len(e.changes.byName); left != 0 {
			t.Errorf("%d more are left", left)
		}
		if known := len(state.rotations.failures); known != 0 {
			t.Errorf("%d failures are known", known)
		}
	}
}
