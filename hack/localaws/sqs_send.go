package localaws

import (
	"encoding/json"
	"regexp"
	"time"
)

// messageMost is the largest message in bytes, and the largest batch (page "Amazon SQS message quotas").
const messageMost = 1 << 20

// batchOfQueueMost is the maximum number of entries of a batch.
const batchOfQueueMost = 10

type sendEntry struct {
	Id, MessageBody   string
	DelaySeconds      *int
	MessageAttributes map[string]json.RawMessage
}

type sendInput struct {
	byURL
	sendEntry
}

type sendAnswer struct {
	Id                          string `json:",omitempty"`
	MessageId, MD5OfMessageBody string
}

func (s *Server) sendMessage(_ *queueCall, on *queue, input *sendInput) (any, error) {
	answer, err := s.send(on, &input.sendEntry)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func (s *Server) send(on *queue, entry *sendEntry) (*sendAnswer, error) {
	if entry.MessageBody == "" {
		return nil, refuse("MissingRequiredParameterException", "The request must contain the parameter MessageBody.")
	}
	if len(entry.MessageBody) > messageMost {
		return nil, wrongValue("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", messageMost)
	}
	delay := on.delay
	if entry.DelaySeconds != nil {
		delay = time.Duration(*entry.DelaySeconds) * time.Second
	}
	if delay < 0 || delay > delayMost {
		return nil, wrongValue("Value %s for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", seconds(delay))
	}
	sent := &message{id: newUUID(), body: entry.MessageBody, sent: s.now(), visible: s.now().Add(delay), attributes: entry.MessageAttributes}
	on.add(sent)
	return &sendAnswer{Id: entry.Id, MessageId: sent.id, MD5OfMessageBody: sent.hash()}, nil
}

// batchFailure is an entry of a batch that was refused.
type batchFailure struct {
	Id, Code, Message string
	SenderFault       bool
}

type batchResult struct {
	Successful []any          `json:"Successful"`
	Failed     []batchFailure `json:"Failed"`
}

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// inBatch runs the entries of a batch one by one. A batch that is invalid as a whole is refused.
func inBatch[E any](entries []E, id func(*E) string, do func(*E) (any, error)) (any, error) {
	if len(entries) == 0 {
		return nil, refuse("EmptyBatchRequest", "There should be at least one entry in the request.")
	}
	if len(entries) > batchOfQueueMost {
		return nil, refuse("TooManyEntriesInBatchRequest", "Maximum number of entries per request are %d. You have sent %d.", batchOfQueueMost, len(entries))
	}
	seen := map[string]bool{}
	for i := range entries {
		name := id(&entries[i])
		if !entryID.MatchString(name) {
			return nil, refuse("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[name] {
			return nil, refuse("BatchEntryIdsNotDistinct", "Id %s repeated.", name)
		}
		seen[name] = true
	}
	result := batchResult{Successful: []any{}, Failed: []batchFailure{}}
	for i := range entries {
		done, err := do(&entries[i])
		if err != nil {
			result.Failed = append(result.Failed, failureOf(id(&entries[i]), err))
			continue
		}
		result.Successful = append(result.Successful, done)
	}
	return result, nil
}

func failureOf(id string, err error) batchFailure {
	failure := batchFailure{Id: id, Code: "InternalError", Message: "An error occurred on the server side."}
	if refusal, is := asRefusal(err); is {
		failure.SenderFault, failure.Message, failure.Code = true, refusal.message, refusal.code
		if old := queryCodes()[refusal.code]; old != "" {
			failure.Code = old
		}
	}
	return failure
}

type sendBatchInput struct {
	byURL
	Entries []sendEntry
}

func (s *Server) sendMessageBatch(_ *queueCall, on *queue, input *sendBatchInput) (any, error) {
	return inBatch(input.Entries, func(e *sendEntry) string { return e.Id }, func(e *sendEntry) (any, error) {
		answer, err := s.send(on, e)
		if err != nil {
			return nil, err
		}
		return answer, nil
	})
}
