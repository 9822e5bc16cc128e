package localaws_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

func (s *setup) queuesBy(c aws.Credentials) *sqs.Client {
	return sqs.New(sqs.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{}, Credentials: static(c)})
}

func TestPoliciesDecideAboutQueues(t *testing.T) {
	s := newGuardedSetup(t)
	_, err := s.AddQueue(localaws.Queue{Name: "changes"})
	must(t, "", err)
	url := s.URL() + "/111122223333/changes"
	receive := func(ctx context.Context, by *sqs.Client) error {
		_, err := by.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
		return err
	}
	deleteBatch := func(ctx context.Context, by *sqs.Client) error {
		_, err := by.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: aws.String("a#1")}}})
		return err
	}
	const onQueue = `{"Statement": {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": "` + queueARN + `"}}`
	for name, test := range map[string]struct {
		policy, queuePolicy string
		account             string
		do                  func(context.Context, *sqs.Client) error
		denied              string
	}{
		"what is allowed":                        {policy: onQueue, do: receive},
		"a batch, by the action of a single one": {policy: onQueue, do: deleteBatch},
		"nothing": {do: receive,
			denied: "User: arn:aws:iam::111122223333:user/consumer is not authorized to perform: sqs:receivemessage on resource: " + queueARN + " because no identity-based policy allows the sqs:receivemessage action"},
		"another queue": {policy: strings.ReplaceAll(onQueue, ":changes", ":others"), do: deleteBatch,
			denied: "User: arn:aws:iam::111122223333:user/consumer is not authorized to perform: sqs:deletemessage on resource: " + queueARN + " because no identity-based policy allows the sqs:deletemessage action"},
		"by the queue's policy": {do: receive,
			queuePolicy: `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/consumer"}, "Action": "sqs:*", "Resource": "*"}}`},
		"against the queue's policy": {policy: onQueue, do: receive,
			queuePolicy: `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}}`,
			denied:      "User: arn:aws:iam::111122223333:user/consumer is not authorized to perform: sqs:receivemessage on resource: " + queueARN + " with an explicit deny in a resource-based policy"},
		"from another account": {policy: onQueue, account: otherAccount, do: receive,
			denied: "User: arn:aws:iam::444455556666:user/consumer is not authorized to perform: sqs:receivemessage on resource: " + queueARN + " because no resource-based policy allows the sqs:receivemessage action"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.AddQueue(localaws.Queue{Name: "changes", Policy: test.queuePolicy})
			must(t, "", err)
			policies := []string{}
			if test.policy != "" {
				policies = append(policies, test.policy)
			}
			err = test.do(t.Context(), s.queuesBy(s.userOf(test.account, "consumer", policies...)))
			if test.denied == "" {
				must(t, "", err)
				return
			}
			refusedWhole(t, err, "AccessDenied", test.denied)
		})
	}
}

func TestSignaturesOfSQSAreChecked(t *testing.T) {
	s := newGuardedSetup(t)
	url := s.URL() + "/111122223333/changes"
	known := s.user("consumer", everything)
	for name, test := range map[string]struct {
		by   aws.Credentials
		code string
	}{
		"a known key":          {by: known, code: noQueue},
		"an unknown key":       {by: aws.Credentials{AccessKeyID: "unknown", SecretAccessKey: "x"}, code: "InvalidClientTokenId"},
		"another key's secret": {by: aws.Credentials{AccessKeyID: known.AccessKeyID, SecretAccessKey: "x"}, code: "InvalidSignatureException"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.queuesBy(test.by).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url})
			refused(t, err, test.code, "")
		})
	}
}

func TestEventsAndOutagesAreSetUpOverHTTP(t *testing.T) {
	s := newSetup(t)
	post := func(what, body string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/_localaws/"+what, strings.NewReader(body))
		answer, err := http.DefaultClient.Do(must(t, request, err))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	for _, step := range []struct{ what, body string }{
		{"queues", `{"Name": "changes"}`},
		{"event-rules", `{"Queue": "` + queueARN + `"}`},
		{"delivery", `{"Hold": true, "Duplicated": 1}`},
		{"replication-lag", "1000000000"},
	} {
		if got := post(step.what, step.body); got != http.StatusOK {
			t.Errorf("%s: %d", step.what, got)
		}
	}
	s.create("db", "one")
	if got := len(s.arrived()); got != 0 {
		t.Errorf("%d events arrive that should be kept back", got)
	}
	if got := post("flush-events", ""); got != http.StatusOK || len(s.arrived()) != 2 {
		t.Errorf("flushed: %d, %v", got, s.arrivedNames())
	}
	if got := post("times", `{"SecretId": "db", "Created": "2020-01-01T00:00:00Z"}`); got != http.StatusOK {
		t.Errorf("times: %d", got)
	}
	if created := s.described("db").CreatedDate; created.Year() != 2020 {
		t.Errorf("the secret was created at %s, want 2020", created)
	}
	if got := post("outages", `[{"Region": "eu-west-1", "Kind": "Error"}]`); got != http.StatusOK {
		t.Errorf("outages: %d", got)
	}
	_, err := readIn(t.Context(), s, "eu-west-1")
	refused(t, err, "InternalServiceError", "")
	for _, wrong := range []struct{ what, body string }{
		{"outages", `[{"Region": "eu-west-1", "Kind": "Fire"}]`}, {"delivery", `{"Lost": 2}`}, {"queues", `{"Name": "not a name"}`},
		{"event-rules", `{"Queue": "none"}`}, {"times", `{"SecretId": "none"}`}, {"replication-lag", `"long"`},
	} {
		if got := post(wrong.what, wrong.body); got != http.StatusBadRequest {
			t.Errorf("%s with %s: %d", wrong.what, wrong.body, got)
		}
	}
}
