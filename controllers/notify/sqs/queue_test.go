package sqs

import (
	"context"
	"crypto/md5" // SQS returns the MD5 digest of a body.
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/notify"
)

// service answers as SQS does, over real HTTP.
type service struct {
	*testing.T
	url string

	mutex sync.Mutex
	// asked are the bodies of the requests, by operation.
	asked map[string][]map[string]any
	// refusal is a code to refuse with; empty for none.
	refusal string
	// messages are what a request to receive gets.
	messages []string
	// stays is the number of the message of a batch that is not deleted; -1 for none.
	stays int
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{T: t, asked: map[string][]map[string]any{}, stays: -1}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *service) queue() *Queue {
	s.Helper()
	address, err := ParseURL(s.url + "/111122223333/changes")
	if err != nil {
		s.Fatal(err)
	}
	return New(aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("operator", "not-checked", "")}, address)
}

// ServeHTTP answers.
func (s *service) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	var body map[string]any
	if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
		s.Error(err)
	}
	s.asked[operation] = append(s.asked[operation], body)
	writer.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if s.refusal != "" {
		writer.WriteHeader(http.StatusBadRequest)
		s.say(writer, map[string]any{"__type": s.refusal, "message": "refused"})
		return
	}
	switch operation {
	case "ReceiveMessage":
		s.say(writer, map[string]any{"Messages": s.received()})
	case "DeleteMessageBatch":
		done, failed := []any{}, []any{}
		for number := range body["Entries"].([]any) {
			if number == s.stays {
				failed = append(failed, map[string]any{"Id": fmt.Sprint(number), "Code": "InternalError", "SenderFault": false})
			} else {
				done = append(done, map[string]any{"Id": fmt.Sprint(number)})
			}
		}
		s.say(writer, map[string]any{"Successful": done, "Failed": failed})
	}
}

func (s *service) received() []any {
	all := []any{}
	for number, body := range s.messages {
		sum := md5.Sum([]byte(body))
		all = append(all, map[string]any{"MessageId": fmt.Sprint(number), "ReceiptHandle": fmt.Sprintf("receipt-%d", number), "Body": body, "MD5OfBody": hex.EncodeToString(sum[:])})
	}
	return all
}

func (s *service) say(writer http.ResponseWriter, answer any) {
	if err := json.NewEncoder(writer).Encode(answer); err != nil {
		s.Error(err)
	}
}

func (s *service) requests(operation string) []map[string]any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.asked[operation]
}

func TestMessagesAreReceivedByLongPolls(t *testing.T) {
	s := newService(t)
	s.messages = []string{`{"a": 1}`, "no JSON"}
	got, err := s.queue().Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []notify.Message{{Body: `{"a": 1}`, Receipt: "receipt-0"}, {Body: "no JSON", Receipt: "receipt-1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages differ (-want +got):\n%s", diff)
	}
	asked := map[string]any{"QueueUrl": s.url + "/111122223333/changes", "MaxNumberOfMessages": 10.0, "WaitTimeSeconds": 20.0}
	if diff := cmp.Diff([]map[string]any{asked}, s.requests("ReceiveMessage")); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}

func TestMessagesAreDeletedTenAtATime(t *testing.T) {
	s := newService(t)
	messages := make([]notify.Message, 23)
	for number := range messages {
		messages[number].Receipt = fmt.Sprintf("receipt-%d", number)
	}
	if err := s.queue().Delete(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	deleted := map[string]bool{}
	var sizes []int
	for _, request := range s.requests("DeleteMessageBatch") {
		entries := request["Entries"].([]any)
		sizes = append(sizes, len(entries))
		for _, entry := range entries {
			deleted[entry.(map[string]any)["ReceiptHandle"].(string)] = true
		}
	}
	if diff := cmp.Diff([]int{10, 10, 3}, sizes); diff != "" || len(deleted) != len(messages) {
		t.Errorf("%d messages were deleted; requests differ (-want +got):\n%s", len(deleted), diff)
	}
}

func TestAMessageThatStaysIsAnError(t *testing.T) {
	s := newService(t)
	s.stays = 1
	err := s.queue().Delete(t.Context(), make([]notify.Message, 2))
	if err == nil || !strings.Contains(err.Error(), "1 of 2 messages") || !strings.Contains(err.Error(), "InternalError") {
		t.Errorf("the error is %v", err)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	for code, mentions := range map[string][]string{
		"com.amazonaws.sqs#QueueDoesNotExist":     {"queue changes", "no such queue", "--change-queue-url"},
		"AccessDenied":                            {"sqs:ReceiveMessage", "queue changes of account 111122223333", "the operator's own identity"},
		"com.amazonaws.sqs#RequestThrottled":      {"queue changes", "fewer requests"},
		"com.amazonaws.sqs#KmsAccessDenied":       {"kms:Decrypt"},
		"com.amazonaws.sqs#InvalidSecurity":       {"queue changes", "InvalidSecurity"},
		"com.amazon.coral.service#SomethingNewer": {"queue changes", "SomethingNewer"},
	} {
		t.Run(code, func(t *testing.T) {
			s := newService(t)
			s.refusal = code
			_, err := s.queue().Receive(t.Context())
			for _, mention := range mentions {
				if err == nil || !strings.Contains(err.Error(), mention) {
					t.Errorf("%v does not mention %q", err, mention)
				}
			}
			if got := len(s.requests("ReceiveMessage")); got != 1 {
				t.Errorf("AWS was asked %d times: retries are the consumer's", got)
			}
		})
	}
}

func TestAQueueThatIsNotReachableIsSaidSo(t *testing.T) {
	s := newService(t)
	s.url = "http://127.0.0.1:1"
	if _, err := s.queue().Receive(t.Context()); err == nil || !strings.Contains(err.Error(), "not reachable") {
		t.Errorf("the error is %v", err)
	}
}

func TestAStopEndsALongPoll(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	defer server.Close()
	defer close(release)
	s := &service{T: t, url: server.URL}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	begun := time.Now()
	if _, err := s.queue().Receive(ctx); err == nil || time.Since(begun) > longPoll*time.Second {
		t.Errorf("the poll ended with %v after %s", err, time.Since(begun))
	}
}
