package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// mishap is a problem of a single SecretSync in sync, which only an edit or a change in AWS fixes.
type mishap struct {
	reason string
	befall func(s *setup, id string)
	// denied is the action that a policy denies. Policies are set for all secrets at once. of is the suffix of the
	// secret's name that it is denied for, if that is another secret.
	denied, of string
	// shape changes the spec, and creates what that needs.
	shape func(s *setup, id string, spec *v1alpha1.SecretSyncSpec)
	// data, target and stage are fields of the SecretSync.
	data   []v1alpha1.DataKey
	target v1alpha1.SecretTarget
	stage  string
}

func mishaps() map[string]mishap {
	listed := []v1alpha1.DataKey{{Key: "username", Property: "username"}, {Key: "password", Property: "password"}}
	return map[string]mishap{
		"deleted":           {reason: v1alpha1.ReasonSecretNotFound, befall: func(s *setup, id string) { s.delete(id, true) }},
		"pending-deletion":  {reason: v1alpha1.ReasonSecretPendingDeletion, befall: func(s *setup, id string) { s.delete(id, false) }},
		"denied":            {reason: v1alpha1.ReasonAccessDenied, denied: "secretsmanager:*"},
		"read-denied":       {reason: v1alpha1.ReasonAccessDenied, denied: "secretsmanager:GetSecretValue", befall: becomes(pair())},
		"kms-denied":        {reason: v1alpha1.ReasonKMSAccessDenied, befall: func(s *setup, id string) { s.env.AWS.DenyKey(keyOf(id), "*"); s.putValue(id, pair()) }},
		"kms-disabled":      {reason: v1alpha1.ReasonDecryptionFailed, befall: func(s *setup, id string) { s.env.AWS.DisableKey(keyOf(id), true); s.putValue(id, pair()) }},
		"label-removed":     {reason: v1alpha1.ReasonVersionNotFound, stage: customStage, befall: (*setup).removeLabel},
		"broken-json":       {reason: v1alpha1.ReasonInvalidValue, befall: becomes(`{"username":"app","password":"` + value())},
		"no-fields":         {reason: v1alpha1.ReasonInvalidValue, befall: becomes(`{}`)},
		"unusable-name":     {reason: v1alpha1.ReasonInvalidValue, befall: becomes(fmt.Sprintf(`{"user name":%q}`, value()))},
		"no-object":         {reason: v1alpha1.ReasonInvalidValue, data: listed, befall: becomes(value())},
		"property-missing":  {reason: v1alpha1.ReasonPropertyNotFound, data: listed, befall: becomes(fmt.Sprintf(`{"password":%q}`, value()))},
		"too-large":         {reason: v1alpha1.ReasonTargetTooLarge, data: copies(17), befall: becomes(strings.Repeat("x", mostBytes))},
		"type-without-keys": {reason: v1alpha1.ReasonInvalidValue, target: v1alpha1.SecretTarget{Type: string(corev1.SecretTypeBasicAuth)}, befall: becomes(fmt.Sprintf(`{"token":%q}`, value()))},
	}
}

const (
	customStage = "LIVE"
	// mostBytes is the maximum size of a secret's value (page "AWS Secrets Manager quotas").
	mostBytes = 65536
)

// keyOf is the KMS key of a secret.
func keyOf(id string) string { return "alias" + id }

// pair is a JSON object with two fields.
func pair() string { return fmt.Sprintf(`{"username":%q,"password":%q}`, value(), value()) }

func becomes(content string) func(*setup, string) {
	return func(s *setup, id string) { s.putValue(id, content) }
}

// copies are n keys, each with the whole value.
func copies(many int) (data []v1alpha1.DataKey) {
	for i := range many {
		data = append(data, v1alpha1.DataKey{Key: fmt.Sprintf("copy-%d", i)})
	}
	return data
}

// removeLabel removes the custom label from the version that has it.
func (s *setup) removeLabel(id string) {
	s.Helper()
	described, err := s.aws.DescribeSecret(s.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		s.Fatal(err)
	}
	for version, stages := range described.VersionIdsToStages {
		for _, stage := range stages {
			if stage == customStage {
				s.moveLabel(id, "", version)
			}
		}
	}
}

// moveLabel moves the custom label; from or to may be empty.
func (s *setup) moveLabel(id, to, from string) {
	s.Helper()
	stage := customStage
	input := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &id, VersionStage: &stage}
	if to != "" {
		input.MoveToVersionId = &to
	}
	if from != "" {
		input.RemoveFromVersionId = &from
	}
	if _, err := s.aws.UpdateSecretVersionStage(s.Context(), input); err != nil {
		s.Fatal(err)
	}
}

// keptSecrets are Secrets as they were before the mishaps.
type keptSecrets map[string]*corev1.Secret

// check fails the test unless each Secret is exactly as before: no key lost or changed, and no write at all.
func (k keptSecrets) check(s *setup, when string) {
	s.Helper()
	for name, before := range k {
		now := s.secret(name)
		switch {
		case now == nil:
			s.Errorf("%s: Secret %s is gone", when, name)
		case !cmp.Equal(before.Data, now.Data):
			s.Errorf("%s: Secret %s lost or changed a key", when, name)
		case before.ResourceVersion != now.ResourceVersion || before.UID != now.UID:
			s.Errorf("%s: Secret %s was written", when, name)
		}
	}
}

// TestNothingIsLost applies each mishap to a SecretSync of its own. The Secrets stay as they are, even if the operator
// is killed meanwhile and the next one sees only the mishap.
func TestNothingIsLost(t *testing.T) {
	s, all, before := newSetup(t), mishaps(), keptSecrets{}
	maps.Copy(all, mishapsOfSeveral())
	maps.Copy(all, mishapsOfSlips())
	for name, m := range all {
		s.createForMishap(name, m)
	}
	for name := range all {
		s.awaitReady(name)
		before[name] = s.secret(name)
	}
	var rules []localaws.Rule
	for name, m := range all {
		if m.denied != "" {
			rules = append(rules, localaws.Rule{Deny: true, Action: m.denied, Resource: "*" + s.secretID(name) + m.of + "-??????"})
		}
	}
	t.Cleanup(func() { s.rule() })
	s.rule(rules...)
	for name, m := range all {
		if m.befall != nil {
			m.befall(s, s.secretID(name))
		}
	}
	for name, m := range all {
		s.awaitReason(name, metav1.ConditionFalse, m.reason)
	}
	before.check(s, "in trouble")
	s.awaitCalls(2 * len(all))
	before.check(s, "after more polls")

	s.end((*testenv.Manager).Quit)
	s.start("nothing-lost")
	s.awaitCalls(2 * len(all))
	for name, m := range all {
		s.awaitReason(name, metav1.ConditionFalse, m.reason)
	}
	before.check(s, "after the operator was killed")
}

func (s *setup) createForMishap(name string, m mishap) {
	s.Helper()
	id := s.secretID(name)
	_, err := s.aws.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: aws.String(pair()), KmsKeyId: aws.String(keyOf(id))})
	if err != nil {
		s.Fatal(err)
	}
	if m.stage != "" {
		s.putValue(id, pair(), m.stage)
	}
	spec := v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id, VersionStage: m.stage},
		Data:   m.data, Target: m.target, PollInterval: fast,
	}
	if m.shape != nil {
		m.shape(s, id, &spec)
	}
	s.sync(name, spec)
}

// awaitCalls waits for n more calls for the setup's SecretSyncs.
func (s *setup) awaitCalls(more int) {
	s.Helper()
	made := func() int {
		return s.called("DescribeSecret") + s.called("GetSecretValue") + s.called("BatchGetSecretValue")
	}
	before := made()
	s.await(fmt.Sprintf("%d more calls", more), func() bool { return made() >= before+more })
}

// TestNothingIsLostOnTheWay makes AWS fail while a new version waits to be fetched. Nothing of it is published, nothing
// of the last one is lost, and all of the new one is published once AWS works.
func TestNothingIsLostOnTheWay(t *testing.T) {
	const reading = "*GetSecretValue"
	s := newSetup(t)
	t.Cleanup(func() { s.env.AWS.SetFaults() })
	id, _ := s.createSecret("waiting", pair())
	s.sync("waiting", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	for _, test := range []struct {
		name   string
		fault  localaws.Fault
		reason string
	}{
		{"throttled", localaws.Fault{Code: "ThrottlingException"}, v1alpha1.ReasonThrottled},
		{"a server error", localaws.Fault{}, v1alpha1.ReasonRegionUnavailable},
		{"a gateway's error", localaws.Fault{Code: "ServiceUnavailable", Status: 503}, v1alpha1.ReasonRegionUnavailable},
		{"the connection cut", localaws.Fault{Cut: true}, v1alpha1.ReasonRegionUnavailable},
		{"the answer cut in its middle", localaws.Fault{Half: true}, v1alpha1.ReasonRegionUnavailable},
		{"credentials expired", localaws.Fault{Code: "ExpiredTokenException"}, v1alpha1.ReasonCredentialsUnavailable},
		{"a refusal without a reason of its own", localaws.Fault{Code: "NoSuchThingException"}, v1alpha1.ReasonSourceFailed},
	} {
		s.awaitReady("waiting")
		s.await("the trouble before is over", func() bool { return s.trouble("waiting") == "" })
		before := keptSecrets{"waiting": s.secret("waiting")}
		test.fault.Every, test.fault.Operation = 1, reading
		s.env.AWS.SetFaults(test.fault)
		content := value()
		s.putValue(id, fmt.Sprintf(`{"password":%q}`, content))
		s.await(test.name+" is told as "+test.reason, func() bool { return s.trouble("waiting") == test.reason })
		before.check(s, test.name)
		s.env.AWS.SetFaults()
		s.awaitKeys("waiting", map[string]string{"password": content})
	}
}

// trouble is the reason of Reconciling or Stalled; empty without a problem.
func (s *setup) trouble(name string) string {
	s.Helper()
	conditions := s.get(name).Status.Conditions
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if found := meta.FindStatusCondition(conditions, kind); found != nil {
			return found.Reason
		}
	}
	return ""
}
