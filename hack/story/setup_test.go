package story

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// setup is a namespace, the local AWS or moto, and a manager that watches only that namespace.
type setup struct {
	*testing.T
	namespace string
	aws       *secretsmanager.Client
	sqs       *sqs.Client
	queue     string
	hidden    []string
	// kinds are the names of the SecretSyncs.
	kinds []string
}

func newSetup(t *testing.T, url string) *setup {
	t.Helper()
	own := *shared
	own.Variables = append(own.Variables, "AWS_ENDPOINT_URL="+url)
	anyCredentials := credentials.NewStaticCredentialsProvider("tester", "not-checked", "")
	s := &setup{
		T: t, namespace: testsuite.Namespace(t, shared.Client, "story-"),
		aws: secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: &url, Credentials: anyCredentials}),
		sqs: sqs.New(sqs.Options{Region: localaws.DefaultRegion, BaseEndpoint: &url, Credentials: anyCredentials}),
	}
	queue, err := s.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("changes")})
	s.must(err)
	s.queue = aws.ToString(queue.QueueUrl)
	manager, err := own.StartManager(s.namespace, "--watch-namespaces="+s.namespace, "--change-queue-url="+s.queue)
	if manager != nil {
		t.Cleanup(func() {
			if err := manager.Stop(); err != nil {
				t.Errorf("the manager failed: %v", err)
			}
			testsuite.CheckLog(t, manager, s.hidden)
		})
	}
	s.must(err)
	return s
}

func (s *setup) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// value is a random value that can be searched for in the log.
func (s *setup) value() string {
	content := "value-" + rand.Text()
	s.hidden = append(s.hidden, content)
	return content
}

// create creates a secret; an earlier secret of that name may still be being deleted.
func (s *setup) create(name, content string, tags ...types.Tag) (arn, version string) {
	s.Helper()
	input := &secretsmanager.CreateSecretInput{Name: &name, Tags: tags, SecretString: &content}
	if name == binaryID {
		input.SecretString, input.SecretBinary = nil, []byte(content)
	}
	s.await("secret "+name+" is created", func() bool {
		made, err := s.aws.CreateSecret(s.Context(), input)
		if err == nil {
			arn, version = aws.ToString(made.ARN), aws.ToString(made.VersionId)
		} else if !strings.Contains(err.Error(), "already scheduled for deletion") {
			s.Fatal(err)
		}
		return err == nil
	})
	return arn, version
}

func (s *setup) put(id, content string, stages ...string) (version string) {
	s.Helper()
	made, err := s.aws.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &content, VersionStages: stages})
	s.must(err)
	return aws.ToString(made.VersionId)
}

func (s *setup) move(label, to, from string) {
	s.Helper()
	input := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String(databaseID), VersionStage: &label, MoveToVersionId: &to}
	if from != "" {
		input.RemoveFromVersionId = &from
	}
	_, err := s.aws.UpdateSecretVersionStage(s.Context(), input)
	s.must(err)
}

func (s *setup) delete(id string, force bool) {
	s.Helper()
	input := &secretsmanager.DeleteSecretInput{SecretId: &id}
	if force {
		input.ForceDeleteWithoutRecovery = &force
	}
	_, err := s.aws.DeleteSecret(s.Context(), input)
	s.must(err)
}

// apply creates the SecretSyncs of a file, with a poll interval of a second.
func (s *setup) apply(file string, replace ...string) {
	s.Helper()
	content, err := os.ReadFile(file)
	s.must(err)
	for document := range bytes.SplitSeq([]byte(strings.NewReplacer(replace...).Replace(string(content))), []byte("\n---\n")) {
		made := &v1alpha1.SecretSync{}
		s.must(yaml.UnmarshalStrict(document, made))
		made.Namespace, made.Spec.PollInterval = s.namespace, &metav1.Duration{Duration: time.Second}
		s.must(s.client().Create(s.Context(), made))
		s.kinds = append(s.kinds, made.Name)
	}
}

func (s *setup) client() client.Client { return shared.Client }

// reason is the reason of a SecretSync's Ready condition.
func (s *setup) reason(name string) string {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	s.must(s.client().Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found))
	if ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.Reason
	}
	return "none"
}

func (s *setup) secret(name string) map[string]string {
	s.Helper()
	return testsuite.Values(s, s.client(), s.namespace, name)
}

func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	testsuite.Await(s, what, holds, s.picture)
}

// picture shows the conditions of the SecretSyncs, which have no values.
func (s *setup) picture() string {
	var all v1alpha1.SecretSyncList
	if err := s.client().List(context.Background(), &all, client.InNamespace(s.namespace)); err != nil {
		return err.Error()
	}
	var text strings.Builder
	for i := range all.Items {
		for _, condition := range all.Items[i].Status.Conditions {
			fmt.Fprintf(&text, "%s %s=%s %s: %s\n", all.Items[i].Name, condition.Type, condition.Status, condition.Reason, condition.Message)
		}
	}
	return text.String()
}
