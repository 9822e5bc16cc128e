package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// awaitTrouble waits until a condition other than Ready has a reason.
func (s *setup) awaitTrouble(name, condition, reason string) {
	s.Helper()
	s.await(name+" has "+condition+" for "+reason, func() bool {
		found := meta.FindStatusCondition(s.get(name).Status.Conditions, condition)
		return found != nil && found.Reason == reason
	})
}

// TestQuotaForbids: a write that Kubernetes forbids is reported and retried.
func TestQuotaForbids(t *testing.T) {
	s := newSetup(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}},
	}
	if err := s.env.Client.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	s.await("the quota is in force", func() bool {
		return s.exists(quota) && len(quota.Status.Hard) > 0
	})
	s.awaitRefusal()
	content := value()
	id, _ := s.createSecret("db", content)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonAdmissionDenied)
	if err := s.env.Client.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("db", map[string]string{"value": content})
}

// TestAdmissionInTrouble: a foreign webhook that does not answer is a transient error.
func TestAdmissionInTrouble(t *testing.T) {
	s := newSetup(t)
	nowhere, fail, none, all := "https://127.0.0.1:1/", admissionv1.Fail, admissionv1.SideEffectClassNone, admissionv1.AllScopes
	hook := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "nowhere.example.com", ClientConfig: admissionv1.WebhookClientConfig{URL: &nowhere}, FailurePolicy: &fail, SideEffects: &none,
			AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.namespace}},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}, Scope: &all},
			}},
		}},
	}
	if err := s.env.Client.Create(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(s.env.Client.Delete(context.Background(), hook)); err != nil {
			t.Error(err)
		}
	})
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "probe-"}}
	s.await("the webhook is in force", func() bool { return s.env.Client.Create(t.Context(), probe.DeepCopy()) != nil })
	content := value()
	id, _ := s.createSecret("db", content)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonTargetFailed)
	s.awaitTrouble("db", v1alpha1.ConditionReconciling, v1alpha1.ReasonTargetFailed)
	if err := s.env.Client.Delete(t.Context(), hook); err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("db", map[string]string{"value": content})
}

// TestIRSA runs the operator with a token of its ServiceAccount instead of keys, as on EKS.
func TestIRSA(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/secretsync"
	s := newSetup(t)
	clients := s.clients()
	token, err := clients.CoreV1().ServiceAccounts(testenv.OperatorNamespace).CreateToken(t.Context(), testenv.OperatorAccount,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"sts.amazonaws.com"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token.Status.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	restart := func(name string, environment ...string) {
		t.Helper()
		if err := end(context.Background(), running, (*testenv.Manager).Stop); err != nil { // The test's context ends before its cleanup.
			t.Fatal(err)
		}
		s.env.Variables = append([]string{detectsCacheChanges}, environment...)
		s.start(name)
	}
	t.Cleanup(func() {
		s.env.AWS.SetRules()
		restart("with-keys-again")
	})
	subject := "system:serviceaccount:" + testenv.OperatorNamespace + ":" + testenv.OperatorAccount
	s.env.AWS.SetRules(localaws.Rule{}, localaws.Rule{Deny: true, Principal: subject, Action: "sts:AssumeRoleWithWebIdentity"})
	restart("with-token", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_ROLE_ARN="+role, "AWS_WEB_IDENTITY_TOKEN_FILE="+file)

	content := value()
	id, _ := s.createSecret("db", content)
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	refused := s.awaitReason("db", metav1.ConditionFalse, v1alpha1.ReasonAssumeRoleDenied)
	if message := refused.Status.Conditions[0].Message; !strings.Contains(message, role) || strings.Contains(message, token.Status.Token) {
		t.Errorf("the refusal is %q", message)
	}
	s.env.AWS.SetRules()
	s.awaitKeys("db", map[string]string{"value": content})
	reads := 0
	for _, call := range s.env.AWS.Calls() {
		if slices.ContainsFunc(call.Read, func(arn string) bool { return strings.Contains(arn, id) }) {
			reads++
			if call.Principal != "arn:aws:sts::111122223333:assumed-role/secretsync/secretsync-tests" {
				t.Errorf("the value was read by %s", call.Principal)
			}
		}
	}
	if reads == 0 {
		t.Error("no read of the value was seen")
	}
}
