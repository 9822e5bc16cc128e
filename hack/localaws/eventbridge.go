package localaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

// EventRule sends events of Secrets Manager to a queue, like a rule of EventBridge on the default bus.
type EventRule struct {
	// Name of the rule. Default: secretsync.
	Name string
	// Account and Region of the events. Default: the server's; * for every region.
	Account, Region string
	// Queue is the ARN of the queue that gets them.
	Queue string
	// DetailTypes that the rule matches. Default: ByAPICall and ByService.
	DetailTypes []string
	// EventNames that the rule matches; none matches all. Labels have no name.
	EventNames []string
	// Reads makes the rule match calls that only read too (page "AWS service events delivered via AWS CloudTrail",
	// state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS).
	Reads bool
	// CapitalARN writes aRN for arn in the response elements, as some events before February 2024 had it.
	CapitalARN bool
}

// Delivery says how events are delivered to queues. Its zero value delivers each at once, and once.
type Delivery struct {
	// Delay is how late each event comes, in real time.
	Delay time.Duration
	// Duplicated, Reordered and Lost are fractions of the events: 0 none, 1 all. A reordered event is delivered after
	// the next one, or after a second if there is none.
	Duplicated, Reordered, Lost float64
	// Hold keeps all events back until FlushEvents.
	Hold bool
	// Seed of the random choices: the same events are delivered in the same way in each run.
	Seed uint64
}

// bridge is EventBridge: rules, past events, and events to deliver.
type bridge struct {
	rules    []EventRule
	delivery Delivery
	dice     *rand.Rand
	past     []Event
	onWay    []*parcel
	changes  signal
}

// parcel is an event to deliver to a queue.
type parcel struct {
	queue, rule, body string
	due               time.Time
	// held waits for FlushEvents; overtaken waits for another event to be delivered first.
	held, overtaken bool
}

// pastMost is how many past events are kept.
const pastMost = 1000

// overtakeMost is how long an event waits to be overtaken.
const overtakeMost = time.Second

// AddEventRule adds a rule, or replaces the rule of that name, and gives its ARN. A queue with a policy gets
// events only if that lets events.amazonaws.com send messages for the rule (page "Using
// resource-based policies for Amazon EventBridge").
func (s *Server) AddEventRule(r EventRule) (arn string, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.queueByARN(r.Queue) == nil {
		return "", fmt.Errorf("adding a rule for events: no queue %s", r.Queue)
	}
	r.Account, r.Region = s.accountOr(r.Account), s.regionOr(r.Region)
	if r.Name == "" {
		r.Name = "secretsync"
	}
	if len(r.DetailTypes) == 0 {
		r.DetailTypes = []string{ByAPICall, ByService}
	}
	s.bridge.rules = slices.DeleteFunc(s.bridge.rules, func(old EventRule) bool { return old.Name == r.Name })
	s.bridge.rules = append(s.bridge.rules, r)
	return r.arn(), nil
}

func (r *EventRule) arn() string {
	return newARN(Partition(r.Region), "events", r.Region, r.Account, "rule/"+r.Name)
}

// SetDelivery changes how events are delivered from now on, without those that wait for delivery already.
func (s *Server) SetDelivery(d Delivery) error {
	for _, fraction := range []float64{d.Duplicated, d.Reordered, d.Lost} {
		if fraction < 0 || fraction > 1 {
			return errors.New("setting the delivery of events: a fraction is between 0 and 1")
		}
	}
	if d.Delay < 0 {
		return errors.New("setting the delivery of events: a delay is not negative")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.bridge.delivery, s.bridge.dice = d, rand.New(rand.NewPCG(d.Seed, d.Seed))
	return nil
}

// Events are the last thousand events, whether a rule matches them or not, oldest first. Calls that change nothing are
// among them only if a rule has Reads.
func (s *Server) Events() []Event {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.expire()
	return slices.Clone(s.bridge.past)
}

// FlushEvents delivers all waiting events at once, and gives their number.
func (s *Server) FlushEvents() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	count := len(s.bridge.onWay)
	s.carry(func(*parcel) bool { return true })
	return count
}

// AwaitDelivery waits until no event waits for delivery.
func (s *Server) AwaitDelivery(ctx context.Context) error {
	for {
		s.mutex.Lock()
		left, changed := len(s.bridge.onWay), s.bridge.changes.wait()
		s.mutex.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d events to be delivered: %w", left, ctx.Err())
		}
	}
}

// publish records an event and sends it to the queues of matching rules. The mutex must be held.
func (s *Server) publish(at place, detailType string, resources []string, detail any) {
	if resources == nil {
		resources = []string{}
	}
	event := Event{
		Version: "0", ID: newUUID(), DetailType: detailType, Source: "aws.secretsmanager", Account: at.account,
		Time: s.now().UTC().Format(eventTime), Region: at.region, Resources: resources, Detail: detail,
	}
	s.bridge.past = append(s.bridge.past[max(0, len(s.bridge.past)+1-pastMost):], event)
	for i := range s.bridge.rules {
		if rule := &s.bridge.rules[i]; rule.matches(event) {
			s.dispatch(rule, event)
		}
	}
}

func (r *EventRule) matches(event Event) bool {
	if r.Account != event.Account || !like(r.Region, event.Region) || !slices.Contains(r.DetailTypes, event.DetailType) {
		return false
	}
	record, is := event.Detail.(*Trail)
	if !is {
		return true
	}
	return (r.Reads || !record.ReadOnly) && (len(r.EventNames) == 0 || slices.Contains(r.EventNames, record.EventName))
}

// dispatch sends an event by the rules of Delivery: lost, doubled, late, or after the next one.
func (s *Server) dispatch(rule *EventRule, event Event) {
	how, copies := s.bridge.delivery, 1
	if s.bridge.chance(how.Lost) {
		return
	}
	if s.bridge.chance(how.Duplicated) {
		copies = 2
	}
	sent := parcel{queue: rule.Queue, rule: rule.arn(), body: rule.written(event), due: time.Now().Add(how.Delay),
		held: how.Hold, overtaken: s.bridge.chance(how.Reordered)}
	passed := slices.Clone(s.bridge.onWay)
	for range copies {
		copied := sent
		s.bridge.onWay = append(s.bridge.onWay, &copied)
	}
	for _, slow := range passed {
		slow.overtaken = false
	}
	wait := how.Delay
	if sent.overtaken {
		wait += overtakeMost
	}
	if wait > 0 && !sent.held {
		time.AfterFunc(wait, func() {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.carryDue(how.Delay < wait)
		})
	}
	s.carryFresh(passed)
}

func (b *bridge) chance(fraction float64) bool {
	return fraction > 0 && b.dice.Float64() < fraction
}

// carryFresh delivers what is due: what was just sent first, then what it has overtaken.
func (s *Server) carryFresh(passed []*parcel) {
	ready := func(p *parcel) bool { return !p.held && !p.overtaken && !time.Now().Before(p.due) }
	s.carry(func(p *parcel) bool { return ready(p) && !slices.Contains(passed, p) })
	s.carry(ready)
}

// carryDue delivers what is due, and events that have waited long enough to be overtaken.
func (s *Server) carryDue(patient bool) {
	now := time.Now()
	s.carry(func(p *parcel) bool {
		return !p.held && !now.Before(p.due) && (!p.overtaken || patient && now.Sub(p.due) >= overtakeMost)
	})
}

// carry delivers some of the waiting events, in the order in which they were sent.
func (s *Server) carry(some func(*parcel) bool) {
	s.bridge.onWay = slices.DeleteFunc(s.bridge.onWay, func(p *parcel) bool {
		if !some(p) {
			return false
		}
		if q := s.queueByARN(p.queue); q != nil && s.takesEvents(q, p.rule) {
			q.add(&message{id: newUUID(), body: p.body, sent: s.now()})
		}
		return true
	})
	s.bridge.changes.wake()
}

// takesEvents says whether a queue's policy, if it has one, allows EventBridge to send to it.
func (s *Server) takesEvents(q *queue, rule string) bool {
	if q.policy == nil {
		return true
	}
	asked := &iam.Request{Action: "sqs:SendMessage", Resource: q.arn, Account: q.Account, Context: iam.Context{},
		Principal: iam.Principal{Account: q.Account, Service: "events.amazonaws.com"}}
	asked.Context.Set("aws:SourceArn", rule)
	asked.Context.Set("aws:SourceAccount", accountOf(rule))
	return iam.Policies{Resource: q.policy}.DecideOwned(asked).Allowed
}

// written is the body of an event's message.
func (r *EventRule) written(event Event) string {
	if record, is := event.Detail.(*Trail); is && r.CapitalARN && record.ResponseElements["arn"] != nil {
		older := *record
		older.ResponseElements = map[string]any{}
		for key, value := range record.ResponseElements {
			if key == "arn" {
				key = "aRN"
			}
			older.ResponseElements[key] = value
		}
		event.Detail = &older
	}
	text := &bytes.Buffer{}
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(event) // Texts, numbers and maps of them always encode.
	return string(bytes.TrimSpace(text.Bytes()))
}
