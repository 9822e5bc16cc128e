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

// administrator is the access key of somebody who may do everything, whatever identities there are.
const administrator = "administrator"

// name is that of the secret, the SecretSync and the Secret of a setup.
const name = "db"

// setup is a namespace of its own with one SecretSync, a local AWS of its own with one secret, and a
// manager that works there alone.
type setup struct {
	*testing.T
	// stand is the shared one with the setup's own AWS.
	env       *testenv.Environment
	namespace string
	aws       *secretsmanager.Client
	// hidden must not be in what the manager says: values, keys and tokens.
	hidden []string
}

// newSetup has an AWS whose sessions last for a time; zero is what their callers ask for.
func newSetup(t *testing.T, sessions time.Duration) *setup {
	t.Helper()
	own := testsuite.WithOwnAWS(t, shared, &localaws.Server{SessionLifetime: sessions})
	own.AWS.AddPrincipal(administrator, localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/administrator"})
	return &setup{T: t, env: own, namespace: testsuite.Namespace(t, shared.Client, "tenancy-"), aws: secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(own.AWS.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(administrator, "not-checked", ""),
	})}
}

// start starts a manager that gets its credentials by some variables. It ends with the test, and must
// not have told anybody what is hidden.
func (s *setup) start(variables []string) *testenv.Manager {
	s.Helper()
	s.env.Credentials = variables
	manager, err := s.env.StartManager(s.namespace, "--watch-namespaces="+s.namespace)
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

// hide makes sure that a secret is looked for in what the manager says.
func (s *setup) hide(secret string) string {
	s.hidden = append(s.hidden, secret)
	return secret
}

// createSecret makes the secret, with a value that can be found again.
func (s *setup) createSecret() (id, content string) {
	s.Helper()
	id, content = "/"+s.namespace+"/"+name, s.hide("value-"+rand.Text())
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

// sync makes the SecretSync, which polls so often that no test waits for long.
func (s *setup) sync(id string) {
	s.Helper()
	made := &v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: &metav1.Duration{Duration: time.Second}},
	}
	if err := s.env.Client.Create(s.Context(), made); err != nil {
		s.Fatal(err)
	}
}

// conditions are the SecretSync's.
func (s *setup) conditions() []metav1.Condition {
	s.Helper()
	found := &v1alpha1.SecretSync{}
	if err := s.env.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found); err != nil {
		s.Fatal(err)
	}
	return found.Status.Conditions
}

// values are what the Secret holds; nil where there is none.
func (s *setup) values() map[string]string {
	s.Helper()
	return testsuite.Values(s, s.env.Client, s.namespace, name)
}

// await waits until a condition holds, and says what it waited for if it never does.
func (s *setup) await(what string, holds func() bool) {
	s.Helper()
	testsuite.Await(s, what, holds, s.picture)
}

// picture is what the SecretSync tells and what AWS was asked last.
func (s *setup) picture() string {
	s.Helper()
	var text strings.Builder
	for _, told := range s.conditions() {
		fmt.Fprintf(&text, "%s=%s %s: %s\n", told.Type, told.Status, told.Reason, told.Message)
	}
	calls := s.env.AWS.Calls()
	for _, call := range calls[max(0, len(calls)-5):] {
		fmt.Fprintln(&text, call.Operation, "by", call.Principal, call.Code)
	}
	return text.String()
}

// awaitSynced waits until the Secret holds a value, and the SecretSync is ready and in no trouble.
func (s *setup) awaitSynced(content string) {
	s.Helper()
	s.await(name+" is synced", func() bool {
		conditions := s.conditions()
		ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
		return cmp.Equal(s.values(), map[string]string{"value": content}) && ready != nil && ready.Status == metav1.ConditionTrue &&
			meta.FindStatusCondition(conditions, v1alpha1.ConditionReconciling) == nil
	})
}

// awaitRefusal waits until a condition tells of a reason, in a message that mentions all the texts.
func (s *setup) awaitRefusal(reason string, mentions ...string) {
	s.Helper()
	s.await(name+" is refused for "+reason+", mentioning "+strings.Join(mentions, ", "), func() bool {
		return slices.ContainsFunc(s.conditions(), func(told metav1.Condition) bool {
			return told.Reason == reason && !slices.ContainsFunc(mentions, func(mention string) bool { return !strings.Contains(told.Message, mention) })
		})
	})
}

// calls are those of an operation, refused ones too.
func (s *setup) calls(operation string) []localaws.Call {
	return slices.DeleteFunc(s.env.AWS.Calls(), func(call localaws.Call) bool { return call.Operation != operation })
}

// awaitCalls waits until so many calls of an operation were answered, and none refused.
func (s *setup) awaitCalls(operation string, count int) {
	s.Helper()
	s.await(operation+" is called anew", func() bool { return len(s.calls(operation)) >= count })
	for _, call := range s.calls(operation) {
		if call.Code != "" {
			s.Errorf("%s was refused with %s", operation, call.Code)
		}
	}
}
