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

// Poll intervals of SecretSyncs: often needs no events, rarely is longer than a run, and alone turns polls off. The
// last two depend on change events.
const (
	often  = time.Second
	rarely = 24 * time.Hour
	alone  = time.Duration(0)
)

const (
	queueName = "changes"
	// longestDelay is the longest delay of an event.
	longestDelay = 1500 * time.Millisecond
	// firstLook is how soon after its start the operator reads what follows events: the former process may have
	// received an event and ended before it had an effect.
	firstLook = 2 * time.Second
)

// changeEvents is what the model knows of change events.
type changeEvents struct {
	queue string
	// gone says that the queue does not exist now; lossy that some events are lost on their way to it.
	gone, lossy bool
	// touched are the secrets that have changed since the last settling; untold are those for whose last change the
	// event may be lost.
	touched, untold map[*awsSecret]bool
	// asked counts the refreshes that SecretSyncs which follow events needed to be in sync.
	asked int
}

// follows says whether a spec depends on change events.
func (s *spec) follows() bool { return s.poll != often }

// reads says whether a spec reads one of these secrets.
func (s *spec) reads(some map[*awsSecret]bool) bool {
	return some[s.from] || slices.ContainsFunc(s.more, func(e specEntry) bool { return some[e.from] })
}

// makeQueue creates the queue, and the rule that sends events to it. It has no dead-letter queue, so that an event is
// never given up, however often it is received.
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

// changed records the secrets that have changed since the last moment, and whether the event is certain to arrive: an
// event makes up for earlier ones that were lost.
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

// deliver changes how events are delivered.
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

// flush delivers the delayed events.
func (r *run) flush() bool {
	r.note("bring all events that are on their way")
	r.env.AWS.FlushEvents()
	return true
}

// deliverWell ends faults of the delivery.
func (r *run) deliverWell() bool {
	r.note("events come at once, and each once")
	r.setDelivery(localaws.Delivery{})
	r.env.AWS.FlushEvents()
	return true
}

// loseQueue deletes the queue and its messages. Events are lost until it is recreated.
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

// denyQueue denies receiving or deleting messages: events wait, or are received again.
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
	return r.editAny(nil, func(_ *slot, next *spec) { next.poll = pick(r, often, alone, rarely) })
}

// untold are reasons that end without a change in AWS, and so without an event: permissions and faults in AWS, and a
// Secret to merge into that does not exist yet. A SecretSync that polls recovers; one that follows events retries with
// backoff.
func untold(reason string) bool {
	return slices.Contains([]string{
		v1alpha1.ReasonAccessDenied, v1alpha1.ReasonKMSAccessDenied, v1alpha1.ReasonSourceFailed, v1alpha1.ReasonThrottled,
		v1alpha1.ReasonCredentialsUnavailable, v1alpha1.ReasonRegionUnavailable, v1alpha1.ReasonTargetNotFound,
	}, reason)
}

// askFollowers requests a refresh of SecretSyncs that events may not have reached. A SecretSync that polls often is in
// sync after a poll, whatever happened to events. One that follows events is in sync once the events of all changes
// have arrived. If an event may be lost, or the failure was not a change, it needs a later event or a refresh.
func (r *run) askFollowers(seen snapshot, refreshed map[*slot]bool) {
	r.Helper()
	for _, of := range r.slots {
		secretSync := seen.syncs[of.key()]
		// A refresh has no effect while reads may be stale.
		if secretSync == nil || !of.exists || !of.spec.follows() || refreshed[of] || r.lags(of) || len(r.differencesOf(of, seen)) == 0 {
			continue
		}
		waits := slices.ContainsFunc([]string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled}, func(kind string) bool {
			reported := meta.FindStatusCondition(secretSync.Status.Conditions, kind)
			return reported != nil && untold(reported.Reason)
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

// unfollowed is reported while the operator does not receive from the queue: otherwise its backoff would grow from one
// settling to the next.
func (r *run) unfollowed() []string {
	if r.env.AWS.Polling(r.changeEvents.queue) == 0 {
		return []string{"the operator does not wait at the queue of change events"}
	}
	return nil
}

// awaitDrained waits until every event was received.
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
