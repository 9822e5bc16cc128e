package localaws

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
)

// Defaults of a queue's attributes (page "SetQueueAttributes" of SQS).
const (
	visibilityDefault = 30 * time.Second
	retentionDefault  = 4 * day
	visibilityMost    = 12 * time.Hour
	delayMost         = 15 * time.Minute
	waitMost          = 20 * time.Second
)

// Queue is an SQS queue.
type Queue struct {
	// Account and Region of the queue. Default: the server's.
	Account, Region string
	// Name, up to 80 characters of letters, digits, - and _.
	Name string
	// VisibilityTimeout is how long a message that was received stays hidden. Default: 30 seconds.
	VisibilityTimeout time.Duration
	// DeadLetterQueue is the ARN of the queue that takes messages which were received MaxReceives times.
	DeadLetterQueue string
	MaxReceives     int
	// Policy is the queue's policy, in JSON. Without it, only their own policies limit callers of its account, and
	// EventBridge may send events.
	Policy string
}

// queue is a queue with its messages, oldest first.
type queue struct {
	Queue
	arn              string
	policy           *iam.Policy
	delay, wait      time.Duration
	retention        time.Duration
	created, changed time.Time
	messages         []*message
	// changes wakes long polls.
	changes signal
	// polling counts the receivers that wait.
	polling int
}

// message is one message of a queue.
type message struct {
	id, body string
	sent     time.Time
	// first is when it was first received.
	first time.Time
	// visible is when it may be received.
	visible    time.Time
	received   int
	receipt    string
	attributes map[string]json.RawMessage
	// from is the ARN of the former queue of a message in a dead-letter queue.
	from string
}

// hash is the MD5 sum by which SDKs check bodies; it is not for security.
func (m *message) hash() string {
	sum := md5.Sum([]byte(m.body))
	return hex.EncodeToString(sum[:])
}

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

func queueARN(at place, name string) string {
	return newARN(Partition(at.region), "sqs", at.region, at.account, name)
}

// placeOfQueue splits the ARN of a queue.
func placeOfQueue(arn string) (at place, name string, err error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "sqs" {
		return at, "", fmt.Errorf("%q is not the ARN of a queue", arn)
	}
	return place{account: parts[4], region: parts[3]}, parts[5], nil
}

// AddQueue creates a queue, or changes the attributes of the queue of that name, and gives the queue's ARN.
func (s *Server) AddQueue(q Queue) (arn string, err error) {
	if !queueName.MatchString(q.Name) {
		return "", errors.New("adding a queue: the name is 1 to 80 letters, digits, - and _")
	}
	var policy *iam.Policy
	if q.Policy != "" {
		if policy, err = iam.ParseResource(q.Policy); err != nil {
			return "", fmt.Errorf("adding queue %s: %w", q.Name, err)
		}
	}
	if q.VisibilityTimeout == 0 {
		q.VisibilityTimeout = visibilityDefault
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	q.Account, q.Region = s.accountOr(q.Account), s.regionOr(q.Region)
	made := s.newQueue(place{account: q.Account, region: q.Region}, q.Name)
	made.Queue, made.policy = q, policy
	return made.arn, nil
}

// newQueue creates a queue, or finds the queue of that name. The mutex must be held.
func (s *Server) newQueue(at place, name string) *queue {
	if found := s.queues[at][name]; found != nil {
		return found
	}
	made := &queue{
		Queue: Queue{Account: at.account, Region: at.region, Name: name, VisibilityTimeout: visibilityDefault},
		arn:   queueARN(at, name), retention: retentionDefault, created: s.now(), changed: s.now(),
	}
	put(&s.queues, at, merging(s.queues[at], name, made))
	return made
}

func merging(into map[string]*queue, name string, made *queue) map[string]*queue {
	put(&into, name, made)
	return into
}

func (s *Server) queueByARN(arn string) *queue {
	at, name, err := placeOfQueue(arn)
	if err != nil {
		return nil
	}
	return s.queues[at][name]
}

func (s *Server) regionOr(region string) string {
	if region == "" {
		return s.region()
	}
	return region
}

// Messages are the bodies of a queue's messages, including hidden ones, oldest first.
func (s *Server) Messages(queueARN string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var bodies []string
	if q := s.queueByARN(queueARN); q != nil {
		q.forget(s.now())
		for _, m := range q.messages {
			bodies = append(bodies, m.body)
		}
	}
	return bodies
}

// Polling is how many long polls wait at a queue.
func (s *Server) Polling(queueARN string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if q := s.queueByARN(queueARN); q != nil {
		return q.polling
	}
	return 0
}

// SendMessage puts a message into a queue without a call, as EventBridge does. The body may be anything.
func (s *Server) SendMessage(queueARN, body string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	q := s.queueByARN(queueARN)
	if q == nil {
		return fmt.Errorf("sending a message: no queue %s", queueARN)
	}
	q.add(&message{id: newUUID(), body: body, sent: s.now()})
	return nil
}

func (q *queue) add(m *message) {
	q.messages = append(q.messages, m)
	q.changes.wake()
}

// forget drops messages that are older than the queue's retention period.
func (q *queue) forget(now time.Time) {
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return now.Sub(m.sent) > q.retention })
}

// counts are the numbers of visible, hidden and delayed messages.
func (q *queue) counts(now time.Time) (visible, hidden, delayed int) {
	q.forget(now)
	for _, m := range q.messages {
		switch {
		case !now.Before(m.visible):
			visible++
		case m.received > 0:
			hidden++
		default:
			delayed++
		}
	}
	return visible, hidden, delayed
}
