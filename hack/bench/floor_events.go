package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

// Limits of the queue (page "Amazon SQS message quotas").
const messagesMost, waitMost = 10, 20

// applications records when the floor applied the Secret of each secret.
type applications struct {
	mutex  sync.Mutex
	at     map[string]time.Time
	wanted int
	// done is closed when all wanted ones are recorded.
	done chan struct{}
	err  error
}

func (a *applications) add(id string) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.at[id] = time.Now()
	if len(a.at) == a.wanted {
		close(a.done)
	}
}

// follow reads a queue until ctx ends, and applies the Secret of each secret that an event names.
func (f *floorSyncer) follow(ctx context.Context, queueURL string, applied *applications) error {
	queue := sqs.New(sqs.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(f.b.AWS.URL()), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("floor", "not-checked", ""),
	})
	for ctx.Err() == nil {
		received, err := queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &queueURL, MaxNumberOfMessages: messagesMost, WaitTimeSeconds: waitMost,
		})
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return err
		}
		entries := make([]types.DeleteMessageBatchRequestEntry, 0, len(received.Messages))
		for n, message := range received.Messages {
			if err := f.applyEvent(ctx, aws.ToString(message.Body), applied); err != nil {
				return err
			}
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), ReceiptHandle: message.ReceiptHandle})
		}
		if len(entries) == 0 {
			continue
		}
		if _, err := queue.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &queueURL, Entries: entries}); err != nil {
			return err
		}
	}
	return nil
}

// applyEvent applies the Secret of the secret that an event names.
func (f *floorSyncer) applyEvent(ctx context.Context, body string, applied *applications) error {
	var event struct {
		Detail struct {
			RequestParameters struct {
				SecretID string `json:"secretId"`
			} `json:"requestParameters"`
		} `json:"detail"`
	}
	if err := json.Unmarshal([]byte(body), &event); err != nil {
		return err
	}
	id := event.Detail.RequestParameters.SecretID
	i, err := strconv.Atoi(strings.TrimPrefix(id, "/bench/"))
	if err != nil {
		return fmt.Errorf("an event about secret %q: %w", id, err)
	}
	if err := f.copySecret(ctx, i); err != nil {
		return err
	}
	applied.add(id)
	return nil
}
