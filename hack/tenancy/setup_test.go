package tenancy

import (
	"crypto/rand"
	"fmt"
	"slices"
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

// administrator is an access key with all permissions, whatever identities exist.
const administrator = "administrator"

// secretName names the secret, the SecretSync and the Secret of a setup.
const secretName = "db"

// setup is a namespace with one SecretSync, a local AWS with one secret, and a manager that watches only that
// namespace.
type setup struct {
	*testing.T
	// env is the shared environment with a local AWS of the setup's own.
	env       *testenv.Environment
	namespace string
	aws       *secretsmanager.Client
	// hidden are values, keys and tokens that must not be in the manager's log.
	hidden []string
}

// newSetup makes a setup. sessions is how long the sessions of its AWS last; 0 is as long as the caller asks for.
func newSetup(t *testing.T, sessions time.Duration) *setup {
	t.Helper()
	own := testsuite.WithOwnAWS(t, shared, &localaws.Server{SessionLifetime: sessions})
	own.AWS.AddPrincipal(administrator, localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/administrator"})
	return &setup{T: t, env: own, namespace: testsuite.Namespace(t, shared.Client, "tenancy-"), aws: secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(own.AWS.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(administrator, "not-checked", ""),
	})}
}

// start starts a manager that gets its credentials by environment variables. It is stopped when the test ends, and its
// log must contain nothing that is hidden.
func (s *setup) start(variables []string, flags ...string) *testenv.Manager {
	s.Helper()
	s.env.Credentials = variables
	manager, err := s.env.StartManager(s.namespace, append([]string{"--watch-namespaces=" + s.namespace}, flags...)...)
	if manager != nil {
		s.Cleanup(func() { s.end(manager) })
	}
	if err != nil {
		s.Fatal(err)
	}
	return manager
}

func (s *setup) end(manager *testenv.Manager) {
	if err := manager.Stop(); err != nil {
		s.Errorf("the manager did not end well: %v", err)
	}
	testsuite.CheckLog(s, manager, s.hidden)
}

// hide adds a value that must not be in the manager's log.
func (s *setup) hide(secret string) string {
	s.hidden = append(s.hidden, secret)
	return secret
}

// createSecret creates the secret, with a random value that can be searched for.
func (s *setup) createSecret() (id, content string) {
	s.Helper()
	id, content = "/"+s.namespace+"/"+secretName, s.hide("value-"+rand.Text())
	if _, err := s.aws.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content}); err != nil {
		s.Fatal(err)
	}
	return id, content
}

func (s *setup) putValue(id string) (content string) {
	s.Helper()
	content = s.hide("value-" + rand.Text())
	if _, err := s.aws.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &content}); err != nil {
		s.Fatal(err)
	}
	return content
}

// sync creates the SecretSync, with a short poll interval.
func (s *setup) sync(id string) {
	s.Helper()
	made := &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: secretName},
		Spec:       v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: &metav1.Duration{Duration: time.Second}},
	}
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

// conditions are the conditions of the SecretSync.
func (s *setup) conditions() []metav1.Condition {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	if err := s.env.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: secretName}, found); err != nil {
		s.Fatal(err)
	}
	return found.Status.Conditions
}

// values are the values of the Secret; nil if it does not exist.
func (s *setup) values() map[string]string {
	s.Helper()
	return testsuite.Values(s, s.env.Client, s.namespace, secretName)
}

// await waits until a condition holds, and otherwise fails with what it waited for.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	testsuite.Await(s, what, holds, s.picture)
}

// picture shows the status of the SecretSync and the latest calls of AWS.
func (s *setup) picture() string {
	s.Helper()
	var text strings.Builder
	for _, condition := range s.conditions() {
		fmt.Fprintf(&text, "%s=%s %s: %s\n", condition.Type, condition.Status, condition.Reason, condition.Message)
	}
	calls := s.env.AWS.Calls()
	for _, call := range calls[max(0, len(calls)-5):] {
		fmt.Fprintln(&text, call.Operation, "by", call.Principal, call.Code)
	}
	return text.String()
}

// awaitSynced waits until the Secret holds a value and the SecretSync is Ready, without a problem in another condition.
func (s *setup) awaitSynced(content string) {
	s.Helper()
	s.await(secretName+" is synced", func() bool {
		conditions := s.conditions()
		ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
		return cmp.Equal(s.values(), map[string]string{"value": content}) && ready != nil && ready.Status == metav1.ConditionTrue &&
			meta.FindStatusCondition(conditions, v1alpha1.ConditionReconciling) == nil
	})
}

// awaitRefusal waits until a condition has a reason, and a message that contains all mentions.
func (s *setup) awaitRefusal(reason string, mentions ...string) {
	s.Helper()
	s.await(secretName+" is refused for "+reason+", mentioning "+strings.Join(mentions, ", "), func() bool {
		return slices.ContainsFunc(s.conditions(), func(condition metav1.Condition) bool {
			return condition.Reason == reason && !slices.ContainsFunc(mentions, func(mention string) bool { return !strings.Contains(condition.Message, mention) })
		})
	})
}

// calls are all calls of an operation, refused ones included.
func (s *setup) calls(operation string) []localaws.Call {
	return slices.DeleteFunc(s.env.AWS.Calls(), func(call localaws.Call) bool { return call.Operation != operation })
}

// awaitCalls waits until an operation was called n times, and fails if a call was refused.
func (s *setup) awaitCalls(operation string, count int) {
	s.Helper()
	s.await(operation+" is called again", func() bool { return len(s.calls(operation)) >= count })
	for _, call := range s.calls(operation) {
		if call.Code != "" {
			s.Errorf("%s was refused with %s", operation, call.Code)
		}
	}
}
