package tenants

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// tenant is a namespace with a ServiceAccount "app", a role that trusts it and reads the tenant's secrets, a
// role that trusts the operator for the namespace, and a secret.
type tenant struct {
	*testing.T
	namespace string
	aws       *secretsmanager.Client
	// web is the role of the ServiceAccount, direct the one that the operator may assume for the namespace.
	web, direct string
	// secretID and arn are the secret's, value is in it, and version its id.
	secretID, arn, value, version string
	// forbidden are values that no Secret of the tenant may hold.
	forbidden []string
}

func newTenant(t *testing.T, name string) *tenant {
	t.Helper()
	made := &tenant{T: t, namespace: name, aws: awsClient("tester")}
	made.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	read := fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
		"Resource": "arn:aws:secretsmanager:*:*:secret:/%s/*"}}`, name)
	made.web = made.role("web-"+name, trustAccount(name, "app"), read)
	made.direct = made.role("direct-"+name, trustOperator(name), read)
	made.account("app", map[string]string{"eks.amazonaws.com/role-arn": made.web})
	made.value = value()
	made.secretID, made.arn, made.version = made.secret("db", made.value)
	return made
}

func awsClient(accessKeyID string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(shared.AWS.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", ""),
	})
}

func value() string {
	random := make([]byte, 12)
	_, _ = rand.Read(random) // Never fails (package crypto/rand).
	return "hunted-" + hex.EncodeToString(random)
}

// trustAccount is the trust policy of IRSA.
func trustAccount(namespace, account string) string {
	issuer := strings.TrimPrefix(provider.Issuer, "https://")
	return fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/%[1]s"},
		"Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"%[1]s:sub": "system:serviceaccount:%[2]s:%[3]s", "%[1]s:aud": "sts.amazonaws.com"}}}}`,
		issuer, namespace, account)
}

const operator = "arn:aws:iam::111122223333:user/operator"

// trustOperator is a trust policy that lets the operator assume a role for one namespace.
func trustOperator(namespace string) string {
	return fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Principal": {"AWS": %q}, "Action": ["sts:AssumeRole", "sts:TagSession"],
		"Condition": {"StringEquals": {"aws:RequestTag/kubernetes-namespace": %q, "aws:RequestTag/kubernetes-cluster": "tests"}}}}`, operator, namespace)
}

// trustRole is a trust policy for another role.
func trustRole(arn, condition string) string {
	return fmt.Sprintf(`{"Statement": {"Effect": "Allow", "Principal": {"AWS": %q}, "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": {%s}}}`, arn, condition)
}

func (s *tenant) role(name, trust string, policies ...string) (arn string) {
	s.Helper()
	arn, err := shared.AWS.AddRole(localaws.Role{Name: name, TrustPolicy: trust, Policies: policies})
	if err != nil {
		s.Fatal(err)
	}
	return arn
}

func (s *tenant) account(name string, annotations map[string]string) {
	s.Helper()
	s.create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Annotations: annotations}})
}

func (s *tenant) create(created client.Object) {
	s.Helper()
	if err := shared.Client.Create(s.Context(), created); err != nil {
		s.Fatal(err)
	}
}

// secret creates a secret of the tenant; tags are keys and values in turn.
func (s *tenant) secret(name, content string, tags ...string) (id, arn, version string) {
	s.Helper()
	id = "/" + s.namespace + "/" + name
	arn, version = createSecret(s.T, s.aws, id, content, tags...)
	return id, arn, version
}

func createSecret(t *testing.T, by *secretsmanager.Client, id, content string, tags ...string) (arn, version string) {
	t.Helper()
	input := &secretsmanager.CreateSecretInput{Name: &id, SecretString: &content}
	for i := 0; i < len(tags); i += 2 {
		input.Tags = append(input.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	made, err := by.CreateSecret(t.Context(), input)
	if err != nil {
		t.Fatal(err)
	}
	return *made.ARN, *made.VersionId
}

// fast is a poll interval that tests don't wait long for.
var fast = &metav1.Duration{Duration: time.Second}

func (s *tenant) sync(name, secretID string, auth v1alpha1.SourceAuth) {
	s.Helper()
	s.create(&v1alpha1.SecretSync{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: secretID}, Auth: auth, PollInterval: fast},
	})
}

func byAccount(name string) v1alpha1.SourceAuth {
	return v1alpha1.SourceAuth{ServiceAccountRef: &v1alpha1.ServiceAccountReference{Name: name}}
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testsuite.Await(t, what, holds, func() string { return "" })
}

// awaitReason waits until Ready has one of the reasons at the present generation, and gives its message.
func (s *tenant) awaitReason(name string, reasons ...string) string {
	s.Helper()
	var seen string
	defer func() {
		if s.Failed() {
			s.Logf("%s/%s: %s", s.namespace, name, seen)
		}
	}()
	var message string
	await(s.T, fmt.Sprintf("%s is Ready for one of %v", name, reasons), func() bool {
		found := &v1alpha1.SecretSync{}
		if err := shared.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found); err != nil {
			s.Fatal(err)
		}
		ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.ObservedGeneration != found.Generation {
			return false
		}
		seen, message = ready.Reason+": "+ready.Message, ready.Message
		return slices.Contains(reasons, ready.Reason)
	})
	return message
}

// awaitValue waits until a Secret has the value under its only key.
func (s *tenant) awaitValue(name, want string) {
	s.Helper()
	await(s.T, "Secret "+name+" has the value wanted", func() bool {
		found := &corev1.Secret{}
		if err := shared.Client.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, found); client.IgnoreNotFound(err) != nil {
			s.Fatal(err)
		}
		return string(found.Data["value"]) == want
	})
}

func mustMention(t *testing.T, message string, mentions ...string) {
	t.Helper()
	for _, mention := range mentions {
		if !strings.Contains(message, mention) {
			t.Errorf("%q does not mention %q", message, mention)
		}
	}
}

func metaOf(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func (s *tenant) tag(arn, key, text string) {
	s.Helper()
	if _, err := s.aws.TagResource(s.Context(), &secretsmanager.TagResourceInput{SecretId: &arn, Tags: []types.Tag{{Key: &key, Value: &text}}}); err != nil {
		s.Fatal(err)
	}
}
