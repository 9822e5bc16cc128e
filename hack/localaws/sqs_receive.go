package localaws

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

const (
	// receiveMost is the maximum number of messages of a call.
	receiveMost = 10
	// lookAgain is how often a long poll reads the clock, which tests may move meanwhile.
	lookAgain = 50 * time.Millisecond
)

type receiveInput struct {
	byURL
	AttributeNames, MessageSystemAttributeNames, MessageAttributeNames []string
	MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds            *int
}

type receivedMessage struct {
	MessageId, ReceiptHandle, MD5OfBody, Body string
	Attributes                                map[string]string          `json:",omitempty"`
	MessageAttributes                         map[string]json.RawMessage `json:",omitempty"`
}

type receiveAnswer struct {
	Messages []receivedMessage `json:",omitempty"`
}

// receiveMessage receives messages, or waits for them. The wait is in real time, not by the server's clock, as the
// client waits in real time too. The mutex is not held meanwhile.
func (s *Server) receiveMessage(call *queueCall, on *queue, input *receiveInput) (any, error) {
	most, hidden, wait := 1, on.VisibilityTimeout, on.wait
	if input.MaxNumberOfMessages != nil {
		most = *input.MaxNumberOfMessages
	}
	if most < 1 || most > receiveMost {
		return nil, wrongValue("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", most)
	}
	if input.VisibilityTimeout != nil {
		hidden = time.Duration(*input.VisibilityTimeout) * time.Second
	}
	if hidden < 0 || hidden > visibilityMost {
		return nil, wrongValue("Value %s for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.", seconds(hidden))
	}
	if input.WaitTimeSeconds != nil {
		wait = time.Duration(*input.WaitTimeSeconds) * time.Second
	}
	if wait < 0 || wait > waitMost {
		return nil, wrongValue("Value %s for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.", seconds(wait))
	}
	taken, err := s.takeWithin(call, on, most, hidden, wait)
	if err != nil {
		return nil, err
	}
	var answer receiveAnswer
	for _, m := range taken {
		answer.Messages = append(answer.Messages, m.asReceived(input))
	}
	return answer, nil
}

// takeWithin takes messages as soon as there are some. The mutex must be held; it is released during the wait.
func (s *Server) takeWithin(call *queueCall, on *queue, most int, hidden, wait time.Duration) ([]*message, error) {
	enough := time.NewTimer(wait)
	defer enough.Stop()
	on.polling++
	defer func() { on.polling-- }()
	for {
		if call.ctx.Err() != nil {
			return nil, errCut // The client is gone: the messages stay.
		}
		taken := s.take(on, most, hidden)
		if len(taken) > 0 || wait == 0 {
			return taken, nil
		}
		if s.queueByARN(on.arn) != on {
			return nil, noQueue()
		}
		if ended, err := s.pause(call, on, enough.C); ended || err != nil {
			return nil, err
		}
	}
}

// pause waits for a change of the queue, and says whether the time is over.
func (s *Server) pause(call *queueCall, on *queue, enough <-chan time.Time) (ended bool, err error) {
	changed := on.changes.wait()
	s.mutex.Unlock()
	defer s.mutex.Lock()
	select {
	case <-call.ctx.Done():
		return true, errCut
	case <-enough:
		return true, nil
	case <-changed:
	case <-time.After(lookAgain):
	}
	return false, nil
}

// take takes messages that may be received, oldest first, and hides them.
func (s *Server) take(on *queue, most int, hidden time.Duration) []*message {
	now := s.now()
	on.forget(now)
	s.redrive(on, now)
	var taken []*message
	for _, m := range on.messages {
		if len(taken) == most {
			break
		}
		if now.Before(m.visible) {
			continue
		}
		m.received++
		if m.received == 1 {
			m.first = now
		}
		m.visible, m.receipt = now.Add(hidden), m.id+"#"+strconv.Itoa(m.received)
		taken = append(taken, m)
	}
	return taken
}

// asReceived is a message as the receiver gets it, with the requested attributes.
func (m *message) asReceived(input *receiveInput) receivedMessage {
	answer := receivedMessage{MessageId: m.id, ReceiptHandle: m.receipt, MD5OfBody: m.hash(), Body: m.body}
	wanted := slices.Concat(input.AttributeNames, input.MessageSystemAttributeNames)
	all := map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.received),
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
	}
	if m.from != "" {
		all["DeadLetterQueueSourceArn"] = m.from
	}
	for name, value := range all {
		if slices.Contains(wanted, "All") || slices.Contains(wanted, name) {
			put(&answer.Attributes, name, value)
		}
	}
	for name, value := range m.attributes {
		if slices.Contains(input.MessageAttributeNames, "All") || slices.Contains(input.MessageAttributeNames, name) {
			put(&answer.MessageAttributes, name, value)
		}
	}
	return answer
}

// redrive moves messages that were received too often to the dead-letter queue, if that exists.
func (s *Server) redrive(on *queue, now time.Time) {
	dead := s.queueByARN(on.DeadLetterQueue)
	if dead == nil {
		return
	}
	on.messages = slices.DeleteFunc(on.messages, func(m *message) bool {
		if m.received < on.MaxReceives || now.Before(m.visible) {
			return false
		}
		m.from = on.arn
		dead.add(m)
		return true
	})
}
