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
	// operator is the access key of the manager, tester that of whoever changes secrets.
	operator, tester = "operator", "tester"
)

// setup is a namespace, a local AWS with a queue of change events, and managers that work in that namespace alone.
type setup struct {
	*testing.T
	// stand is the shared one with the setup's own AWS.
	env       *testenv.Environment
	namespace string
	aws       *secretsmanager.Client
	// queue and dead are the ARNs of the queue and of its dead-letter queue.
	queue, dead string
	manager     *testenv.Manager
	starts      int
	// hidden must not be in what the manager says: values and tokens.
	hidden []string
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	own := testsuite.WithOwnAWS(t, shared, &localaws.Server{})
	s := &setup{T: t, env: own, namespace: testsuite.Namespace(t, shared.Client, "events-"), aws: secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(own.AWS.URL()), Credentials: credentials.NewStaticCredentialsProvider(tester, "not-checked", ""),
	})}
	s.addQueue()
	return s
}

// addQueue makes the queue, its dead-letter queue and the rule that feeds it.
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
func (s *setup) start() {
	s.Helper()
	s.startPlain("--change-queue-url=" + s.queueURL())
}

// startPlain starts a manager, which ends with the test unless it has ended before.
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

// stop ends the manager in a way.
func (s *setup) stop(how func(*testenv.Manager) error) {
	s.Helper()
	if err := how(s.manager); err != nil {
		s.Errorf("the manager did not end well: %v", err)
	}
	s.manager = nil
}

// value is one that can be found again where it must not be.
func (s *setup) value() string {
	content := "value-" + rand.Text()
	s.hidden = append(s.hidden, content)
	return content
}

func (s *setup) secretID(name string) string { return "/" + s.namespace + "/" + name }

// create makes a secret, and gives its ARN and its value.
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

// sync makes a SecretSync that polls at an interval; zero is for events alone.
func (s *setup) sync(name, secretID string, interval time.Duration) {
	s.Helper()
	s.make(name, interval, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: secretID}})
}

// make makes a SecretSync of a spec.
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

// values are what a Secret holds; nil where there is none.
func (s *setup) values(name string) map[string]string {
	s.Helper()
	return testsuite.Values(s, s.env.Client, s.namespace, name)
}

// await waits until a condition holds, and says what it waited for if it never does.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	testsuite.Await(s, what, holds, s.picture)
}

// picture is how SecretSyncs are, what AWS was asked last, and what the queue holds.
func (s *setup) picture() string {
	s.Helper()
	var text strings.Builder
	var all v1alpha1.SecretSyncList
	if err := s.env.Client.List(s.Context(), &all, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	for i := range all.Items {
		for _, told := range all.Items[i].Status.Conditions {
			fmt.Fprintf(&text, "%s %s=%s %s: %s\n", all.Items[i].Name, told.Type, told.Status, told.Reason, told.Message)
		}
	}
	calls := s.env.AWS.Calls()
	for _, call := range calls[max(0, len(calls)-10):] {
		fmt.Fprintln(&text, call.Operation, "by", call.AccessKeyID, call.Code)
	}
	fmt.Fprintln(&text, len(s.env.AWS.Messages(s.queue)), "messages,", len(s.env.AWS.Messages(s.dead)), "dead")
	return text.String()
}

// awaitValue waits until a Secret holds a value and its SecretSync says that all is well.
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

// awaitDrained waits until the queue has nothing any more, and the manager waits at it.
func (s *setup) awaitDrained() {
	s.Helper()
	s.await("the queue is empty", func() bool { return len(s.env.AWS.Messages(s.queue)) == 0 && s.env.AWS.Polling(s.queue) == 1 })
}

// asked are the operations that the manager called since the last reset, but for those of the queue.
func (s *setup) asked() (operations []string) {
	for _, call := range s.env.AWS.Calls() {
		if call.AccessKeyID == operator && !slices.Contains([]string{"ReceiveMessage", "DeleteMessageBatch"}, call.Operation) {
			operations = append(operations, call.Operation)
		}
	}
	return operations
}

// metric is the value of one of the manager's metrics, as it is written with its labels; not ok is one that is not there.
func (s *setup) metric(name string) (value float64, ok bool) {
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
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			if value, err = strconv.ParseFloat(strings.TrimSpace(rest), 64); err != nil {
				s.Fatal(err)
			}
			return value, true
		}
	}
	return 0, false
}

// counted is how many events had an outcome.
func (s *setup) counted(outcome string) float64 {
	s.Helper()
	value, _ := s.metric(`secretsync_change_events_total{outcome="` + outcome + `"}`)
	return value
}

// awaitQueueUp waits until the manager says of the queue that it answers, or that it does not.
func (s *setup) awaitQueueUp(want float64) {
	s.Helper()
	s.await(fmt.Sprintf("the queue is up: %v", want), func() bool {
		got, ok := s.metric("secretsync_change_queue_up")
		return ok && got == want
	})
}
