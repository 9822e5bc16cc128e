package events

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

const (
	queueName = "changes"
	// operator is the access key of the manager; the test changes secrets with the key tester.
	operator, tester = "operator", "tester"
)

// setup is a namespace, a local AWS with a queue of change events, and managers that work in that namespace alone.
type setup struct {
	testing.TB
	// env is the shared environment with a local AWS of the setup's own.
	env       *testenv.Environment
	namespace string
	aws       *secretsmanager.Client
	// queue and dead are the ARNs of the queue and of its dead-letter queue.
	queue, dead string
	manager     *testenv.Manager
	starts      int
	// hidden are values and tokens that must not be in the manager's log.
	hidden []string
}

func newSetup(t testing.TB) *setup {
	t.Helper()
	own := testsuite.WithOwnAWS(t, shared, &localaws.Server{})
	s := &setup{TB: t, env: own, namespace: testsuite.Namespace(t, shared.Client, "events-"), aws: secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(own.AWS.URL()), Credentials: credentials.NewStaticCredentialsProvider(tester, "not-checked", ""),
	})}
	s.addQueue()
	return s
}

// addQueue creates the queue, its dead-letter queue and the rule that sends events to it.
func (s *setup) addQueue() {
	s.Helper()
	var err error
	if s.dead, err = s.env.AWS.AddQueue(localaws.Queue{Name: queueName + "-dead"}); err != nil {
		s.Fatal(err)
	}
	made := localaws.Queue{Name: queueName, DeadLetterQueue: s.dead, MaxReceives: 3, VisibilityTimeout: time.Second}
	if s.queue, err = s.env.AWS.AddQueue(made); err != nil {
		s.Fatal(err)
	}
	if _, err := s.env.AWS.AddEventRule(localaws.EventRule{Queue: s.queue}); err != nil {
		s.Fatal(err)
	}
}

func (s *setup) queueURL() string {
	return s.env.AWS.URL() + "/" + localaws.DefaultAccount + "/" + queueName
}

// start starts a manager that takes events from the queue.
func (s *setup) start(flags ...string) {
	s.Helper()
	s.startPlain(append([]string{"--change-queue-url=" + s.queueURL()}, flags...)...)
}

// startPlain starts a manager without a queue. It is stopped when the test ends, unless it was stopped before.
func (s *setup) startPlain(flags ...string) {
	s.Helper()
	s.starts++
	manager, err := s.env.StartManager(s.namespace+"-"+strconv.Itoa(s.starts), append([]string{"--watch-namespaces=" + s.namespace}, flags...)...)
	if s.manager = manager; manager != nil {
		s.Cleanup(func() {
			if s.manager == manager {
				s.stop((*testenv.Manager).Stop)
			}
			testsuite.CheckLog(s, manager, s.hidden)
		})
	}
	if err != nil {
		s.Fatal(err)
	}
}

// stop ends the manager by one of its methods, such as Stop or Kill.
func (s *setup) stop(how func(*testenv.Manager) error) {
	s.Helper()
	if err := how(s.manager); err != nil {
		s.Errorf("the manager did not end well: %v", err)
	}
	s.manager = nil
}

// value is a random value that can be searched for in the log.
func (s *setup) value() string {
	content := "value-" + rand.Text()
	s.hidden = append(s.hidden, content)
	return content
}

func (s *setup) secretID(name string) string { return "/" + s.namespace + "/" + name }

// create creates a secret with a random value, and gives its ARN and the value.
func (s *setup) create(name string) (arn, content string) {
	s.Helper()
	content = s.value()
	made, err := s.aws.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(s.secretID(name)), SecretString: &content})
	if err != nil {
		s.Fatal(err)
	}
	return aws.ToString(made.ARN), content
}

func (s *setup) put(id string) (content string) {
	s.Helper()
	content = s.value()
	if _, err := s.aws.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &content}); err != nil {
		s.Fatal(err)
	}
	return content
}

// sync creates a SecretSync with a poll interval; 0 makes it depend on events alone.
func (s *setup) sync(name, secretID string, interval time.Duration) {
	s.Helper()
	s.make(name, interval, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: secretID}})
}

// make creates a SecretSync with a spec.
func (s *setup) make(name string, interval time.Duration, spec v1alpha1.SecretSyncSpec) {
	s.Helper()
	spec.PollInterval = &metav1.Duration{Duration: interval}
	made := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: spec}
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

func (s *setup) get(name string) *v1alpha1.SecretSync {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	if err := s.env.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found); err != nil {
		s.Fatal(err)
	}
	return found
}

// values are the values of a Secret; nil if it does not exist.
func (s *setup) values(name string) map[string]string {
	s.Helper()
	return testsuite.Values(s, s.env.Client, s.namespace, name)
}

// await waits until a condition holds, and otherwise fails with what it waited for.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	testsuite.Await(s, what, holds, s.picture)
}

// picture shows the SecretSyncs' conditions, the latest calls of AWS, and the size of the queue.
func (s *setup) picture() string {
	s.Helper()
	var text strings.Builder
	var all v1alpha1.SecretSyncList
	if err := s.env.Client.List(s.Context(), &all, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for i := range all.Items {
		for _, condition := range all.Items[i].Status.Conditions {
			fmt.Fprintf(&text, "%s %s=%s %s: %s\n", all.Items[i].Name, condition.Type, condition.Status, condition.Reason, condition.Message)
		}
	}
	calls := s.env.AWS.Calls()
	for _, call := range calls[max(0, len(calls)-10):] {
		fmt.Fprintln(&text, call.Operation, "by", call.AccessKeyID, call.Code)
	}
	fmt.Fprintln(&text, len(s.env.AWS.Messages(s.queue)), "messages,", len(s.env.AWS.Messages(s.dead)), "dead")
	return text.String()
}

// awaitValue waits until a Secret holds a value and its SecretSync is Ready.
func (s *setup) awaitValue(name, content string) {
	s.Helper()
	s.awaitValues(name, map[string]string{"value": content})
}

func (s *setup) awaitValues(name string, want map[string]string) {
	s.Helper()
	s.await(name+" is synced", func() bool {
		conditions := s.get(name).Status.Conditions
		return cmp.Equal(s.values(name), want) && meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) &&
			meta.FindStatusCondition(conditions, v1alpha1.ConditionReconciling) == nil
	})
}

// awaitDrained waits until the queue is empty and the manager waits for messages.
func (s *setup) awaitDrained() {
	s.Helper()
	s.await("the queue is empty", func() bool { return len(s.env.AWS.Messages(s.queue)) == 0 && s.env.AWS.Polling(s.queue) == 1 })
}

// asked are the operations that the manager has called since the last reset, without those of SQS.
func (s *setup) asked() (operations []string) {
	for _, call := range s.env.AWS.Calls() {
		if call.AccessKeyID == operator && !slices.Contains([]string{"ReceiveMessage", "DeleteMessageBatch"}, call.Operation) {
			operations = append(operations, call.Operation)
		}
	}
	return operations
}

// metric is the value of a series of the manager, named with its labels as /metrics writes it; ok is false if there is
// none.
func (s *setup) metric(name string) (value float64, ok bool) {
	s.Helper()
	for line := range strings.Lines(s.scrape()) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			var err error
			if value, err = strconv.ParseFloat(strings.TrimSpace(rest), 64); err != nil {
				s.Fatal(err)
			}
			return value, true
		}
	}
	return 0, false
}

// scrape gives the manager's metrics.
func (s *setup) scrape() string {
	s.Helper()
	answer, err := http.Get("http://" + s.manager.Metrics + "/metrics")
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

// counted is how many events had an outcome, by the manager's metric.
func (s *setup) counted(outcome string) float64 {
	s.Helper()
	value, _ := s.metric(`secretsync_change_events_total{outcome="` + outcome + `"}`)
	return value
}

// awaitQueueUp waits until the manager's metric says that the queue answers, or that it does not.
func (s *setup) awaitQueueUp(want float64) {
	s.Helper()
	s.await(fmt.Sprintf("the queue is up: %v", want), func() bool {
		got, ok := s.metric("secretsync_change_queue_up")
		return ok && got == want
	})
}
