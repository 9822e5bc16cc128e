package tenants

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// readers are the calls that have read a secret's value.
func readers(arn string) (calls []localaws.Call) {
	for _, call := range shared.AWS.Calls() {
		for _, read := range call.Read {
			if read == arn {
				calls = append(calls, call)
			}
		}
	}
	return calls
}

// mustHaveRead fails the test unless a secret was read once, by a session of that role and name.
func mustHaveRead(t *testing.T, arn, role, session string) localaws.Call {
	t.Helper()
	calls := readers(arn)
	if len(calls) != 1 {
		t.Fatalf("%s was read %d times", arn, len(calls))
	}
	if want := "assumed-role/" + role + "/" + session; !strings.HasSuffix(calls[0].Principal, want) {
		t.Errorf("%s has read, want %s", calls[0].Principal, want)
	}
	return calls[0]
}

func TestAServiceAccountReadsWhatItsRoleMay(t *testing.T) {
	s := newTenant(t, "irsa")
	s.sync("own", s.secretID, byAccount("app"))
	s.awaitValue("own", s.value)
	mustHaveRead(t, s.arn, "web-irsa", "tests.irsa.app")
}

func TestARoleOnTopOfTheOperatorIsToldTheNamespace(t *testing.T) {
	s := newTenant(t, "direct")
	s.sync("own", s.secretID, v1alpha1.SourceAuth{RoleARN: s.direct})
	s.awaitValue("own", s.value)
	call := mustHaveRead(t, s.arn, "direct-direct", "tests.direct.direct-direct")
	if want := map[string]string{"kubernetes-namespace": "direct", "kubernetes-cluster": "tests"}; !maps.Equal(call.SessionTags, want) {
		t.Errorf("the session's tags are %v", call.SessionTags)
	}
	mustMention(t, call.UserAgent, "SecretSync/", "kubernetes-namespace/direct", "kubernetes-secretsync/own")
}

func TestAChainOfRolesBeginsWithTheServiceAccount(t *testing.T) {
	s := newTenant(t, "chain")
	first := s.role("first-chain", trustRole(s.web, `"StringEquals": {"aws:RequestTag/kubernetes-service-account": "app"}`))
	allow := `{"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}`
	if _, err := shared.AWS.AddRole(localaws.Role{Name: "web-chain", TrustPolicy: trustAccount("chain", "app"), Policies: []string{allow}}); err != nil {
		t.Fatal(err)
	}
	s.role("first-chain", trustRole(s.web, `"StringEquals": {"aws:RequestTag/kubernetes-service-account": "app"}`), allow)
	last := s.role("last-chain", trustRole(first, `"StringEquals": {"sts:ExternalId": "e-1", "aws:PrincipalTag/kubernetes-namespace": "chain"}`),
		`{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}}`)
	auth := byAccount("app")
	auth.RoleARN, auth.ExternalID, auth.ViaRoleARNs = last, "e-1", []string{first}
	s.sync("own", s.secretID, auth)
	s.awaitValue("own", s.value)
	call := mustHaveRead(t, s.arn, "last-chain", "tests.chain.app")
	if call.SessionTags["kubernetes-namespace"] != "chain" || call.SessionTags["kubernetes-service-account"] != "app" {
		t.Errorf("the session's tags are %v", call.SessionTags)
	}
}

// TestOneRoleForAll: one role serves all namespaces, and gives each the secrets that are tagged for it.
func TestOneRoleForAll(t *testing.T) {
	first, second := newTenant(t, "abac-one"), newTenant(t, "abac-other")
	role := first.role("abac", trustRole(operator, ""), `{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*",
		"Condition": {"StringEquals": {"secretsmanager:ResourceTag/kubernetes-namespace": "${aws:PrincipalTag/kubernetes-namespace}"}}}}`)
	content := value()
	createSecret(t, first.aws, "/shared/abac-one", content, "kubernetes-namespace", "abac-one")
	for _, s := range []*tenant{first, second} {
		s.sync("own", "/shared/abac-one", v1alpha1.SourceAuth{RoleARN: role})
	}
	first.awaitValue("own", content)
	mustMention(t, second.awaitReason("own", v1alpha1.ReasonAccessDenied), "assumed-role/abac/tests.abac-other.abac", "secretsmanager:GetSecretValue")
}

// assumptions counts how often a role was assumed with a token of a ServiceAccount. Objects of earlier tests may still
// assume other roles.
func assumptions(role string) (count int) {
	for _, call := range shared.AWS.Calls() {
		if call.Operation == "AssumeRoleWithWebIdentity" && call.Role == role {
			count++
		}
	}
	return count
}

// TestManyShareAnIdentity: credentials are fetched once for each identity, and each version is read once.
func TestManyShareAnIdentity(t *testing.T) {
	const each = 100
	var tenants []*tenant
	for _, name := range []string{"many-a", "many-b", "many-c"} {
		tenants = append(tenants, newTenant(t, name))
	}
	shared.AWS.ResetCalls()
	began := time.Now()
	for i := range each {
		for _, s := range tenants {
			s.sync(fmt.Sprintf("sync-%d", i), s.secretID, byAccount("app"))
		}
	}
	for _, s := range tenants {
		for i := range each {
			s.awaitValue(fmt.Sprintf("sync-%d", i), s.value)
		}
		// A value is cached for a minute; a slow machine may need longer than that for all of them.
		if read, most := len(readers(s.arn)), 1+int(time.Since(began)/time.Minute); read < 1 || read > most {
			t.Errorf("the secret of %s was read %d times", s.namespace, read)
		}
	}
	for _, s := range tenants {
		if assumed := assumptions(s.web); assumed != 1 {
			t.Errorf("the role of %s was assumed %d times", s.namespace, assumed)
		}
	}
	for _, s := range tenants { // Other tests must not wait for their polls.
		if err := shared.Client.DeleteAllOf(t.Context(), &v1alpha1.SecretSync{}, client.InNamespace(s.namespace)); err != nil {
			t.Error(err)
		}
	}
}

// TestARoleThatIsTakenAwayAndGivenBack: the next poll reports it, the Secret keeps its values, and the SecretSync
// recovers without help.
func TestARoleThatIsTakenAwayAndGivenBack(t *testing.T) {
	s := newTenant(t, "revoked")
	s.sync("own", s.secretID, byAccount("app"))
	s.awaitValue("own", s.value)
	shared.AWS.DeleteRole(s.web)
	mustMention(t, s.awaitReason("own", v1alpha1.ReasonAssumeRoleDenied), s.web, "ServiceAccount revoked/app", "trust policy")
	s.awaitValue("own", s.value)
	s.role("web-revoked", trustAccount("revoked", "app"), `{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}}`)
	s.refresh("own")
	s.awaitReason("own", v1alpha1.ReasonSynced)
	if err := shared.AWS.RevokeSessions(s.web); err != nil {
		t.Fatal(err)
	}
	s.awaitReason("own", v1alpha1.ReasonAccessDenied, v1alpha1.ReasonSynced) // A session that is old enough is renewed at once.
	s.awaitValue("own", s.value)
}

// refresh asks for an immediate refresh, as a user does who has just fixed something.
func (s *tenant) refresh(name string) {
	s.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"secretsync.dev/refresh-requested-at":"`+value()+`"}}}`))
	found := &v1alpha1.SecretSync{ObjectMeta: metaOf(s.namespace, name)}
	if err := shared.Client.Patch(s.Context(), found, patch); err != nil {
		s.Fatal(err)
	}
}

func TestServiceAccountsThatCannotBeUsed(t *testing.T) {
	s := newTenant(t, "broken")
	s.account("bare", nil)
	s.account("untrusted", map[string]string{"eks.amazonaws.com/role-arn": s.web})
	s.account("vault", map[string]string{"eks.amazonaws.com/role-arn": s.web, "eks.amazonaws.com/audience": "vault"})
	s.account("endless", map[string]string{"eks.amazonaws.com/role-arn": s.web + strings.Repeat("x", 200_000)})
	s.account("norole", map[string]string{"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/none"})
	for account, want := range map[string]struct {
		reason  string
		mention []string
	}{
		"missing":   {v1alpha1.ReasonCredentialsUnavailable, []string{"no ServiceAccount missing in namespace broken", "spec.auth.serviceAccountRef"}},
		"bare":      {v1alpha1.ReasonCredentialsUnavailable, []string{"broken/bare names no role", "eks.amazonaws.com/role-arn"}},
		"untrusted": {v1alpha1.ReasonAssumeRoleDenied, []string{s.web, "system:serviceaccount:broken:untrusted"}},
		"vault":     {v1alpha1.ReasonCredentialsUnavailable, []string{"audience", "ServiceAccount broken/vault"}},
		"endless":   {v1alpha1.ReasonCredentialsUnavailable, []string{"broken/endless is not the ARN of an IAM role", "correct it"}},
		"norole":    {v1alpha1.ReasonAssumeRoleDenied, []string{"role/none", "broken/norole"}},
	} {
		s.sync(account, s.secretID, byAccount(account))
		mustMention(t, s.awaitReason(account, want.reason), want.mention...)
	}
	// What was missing may be created later; then the SecretSync recovers.
	s.account("missing", map[string]string{"eks.amazonaws.com/role-arn": s.role("missing", trustAccount("broken", "missing"),
		`{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}}`)})
	s.refresh("missing")
	s.awaitValue("missing", s.value)
}

// TestWithoutThePermissionToHaveTokensMade: a default installation says which permission it lacks.
func TestWithoutThePermissionToHaveTokensMade(t *testing.T) {
	s := newTenant(t, "untrusted")
	binding := &rbacv1.ClusterRoleBinding{}
	key := client.ObjectKey{Name: "secretsync-service-account-tokens"}
	if err := shared.Client.Get(t.Context(), key, binding); err != nil {
		t.Fatal(err)
	}
	if err := shared.Client.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	await(t, "the API server knows of it", func() bool { return !s.operatorMayHaveTokens() })
	s.sync("own", s.secretID, byAccount("app"))
	message := s.awaitReason("own", v1alpha1.ReasonCredentialsUnavailable)
	mustMention(t, message, "the operator may not", "untrusted/app", "serviceAccountTokens", "service-account-tokens")
	again := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: key.Name}, Subjects: binding.Subjects, RoleRef: binding.RoleRef}
	s.create(again)
	await(t, "the API server knows of it", s.operatorMayHaveTokens)
	s.refresh("own")
	s.awaitValue("own", s.value)
}

// operatorMayHaveTokens says whether the API server would issue a token of the tenant's ServiceAccount to the operator
// now. It sees changed roles a moment later.
func (s *tenant) operatorMayHaveTokens() bool {
	s.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + testenv.OperatorNamespace + ":" + testenv.OperatorAccount,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: s.namespace, Verb: "create", Resource: "serviceaccounts", Subresource: "token"},
	}}
	s.create(review)
	return review.Status.Allowed
}

// TestRulesForTheOperatorsOwnIdentity: name patterns and the owner's tag apply. What was synced stays when the tag no
// longer names the namespace.
func TestRulesForTheOperatorsOwnIdentity(t *testing.T) {
	s := newTenant(t, "ruled")
	s.sync("own", s.secretID, v1alpha1.SourceAuth{})
	s.awaitValue("own", s.value)
	content := value()
	arn, _ := createSecret(t, s.aws, "/shared/ruled", content, "secretsync.dev/namespaces", "ruled other")
	s.sync("shared", "/shared/ruled", v1alpha1.SourceAuth{})
	s.awaitValue("shared", content)
	s.tag(arn, "secretsync.dev/namespaces", "other")
	s.refresh("shared")
	mustMention(t, s.awaitReason("shared", v1alpha1.ReasonSecretNotFound), "secretsync.dev/namespaces", "ruled")
	s.awaitValue("shared", content)
	s.sync("outside", "/elsewhere/db", v1alpha1.SourceAuth{})
	mustMention(t, s.awaitReason("outside", v1alpha1.ReasonPolicyDenied), "--secret-name-patterns", "/ruled/*, /shared/*")
	found := &corev1.Secret{}
	if err := shared.Client.Get(t.Context(), client.ObjectKey{Namespace: "ruled", Name: "outside"}, found); err == nil {
		t.Error("a Secret was written")
	}
}
