package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/notify"
)

const (
	// longPoll is how long AWS waits for a message, in seconds. Twenty is the maximum (page "ReceiveMessage"). An
	// empty queue costs three requests a minute.
	longPoll = 20
	// batch is the maximum number of messages that a request receives or deletes.
	batch = 10
	// answerTimeout is how long AWS may take to answer, in addition to the long poll.
	answerTimeout = 15 * time.Second
)

// Queue is a queue in SQS. Safe for concurrent use.
type Queue struct {
	address Address
	client  *sqs.Client
}

var _ notify.Queue = (*Queue)(nil)

// New creates a Queue with the credentials, the region and the endpoint of a configuration. The region in the queue's
// URL overrides that of the configuration. New makes no call.
func New(config aws.Config, address Address) *Queue {
	return &Queue{address: address, client: sqs.NewFromConfig(config, func(o *sqs.Options) {
		o.Retryer = aws.NopRetryer{}
		if address.Region != "" {
			o.Region = address.Region
		}
		if address.Origin != "" {
			o.BaseEndpoint = aws.String(address.Origin)
		}
	})}
}

// Receive waits up to twenty seconds for messages.
func (q *Queue) Receive(ctx context.Context) ([]notify.Message, error) {
	bounded, cancel := context.WithTimeout(ctx, longPoll*time.Second+answerTimeout)
	defer cancel()
	output, err := q.client.ReceiveMessage(bounded, &sqs.ReceiveMessageInput{
		QueueUrl: &q.address.URL, MaxNumberOfMessages: batch, WaitTimeSeconds: longPoll,
	})
	if err != nil {
		return nil, q.explain("sqs:ReceiveMessage", err)
	}
	messages := make([]notify.Message, 0, len(output.Messages))
	for i := range output.Messages {
		received := &output.Messages[i]
		messages = append(messages, notify.Message{Body: aws.ToString(received.Body), Receipt: aws.ToString(received.ReceiptHandle)})
	}
	return messages, nil
}

// Delete deletes messages, at most ten with a request. Its error names the first failure of each request.
func (q *Queue) Delete(ctx context.Context, messages []notify.Message) error {
	var problems []error
	for len(messages) > 0 {
		part := messages[:min(batch, len(messages))]
		messages = messages[len(part):]
		entries := make([]types.DeleteMessageBatchRequestEntry, 0, len(part))
		for number := range part {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(number)), ReceiptHandle: &part[number].Receipt})
		}
		output, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.address.URL, Entries: entries})
		switch {
		case err != nil:
			problems = append(problems, q.explain("sqs:DeleteMessage", err))
		case len(output.Failed) > 0:
			problems = append(problems, fmt.Errorf("%d of %d messages were not deleted from queue %s: %s",
				len(output.Failed), len(part), q.address.Name, aws.ToString(output.Failed[0].Code)))
		}
	}
	return errors.Join(problems...)
}

// explain adds to an error what to do about it.
func (q *Queue) explain(action string, err error) error {
	code := ""
	if refusal, ok := errors.AsType[smithy.APIError](err); ok {
		code = refusal.ErrorCode()
	}
	advice := ""
	switch code {
	case "":
		advice = "it is not reachable, or there are no credentials"
	case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue":
		advice = "there is no such queue: create it, or set --change-queue-url to a queue that exists"
	case "AccessDenied", "AccessDeniedException":
		advice = fmt.Sprintf("allow %s on queue %s of account %s to the operator's own identity", action, q.address.Name, q.address.Account)
	case "RequestThrottled", "ThrottlingException", "OverLimit":
		advice = "AWS asks for fewer requests: they are retried with a backoff"
	default:
		if kms, ok := errors.AsType[*types.KmsAccessDenied](err); ok && kms != nil {
			advice = "allow kms:Decrypt on the key of the queue to the operator's own identity"
		}
	}
	if advice == "" {
		return fmt.Errorf("queue %s: %w", q.address.Name, err)
	}
	return fmt.Errorf("queue %s: %s: %w", q.address.Name, advice, err)
}
