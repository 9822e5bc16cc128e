package localaws

import (
	"slices"
	"strings"
	"time"
)

// handledEntry names a message by the receipt that came with it.
type handledEntry struct {
	Id, ReceiptHandle string
	VisibilityTimeout int
}

type handledInput struct {
	byURL
	handledEntry
}

type handledBatchInput struct {
	byURL
	Entries []handledEntry
}

type handledAnswer struct{ Id string }

func (s *Server) deleteMessage(_ *queueCall, on *queue, input *handledInput) (any, error) {
	return nil, on.delete(&input.handledEntry)
}

func (s *Server) deleteMessageBatch(_ *queueCall, on *queue, input *handledBatchInput) (any, error) {
	return on.eachHandled(input, on.delete)
}

func (s *Server) changeMessageVisibility(_ *queueCall, on *queue, input *handledInput) (any, error) {
	return nil, s.hide(on, &input.handledEntry)
}

func (s *Server) changeMessageVisibilityBatch(_ *queueCall, on *queue, input *handledBatchInput) (any, error) {
	return on.eachHandled(input, func(e *handledEntry) error { return s.hide(on, e) })
}

func (q *queue) eachHandled(input *handledBatchInput, do func(*handledEntry) error) (any, error) {
	return inBatch(input.Entries, func(e *handledEntry) string { return e.Id }, func(e *handledEntry) (any, error) {
		return handledAnswer{e.Id}, do(e)
	})
}

// delete deletes a message. As in SQS, the receipt of an earlier receive deletes nothing and is no error, and neither
// is a deleted message (page "DeleteMessage").
func (q *queue) delete(entry *handledEntry) error {
	if err := wellFormed(entry.ReceiptHandle); err != nil {
		return err
	}
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return m.receipt == entry.ReceiptHandle })
	return nil
}

// hide changes for how long a message stays hidden, from now on; 0 shows it at once.
func (s *Server) hide(on *queue, entry *handledEntry) error {
	if err := wellFormed(entry.ReceiptHandle); err != nil {
		return err
	}
	hidden := time.Duration(entry.VisibilityTimeout) * time.Second
	if hidden < 0 || hidden > visibilityMost {
		return wrongValue("Value %d for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and 43200.", entry.VisibilityTimeout)
	}
	for _, m := range on.messages {
		if m.receipt == entry.ReceiptHandle && s.now().Before(m.visible) {
			m.visible = s.now().Add(hidden)
			on.changes.wake()
			return nil
		}
	}
	return refuse("MessageNotInflight", "The message referred to isn't in flight.")
}

func wellFormed(receipt string) error {
	if !strings.Contains(receipt, "#") {
		return refuse("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
	}
	return nil
}
