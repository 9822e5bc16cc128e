package model

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// How often SecretSyncs poll: so often that nothing else is needed, so seldom that within a run nothing is polled
// twice, or not at all. The last two follow change events.
const (
	often  = time.Second
	seldom = 24 * time.Hour
	alone  = time.Duration(0)
)

const (
	queueName = "changes"
	// longestDelay is the longest time that an event takes.
	longestDelay = 1500 * time.Millisecond
	// firstLook is how soon after its start the operator looks at what follows events: one may have ended with the
	// process before, which took it from the queue.
	firstLook = 2 * time.Second
)

// changes is what the model knows of change events.
type changeEvents struct {
	queue string
	// gone says that there is no queue now, lossy that some events are lost on their way to it.
	gone, lossy bool
	// touched are the secrets that have changed since all was last settled, untold those of whose last change the
	// event may be lost.
	touched, untold map[*secret]bool
	// asked counts the refreshes that followers needed to come right.
	asked int
}

// follows says whether a spec depends on change events.
func (s *spec) follows() bool { return s.poll != often }

// reads says whether a spec reads one of these secrets.
func (s *spec) reads(some map[*secret]bool) bool {
	return some[s.from] || slices.ContainsFunc(s.more, func(e entry) bool { return some[e.from] })
}

// makeQueue makes the queue, and the rule that feeds it. It has no dead letters: what comes again and again in
// times of trouble is not given up.
func (r *run) makeQueue() {
	r.Helper()
	var err error
	if r.changeEvents.queue, err = r.env.AWS.AddQueue(localaws.Queue{Name: queueName, VisibilityTimeout: time.Second}); err != nil {
		r.Fatal(err)
	}
	if _, err := r.env.AWS.AddEventRule(localaws.EventRule{Queue: r.changeEvents.queue}); err != nil {
		r.Fatal(err)
	}
	r.changeEvents.gone = false
}

func (r *run) queueURL() string {
	return r.env.AWS.URL() + "/" + localaws.DefaultAccount + "/" + queueName
}

// changed notes the secrets that have changed since the last moment, and whether that is told for certain: an event
// makes up for those before it that were lost.
func (r *run) changed(now moment) {
	if len(r.moments) == 0 {
		return
	}
	before := r.moments[len(r.moments)-1]
	for of, is := range now {
		if was := before[of]; was.is != is.is || was.life != is.life || !maps.Equal(was.labels, is.labels) {
			r.stale.changed[of] = time.Now()
			r.changeEvents.touched[of], r.changeEvents.untold[of] = true, r.changeEvents.lossy || r.changeEvents.gone
		}
	}
}

// deliver changes how events fare on their way.
func (r *run) deliver() bool {
	next := localaws.Delivery{Seed: r.random.Uint64()}
	delay := time.Duration(r.random.Int64N(int64(longestDelay)))
	switch r.random.IntN(6) {
	case 0, 1:
		next.Lost = 0.5
	case 2:
		next.Duplicated, next.Reordered = 1, 0.5
	case 3:
		next.Delay = delay
	case 4:
		next.Duplicated, next.Reordered, next.Delay = 0.3, 0.5, delay
	case 5:
		next.Hold = true
	}
	r.note("of all events, %g are lost, %g doubled, %g overtaken, each %s late, held %t", next.Lost, next.Duplicated, next.Reordered, next.Delay, next.Hold)
	r.setDelivery(next)
	return true
}

func (r *run) setDelivery(next localaws.Delivery) {
	r.Helper()
	if err := r.env.AWS.SetDelivery(next); err != nil {
		r.Fatal(err)
	}
	r.changeEvents.lossy = next.Lost > 0
}

// flush brings the events that are on their way.
func (r *run) flush() bool {
	r.note("bring all events that are on their way")
	r.env.AWS.FlushEvents()
	return true
}

// deliverWell ends the trouble of events.
func (r *run) deliverWell() bool {
	r.note("events come at once, and each once")
	r.setDelivery(localaws.Delivery{})
	r.env.AWS.FlushEvents()
	return true
}

// loseQueue deletes the queue with all that is in it, and all that comes until it is made again.
func (r *run) loseQueue() bool {
	if r.changeEvents.gone {
		return false
	}
	r.note("delete the queue of change events")
	queues := sqs.New(sqs.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(r.env.AWS.URL()), Credentials: credentials.NewStaticCredentialsProvider("tester", "not-checked", "")})
	_, err := queues.DeleteQueue(r.Context(), &sqs.DeleteQueueInput{QueueUrl: aws.String(r.queueURL())})
	r.must(err)
	r.changeEvents.gone = true
	maps.Copy(r.changeEvents.untold, r.changeEvents.touched)
	return true
}

func (r *run) restoreQueue() bool {
	if !r.changeEvents.gone {
		return false
	}
	r.note("make the queue of change events again")
	r.makeQueue()
	return true
}

// denyQueue keeps the operator from taking events, or from deleting those it took: they wait, or come again.
func (r *run) denyQueue() bool {
	action := pick(r, "ReceiveMessage", "DeleteMessage", "*")
	key := "sqs:" + action + " "
	if _, denied := r.rules[key]; denied {
		return false
	}
	r.note("deny %s", key)
	r.rules[key] = localaws.Rule{Deny: true, Principal: operatorARN, Action: "sqs:" + action}
	r.env.AWS.SetRules(slices.Collect(maps.Values(r.rules))...)
	return true
}

// faultQueue makes calls of the queue fail.
func (r *run) faultQueue() bool {
	trouble := pick(r, localaws.Fault{Code: "ServiceUnavailable", Status: http.StatusServiceUnavailable}, localaws.Fault{Cut: true}, localaws.Fault{Half: true})
	trouble.Principal, trouble.Operation, trouble.Every = operatorARN, pick(r, "ReceiveMessage", "DeleteMessageBatch"), 1+r.random.IntN(3)
	r.note("every %d. call of %q: status %d, cut %t, half %t", trouble.Every, trouble.Operation, trouble.Status, trouble.Cut, trouble.Half)
	r.env.AWS.SetFaults(trouble)
	return true
}

// editPoll changes how often a SecretSync polls.
func (r *run) editPoll() bool {
	return r.editAny(nil, func(_ *slot, next *spec) { next.poll = pick(r, often, alone, seldom) })
}

// untold are reasons that no change in AWS ends and of whose end no event tells: permissions and faults in AWS, and a
// Secret that somebody else has yet to make. Who polls finds out; who follows events tries again ever more seldom.
func untold(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.ReasonAccessDenied, v1alpha1.ReasonKMSAccessDenied, v1alpha1.ReasonSourceFailed, v1alpha1.ReasonThrottled,
		v1alpha1.ReasonCredentialsUnavailable, v1alpha1.ReasonRegionUnavailable, v1alpha1.ReasonTargetNotFound,
	}, reason)
}

// askFollowers asks followers for a refresh where the promise of events does not reach: Who polls often is right
// within a poll, whatever came of events. Who follows them is right once those of all changes have come; where one may
// have been lost, or what failed was no change, once a later event or a refresh tells it.
func (r *run) askFollowers(seen snapshot, refreshed map[*slot]bool) {
	r.Helper()
	for _, of := range r.slots {
		secretSync := seen.syncs[of.key()]
		// A refresh while reads may be stale would be in vain.
		if secretSync == nil || !of.exists || !of.spec.follows() || refreshed[of] || r.lags(of) || len(r.differencesOf(of, seen)) == 0 {
			continue
		}
		waits := slices.ContainsFunc([]string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled}, func(kind string) bool {
			told := meta.FindStatusCondition(secretSync.Status.Conditions, kind)
			return told != nil && untold(told.Reason)
		})
		late := of.late || r.stale.lately && of.spec.reads(r.stale.undated)
		if lost := of.spec.reads(r.changeEvents.untold); lost || waits || late {
			r.note("%s follows events, and was not told (an event lost: %t, before it began to look, or undated: %t): ask it for a refresh", of, lost, late)
			r.askRefresh(of)
			refreshed[of] = true
			r.changeEvents.asked++
		}
	}
}

// unfollowed is told while the operator is not at the queue: its waits after failures would add up from one time that
// all settles to the next.
func (r *run) unfollowed() []string {
	if r.env.AWS.Polling(r.changeEvents.queue) == 0 {
		return []string{"the operator does not wait at the queue of change events"}
	}
	return nil
}

// awaitDrained wants every event to be taken in the end.
func (r *run) awaitDrained() {
	r.Helper()
	problems := await(r.Context(), func() []string {
		if len(r.env.AWS.Messages(r.changeEvents.queue)) == 0 {
			return nil
		}
		return []string{"events are left in the queue"}
	})
	if len(problems) > 0 {
		r.Error(strings.Join(problems, ", "))
	}
}
