package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// TestAnotherAccount: a full ARN and a resource policy are enough; without the policy the refusal
// names principal, action and resource.
func TestAnotherAccount(t *testing.T) {
	s := newSetup(t)
	s.env.AWS.AddPrincipal("owner", localaws.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/owner"})
	owner := awsClient(s.env.AWS.URL(), "owner")
	content := value()
	made, err := owner.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String(s.secretID("shared")), SecretString: &content})
	if err != nil {
		t.Fatal(err)
	}
	s.sync("shared", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: *made.ARN}, PollInterval: fast})
	refused := s.awaitReason("shared", metav1.ConditionFalse, v1alpha1.ReasonAccessDenied)
	for _, mention := range []string{"arn:aws:iam::111122223333:root", "secretsmanager:GetSecretValue", *made.ARN, "resource policy"} {
		if message := refused.Status.Conditions[0].Message; !strings.Contains(message, mention) {
			t.Errorf("the refusal %q does not mention %q", message, mention)
		}
	}
	policy := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["secretsmanager:GetSecretValue","secretsmanager:DescribeSecret"],"Resource":"*"}]}`
	if _, err := owner.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: made.ARN, ResourcePolicy: &policy}); err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("shared", map[string]string{"value": content})
}
