package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/controlplane"
	"github.com/secretsync/secretsync/hack/localaws"
)

// operatorARN is the operator's principal in the local AWS.
const operatorARN = "arn:aws:iam::" + localaws.DefaultAccount + ":root"

// TestRefusals causes every refusal while a Secret is in sync. Each is explained by its reason, removes nothing, and
// ends with its cause.
func TestRefusals(t *testing.T) {
	const key = "alias/payments"
	for name, test := range map[string]struct {
		cause, cure func(s *setup, id string)
		// again triggers another read of the value, if only a read of it is refused.
		again    bool
		reason   string
		mentions []string
	}{
		"the secret is deleted for good": {
			cause:  func(s *setup, id string) { s.delete(id, true) },
			cure:   func(s *setup, _ string) { s.createSecret("kept", fmt.Sprintf(`{"password":%q}`, value())) },
			reason: v1alpha1.ReasonSecretNotFound, mentions: []string{localaws.DefaultRegion},
		},
		"the secret is marked for deletion": {
			cause: func(s *setup, id string) { s.delete(id, false) },
			cure: func(s *setup, id string) {
				if _, err := s.aws.RestoreSecret(s.Context(), &secretsmanager.RestoreSecretInput{SecretId: &id}); err != nil {
					s.Fatal(err)
				}
			},
			reason: v1alpha1.ReasonSecretPendingDeletion, mentions: []string{"restore"},
		},
		"a policy denies the read": {
			cause: func(s *setup, id string) {
				s.rule(localaws.Rule{Deny: true, Action: "secretsmanager:*", Resource: "*" + id + "*"})
			},
			cure:   func(s *setup, _ string) { s.rule() },
			reason: v1alpha1.ReasonAccessDenied, mentions: []string{operatorARN, "secretsmanager:", "arn:aws:secretsmanager"},
		},
		"the KMS key may not be used": {
			cause:  func(s *setup, _ string) { s.env.AWS.DenyKey(key, "*") },
			cure:   func(s *setup, _ string) { s.env.AWS.DenyKey(key) },
			again:  true,
			reason: v1alpha1.ReasonKMSAccessDenied, mentions: []string{"kms:Decrypt", key, "kms:ViaService"},
		},
		"the KMS key is disabled": {
			cause:  func(s *setup, _ string) { s.env.AWS.DisableKey(key, true) },
			cure:   func(s *setup, _ string) { s.env.AWS.DisableKey(key, false) },
			again:  true,
			reason: v1alpha1.ReasonDecryptionFailed, mentions: []string{"key"},
		},
		"the value becomes broken JSON": {
			cause:  func(s *setup, id string) { s.putValue(id, `{"password":"`+value()) },
			cure:   func(s *setup, id string) { s.putValue(id, fmt.Sprintf(`{"password":%q}`, value())) },
			reason: v1alpha1.ReasonInvalidValue, mentions: []string{"JSON"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			id, content := s.secretID("kept"), value()
			keyID, object := key, fmt.Sprintf(`{"password":%q}`, content)
			_, err := s.aws.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &object, KmsKeyId: &keyID})
			if err != nil {
				t.Fatal(err)
			}
			s.sync("kept", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
			s.awaitReady("kept")

			t.Cleanup(func() { // Other tests would be affected, even after a failure.
				s.rule()
				s.env.AWS.DenyKey(key)
				s.env.AWS.DisableKey(key, false)
			})
			test.cause(s, id)
			if test.again {
				s.putValue(id, fmt.Sprintf(`{"password":%q}`, value()))
			}
			found := s.awaitReason("kept", metav1.ConditionFalse, test.reason)
			ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
			if !containsAll(ready.Message, test.mentions) {
				t.Errorf("the message %q does not mention all of %q", ready.Message, test.mentions)
			}
			if !meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionStalled) {
				t.Error("not Stalled, though only an edit can help")
			}
			s.awaitEvent("kept", "SyncFailed", test.reason)
			s.awaitKeys("kept", map[string]string{"password": content})

			test.cure(s, id)
			s.awaitReady("kept")
			s.awaitEvent("kept", "SyncRecovered", test.reason)
		})
	}
}

func (s *setup) delete(id string, force bool) {
	s.Helper()
	if _, err := s.aws.DeleteSecret(s.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: &force}); err != nil {
		s.Fatal(err)
	}
}

func (s *setup) rule(rules ...localaws.Rule) { s.env.AWS.SetRules(rules...) }

// TestRefusedFromTheStart covers refusals that cannot happen while a Secret is in sync.
func TestRefusedFromTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		change  func(*v1alpha1.SecretSyncSpec)
		reason  string
		mention string
	}{
		"a staging label that is on no version": {
			content: "plain",
			change:  func(spec *v1alpha1.SecretSyncSpec) { spec.Source.VersionStage = "AWSPREVIOUS" },
			reason:  v1alpha1.ReasonVersionNotFound, mention: "AWSCURRENT",
		},
		"a version that does not exist": {
			content: "plain",
			change:  func(spec *v1alpha1.SecretSyncSpec) { spec.Source.VersionID = strings.Repeat("0", 36) },
			reason:  v1alpha1.ReasonVersionNotFound, mention: "0000",
		},
		"a property that the object does not have": {
			content: `{"pasword":"x"}`,
			change: func(spec *v1alpha1.SecretSyncSpec) {
				spec.Data = []v1alpha1.DataKey{{Key: "P", Property: "password"}}
			},
			reason: v1alpha1.ReasonPropertyNotFound, mention: "pasword",
		},
		"a TLS Secret without its key": {
			content: `{"tls.crt":"x"}`,
			change:  func(spec *v1alpha1.SecretSyncSpec) { spec.Target.Type = "kubernetes.io/tls" },
			reason:  v1alpha1.ReasonInvalidValue, mention: "tls.key",
		},
		"more than Kubernetes takes": {
			content: strings.Repeat("x", 65536),
			change: func(spec *v1alpha1.SecretSyncSpec) {
				for i := range 17 {
					spec.Data = append(spec.Data, v1alpha1.DataKey{Key: fmt.Sprintf("copy-%d", i)})
				}
			},
			reason: v1alpha1.ReasonTargetTooLarge, mention: "1048576",
		},
		"a Secret to merge into that is not there": {
			content: "plain",
			change: func(spec *v1alpha1.SecretSyncSpec) {
				spec.Target.CreationPolicy = v1alpha1.CreationPolicyMerge
			},
			reason: v1alpha1.ReasonTargetNotFound, mention: "does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			id, _ := s.createSecret("refused", test.content)
			spec := v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast}
			test.change(&spec)
			s.sync("refused", spec)
			found := s.awaitReason("refused", metav1.ConditionFalse, test.reason)
			if ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(ready.Message, test.mention) {
				t.Errorf("the message %q does not mention %q", ready.Message, test.mention)
			}
			if s.secret("refused") != nil {
				t.Error("a Secret was written")
			}
		})
	}
}

// troubled is a region that only one test uses. If AWS throttled everything in a shared region, the SecretSyncs of all
// other tests would wait for the same few calls.
const troubled = "eu-south-2"

// TestTroubleThatTimeHeals: throttling or no answer from AWS does not make Ready False while the value is fresh.
func TestTroubleThatTimeHeals(t *testing.T) {
	for name, test := range map[string]struct {
		fault  localaws.Fault
		reason string
	}{
		"throttling":          {localaws.Fault{Every: 1, Code: "ThrottlingException"}, v1alpha1.ReasonThrottled},
		"server errors":       {localaws.Fault{Every: 1}, v1alpha1.ReasonRegionUnavailable},
		"cut connections":     {localaws.Fault{Every: 1, Cut: true}, v1alpha1.ReasonRegionUnavailable},
		"expired credentials": {localaws.Fault{Every: 1, Code: "ExpiredTokenException"}, v1alpha1.ReasonCredentialsUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			s.aws = awsClientIn(troubled, s.env.AWS.URL(), "tester")
			id, _ := s.createSecret("calm", value())
			s.sync("calm", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, Region: troubled}, PollInterval: fast})
			s.awaitReady("calm")

			t.Cleanup(func() { s.env.AWS.SetFaults() })
			test.fault.Region = troubled
			s.env.AWS.SetFaults(test.fault)
			s.await("Reconciling has the reason "+test.reason, func() bool {
				trouble := meta.FindStatusCondition(s.get("calm").Status.Conditions, v1alpha1.ConditionReconciling)
				return trouble != nil && trouble.Reason == test.reason
			})
			found := s.get("calm")
			s.checkStatus(found)
			if ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady); ready.Status != metav1.ConditionTrue || !strings.Contains(ready.Message, "retrying") {
				t.Errorf("Ready is %s: %q, want True and a message about the retries", ready.Status, ready.Message)
			}
			s.env.AWS.SetFaults()
			s.await("the trouble is over", func() bool {
				return meta.FindStatusCondition(s.get("calm").Status.Conditions, v1alpha1.ConditionReconciling) == nil
			})
		})
	}
}

// TestDescribeDenied: the permission for GetSecretValue alone is enough, and a hint says what would be cheaper.
func TestDescribeDenied(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, _ := s.createSecret("modest", first)
	t.Cleanup(func() { s.rule() })
	s.rule(localaws.Rule{}, localaws.Rule{Deny: true, Action: "secretsmanager:DescribeSecret", Resource: "*" + id + "*"})
	s.sync("modest", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	found := s.awaitReady("modest")
	if hint := found.Status.Sources[0].Hint; !strings.Contains(hint, "secretsmanager:DescribeSecret") {
		t.Errorf("the hint %q does not name the permission", hint)
	}
	s.putValue(id, second)
	s.awaitKeys("modest", map[string]string{"value": second})
}

// TestImmutableTarget: a change that Kubernetes does not allow is explained.
func TestImmutableTarget(t *testing.T) {
	s := newSetup(t)
	content := value()
	id, _ := s.createSecret("typed", fmt.Sprintf(`{"password":%q}`, content))
	s.sync("typed", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("typed")
	s.edit("typed", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Target.Type = string(corev1.SecretTypeBasicAuth)
	})
	s.awaitReason("typed", metav1.ConditionFalse, v1alpha1.ReasonTargetImmutable)
	s.awaitKeys("typed", map[string]string{"password": content})
	if err := s.env.Client.Delete(t.Context(), s.secret("typed")); err != nil {
		t.Fatal(err)
	}
	s.awaitReady("typed")
	if got := s.secret("typed").Type; got != corev1.SecretTypeBasicAuth {
		t.Errorf("type = %s", got)
	}
}

// TestQuiet: an object in sync costs one DescribeSecret per poll and nothing else.
func TestQuiet(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("quiet", value())
	s.sync("quiet", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	before := s.awaitReady("quiet")
	s.await("the event of the creation is in the audit log", func() bool { // It is sent in the background, and may come after Ready.
		return slices.ContainsFunc(s.requests(), func(request controlplane.Request) bool { return request.What() == "create events.k8s.io events" })
	})
	secret := s.secret("quiet")
	described, requests := s.described(), len(s.requests())
	s.await("five polls", func() bool { return s.described() >= described+5 })
	for _, request := range s.requests()[requests:] {
		t.Errorf("the operator sent %s to the API server although nothing had changed", request.What())
	}
	after := s.get("quiet")
	if before.ResourceVersion != after.ResourceVersion {
		t.Error("status was written though nothing changed")
	}
	if now := s.secret("quiet"); now.ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written though nothing changed")
	}
	if reads := s.read(before.Status.Sources[0].ARN); reads != 1 {
		t.Errorf("the value was read %d times, want once", reads)
	}
	if notes := s.events("quiet", "SecretCreated"); len(notes) != 1 {
		t.Errorf("%d events SecretCreated, want one", len(notes))
	}
}

// called counts the operator's calls of AWS for the SecretSyncs of this setup.
func (s *setup) called(operation string) int {
	count := 0
	for _, call := range s.env.AWS.Calls() {
		if call.Operation == operation && strings.Contains(call.UserAgent, s.namespace) {
			count++
		}
	}
	return count
}

// read counts the calls that have read a secret's value, alone or in a batch.
func (s *setup) read(arn string) int {
	count := 0
	for _, call := range s.env.AWS.Calls() {
		if slices.Contains(call.Read, arn) {
			count++
		}
	}
	return count
}

func (s *setup) described() int { return s.called("DescribeSecret") }

// exists says whether an object exists.
func (s *setup) exists(object client.Object) bool {
	s.Helper()
	err := s.env.Client.Get(s.Context(), client.ObjectKeyFromObject(object), object)
	if client.IgnoreNotFound(err) != nil {
		s.Fatal(err)
	}
	return err == nil
}

// never fails the test if something happens within some time that must not happen.
func (s *setup) never(what string, happens func() bool) {
	s.Helper()
	const watched = 2 * time.Second
	for end := time.Now().Add(watched); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if happens() {
			s.Fatalf("happened, though it must not: %s", what)
		}
	}
}
