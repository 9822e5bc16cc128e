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
	// longPoll is how long AWS waits for a message, in seconds; twenty are the most (page "ReceiveMessage").
	// A queue that nothing happens in costs three requests a minute.
	longPoll = 20
	// batch is how many messages a request gets or deletes at most.
	batch = 10
	// answersWithin is how long AWS may take beyond that wait.
	answersWithin = 15 * time.Second
)

// Queue is a queue in SQS.
type Queue struct {
	address Address
	client  *sqs.Client
}

var _ notify.Queue = (*Queue)(nil)

// New makes a queue that is read with the credentials, the region and the endpoint of a configuration, unless
// its URL names a region. No call is made yet.
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
	within, cancel := context.WithTimeout(ctx, longPoll*time.Second+answersWithin)
	defer cancel()
	output, err := q.client.ReceiveMessage(within, &sqs.ReceiveMessageInput{
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

// Delete deletes messages, at most ten a request. Its error tells of the first that could not be deleted.
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

// explain says what to do about what AWS answers.
func (q *Queue) explain(action string, err error) error {
	code := ""
	if refusal, ok := errors.AsType[smithy.APIError](err); ok {
		code = refusal.ErrorCode()
	}
	advice := ""
	switch code {
	case "":
		advice = "it is not reachable, or no credentials were to be had"
	case "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue":
		advice = "there is no such queue: make it, or set --change-queue-url to one that is there"
	case "AccessDenied", "AccessDeniedException":
		advice = fmt.Sprintf("allow %s on queue %s of account %s to the operator's own identity", action, q.address.Name, q.address.Account)
	case "RequestThrottled", "ThrottlingException", "OverLimit":
		advice = "AWS asks for fewer requests"
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
