package localaws_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/hack/localaws"
)

const (
	noQueue  = "AWS.SimpleQueueService.NonExistentQueue"
	queueARN = "arn:aws:sqs:eu-west-1:111122223333:changes"
)

// lane is a queue of a local AWS, and the SDK's client of it.
type lane struct {
	*setup
	sqs *sqs.Client
	url string
}

func queueClient(url, region, accessKeyID string) *sqs.Client {
	return sqs.New(sqs.Options{
		Region: region, BaseEndpoint: &url, HTTPClient: uncut{}, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", ""),
	})
}

func newLane(t *testing.T) *lane {
	t.Helper()
	s := newSetup(t)
	l := &lane{setup: s, sqs: queueClient(s.URL(), localaws.DefaultRegion, "tester")}
	made, err := l.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("changes")})
	l.url = aws.ToString(must(t, made, err).QueueUrl)
	return l
}

func (l *lane) send(bodies ...string) {
	l.Helper()
	for _, body := range bodies {
		sent, err := l.sqs.SendMessage(l.Context(), &sqs.SendMessageInput{QueueUrl: &l.url, MessageBody: &body})
		must(l.T, sent, err)
	}
}

// receive takes up to ten messages, without a wait, and hides them for some seconds.
func (l *lane) receive(url string, hidden int32) []types.Message {
	l.Helper()
	got, err := l.sqs.ReceiveMessage(l.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: hidden,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	return must(l.T, got, err).Messages
}

func bodies(messages []types.Message) (all []string) {
	for _, m := range messages {
		all = append(all, aws.ToString(m.Body))
	}
	return all
}

// counts are a queue's visible and hidden messages.
func (l *lane) counts(url string) string {
	l.Helper()
	got, err := l.sqs.GetQueueAttributes(l.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	all := must(l.T, got, err).Attributes
	return all["ApproximateNumberOfMessages"] + " visible, " + all["ApproximateNumberOfMessagesNotVisible"] + " hidden"
}

func TestAMessageIsHiddenUntilItsTimeOrItsDeletion(t *testing.T) {
	l := newLane(t)
	l.send("one", "two")
	first := l.receive(l.url, 30)
	if diff := cmp.Diff([]string{"one", "two"}, bodies(first)); diff != "" {
		t.Fatalf("messages differ (-want +got):\n%s", diff)
	}
	sum := md5.Sum([]byte("one"))
	if got := first[0]; aws.ToString(got.MD5OfBody) != hex.EncodeToString(sum[:]) || got.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("got %+v", got)
	}
	if sent, err := strconv.ParseInt(first[0].Attributes["SentTimestamp"], 10, 64); err != nil || time.Since(time.UnixMilli(sent)) > time.Minute {
		t.Errorf("sent at %q", first[0].Attributes["SentTimestamp"])
	}
	if got := l.counts(l.url); got != "0 visible, 2 hidden" {
		t.Errorf("the queue has %s", got)
	}
	if again := l.receive(l.url, 30); len(again) != 0 {
		t.Errorf("hidden messages are received again: %q", bodies(again))
	}
	_, err := l.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: first[0].ReceiptHandle})
	must(t, "", err)
	l.clock.forward(31 * time.Second)
	second := l.receive(l.url, 30)
	if len(second) != 1 || aws.ToString(second[0].Body) != "two" || second[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("after the timeout: %+v", second)
	}
	_, err = l.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: first[1].ReceiptHandle})
	must(t, "", err)
	if got := l.counts(l.url); got != "0 visible, 1 hidden" {
		t.Errorf("an old receipt deleted the message: %s", got)
	}
	_, err = l.sqs.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &l.url, ReceiptHandle: second[0].ReceiptHandle, VisibilityTimeout: 0})
	must(t, "", err)
	if third := l.receive(l.url, 0); len(third) != 1 || third[0].Attributes["ApproximateReceiveCount"] != "3" {
		t.Errorf("shown again: %+v", third)
	}
}

func TestALongPollEndsWithAMessage(t *testing.T) {
	for name, arrive := range map[string]func(l *lane){
		"that is sent":           func(l *lane) { l.send("late") },
		"that was hidden before": func(l *lane) { l.clock.forward(time.Minute) },
		"that comes by itself": func(l *lane) {
			if err := l.SendMessage(queueARN, "late"); err != nil {
				l.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLane(t)
			if name == "that was hidden before" {
				l.send("late")
				l.receive(l.url, 30)
			}
			got := make(chan []string)
			go func() {
				received, err := l.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url, WaitTimeSeconds: 20})
				if err != nil {
					t.Error(err)
					received = &sqs.ReceiveMessageOutput{}
				}
				got <- bodies(received.Messages)
			}()
			l.await("the poll waits", func() bool { return l.Polling(queueARN) == 1 })
			arrive(l)
			if diff := cmp.Diff([]string{"late"}, <-got); diff != "" {
				t.Errorf("messages differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALongPollEndsWithItsCaller(t *testing.T) {
	l := newLane(t)
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := l.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &l.url, WaitTimeSeconds: 20})
		ended <- err
	}()
	l.await("the poll waits", func() bool { return l.Polling(queueARN) == 1 })
	leave()
	if err := <-ended; err == nil {
		t.Error("a poll that was left is answered")
	}
	l.await("the poll ends", func() bool { return l.Polling(queueARN) == 0 })
	l.send("one")
	if got := bodies(l.receive(l.url, 30)); len(got) != 1 {
		t.Errorf("an abandoned poll received a message: %q", got)
	}
	if empty, err := l.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url, WaitTimeSeconds: 1}); len(must(t, empty, err).Messages) != 0 {
		t.Error("an empty queue gives messages")
	}
}

func TestWhatIsReceivedTooOftenGoesToTheDeadLetters(t *testing.T) {
	l := newLane(t)
	made, err := l.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	dead := aws.ToString(must(t, made, err).QueueUrl)
	_, err = l.sqs.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &l.url, Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:111122223333:dead", "maxReceiveCount": "2"}`, "VisibilityTimeout": "5"}})
	must(t, "", err)
	l.send("poison")
	for range 2 {
		if got := l.receive(l.url, 5); len(got) != 1 {
			t.Fatalf("received %d messages", len(got))
		}
		l.clock.forward(6 * time.Second)
	}
	if got := l.receive(l.url, 5); len(got) != 0 {
		t.Errorf("received a third time: %q", bodies(got))
	}
	got := l.receive(dead, 5)
	if len(got) != 1 || aws.ToString(got[0].Body) != "poison" || got[0].Attributes["DeadLetterQueueSourceArn"] != queueARN {
		t.Errorf("dead letters: %+v", got)
	}
}

func TestABatchHasAResultForEachEntry(t *testing.T) {
	l := newLane(t)
	var entries []types.SendMessageBatchRequestEntry
	for i := range 3 {
		entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint("e", i)), MessageBody: aws.String(fmt.Sprint("body ", i))})
	}
	entries[1].DelaySeconds = 901
	sent, err := l.sqs.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &l.url, Entries: entries})
	if must(t, sent, err); len(sent.Successful) != 2 || len(sent.Failed) != 1 || aws.ToString(sent.Failed[0].Id) != "e1" || !sent.Failed[0].SenderFault {
		t.Fatalf("sent: %+v", sent)
	}
	got := l.receive(l.url, 30)
	handles := []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("first"), ReceiptHandle: got[0].ReceiptHandle}, {Id: aws.String("broken"), ReceiptHandle: aws.String("no receipt")},
	}
	deleted, err := l.sqs.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &l.url, Entries: handles})
	if must(t, deleted, err); len(deleted.Successful) != 1 || len(deleted.Failed) != 1 || aws.ToString(deleted.Failed[0].Code) != "ReceiptHandleIsInvalid" {
		t.Errorf("deleted: %+v", deleted)
	}
	shown, err := l.sqs.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &l.url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
		{Id: aws.String("gone"), ReceiptHandle: got[0].ReceiptHandle}, {Id: aws.String("there"), ReceiptHandle: got[1].ReceiptHandle},
	}})
	if must(t, shown, err); len(shown.Successful) != 1 || aws.ToString(shown.Failed[0].Id) != "gone" {
		t.Errorf("shown: %+v", shown)
	}
	if got := l.counts(l.url); got != "1 visible, 0 hidden" {
		t.Errorf("the queue has %s", got)
	}
	_, err = l.sqs.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &l.url})
	must(t, "", err)
	if got := l.counts(l.url); got != "0 visible, 0 hidden" {
		t.Errorf("after a purge the queue has %s", got)
	}
}

func TestSQSRefusesWhatIsWrong(t *testing.T) {
	l := newLane(t)
	other := queueClient(l.URL(), "eu-central-1", "tester")
	missing := l.URL() + "/111122223333/none"
	for name, call := range map[string]struct {
		do         func(ctx context.Context) error
		code, text string
	}{
		"a queue that is not there": {code: noQueue, text: "The specified queue does not exist.", do: func(ctx context.Context) error {
			_, err := l.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &missing})
			return err
		}},
		"a queue of another region": {code: noQueue, do: func(ctx context.Context) error {
			_, err := other.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &l.url})
			return err
		}},
		"a name that is not there": {code: noQueue, do: func(ctx context.Context) error {
			_, err := l.sqs.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("none")})
			return err
		}},
		"too many messages": {code: "InvalidParameterValue", text: "Value 11 for parameter MaxNumberOfMessages is invalid.", do: func(ctx context.Context) error {
			_, err := l.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &l.url, MaxNumberOfMessages: 11})
			return err
		}},
		"too long a wait": {code: "InvalidParameterValue", text: "Value 21 for parameter WaitTimeSeconds is invalid.", do: func(ctx context.Context) error {
			_, err := l.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &l.url, WaitTimeSeconds: 21})
			return err
		}},
		"an attribute that is not there": {code: "InvalidAttributeName", do: func(ctx context.Context) error {
			_, err := l.sqs.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &l.url, Attributes: map[string]string{"Colour": "blue"}})
			return err
		}},
		"an empty batch": {code: "AWS.SimpleQueueService.EmptyBatchRequest", do: func(ctx context.Context) error {
			_, err := l.sqs.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &l.url, Entries: []types.DeleteMessageBatchRequestEntry{}})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			err := call.do(t.Context())
			refused(t, err, call.code, call.text)
			if _, typed := errors.AsType[*types.QueueDoesNotExist](err); typed != (call.code == noQueue) {
				t.Errorf("the SDK sees %T", errors.Unwrap(errors.Unwrap(err)))
			}
		})
	}
}

func TestFaultsAndCountsHoldForSQS(t *testing.T) {
	l := newLane(t)
	l.SetRate("ReceiveMessage", 1)
	l.receive(l.url, 30)
	l.clock.forward(-time.Minute) // So that the second does not end, however long the calls take.
	_, err := l.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.url})
	refused(t, err, "ThrottlingException", "Rate exceeded")
	l.SetFaults(localaws.Fault{Operation: "DeleteMessage*", Every: 1}, localaws.Fault{Operation: "SendMessage", Every: 1, Cut: true})
	_, err = l.sqs.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &l.url, ReceiptHandle: aws.String("a#1")})
	refused(t, err, "InternalServiceError", "")
	if _, err = l.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &l.url, MessageBody: aws.String("x")}); err == nil {
		t.Error("a cut connection is answered")
	}
	if got := l.Count("ReceiveMessage"); got != 2 {
		t.Errorf("%d calls of ReceiveMessage", got)
	}
}

// TestTheWireOfSQS checks what SDKs of other languages rely on.
func TestTheWireOfSQS(t *testing.T) {
	l := newLane(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", "AmazonSQS.Nothing")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest || answer.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("answer %s, %s", answer.Status, answer.Header.Get("Content-Type"))
	}
}
