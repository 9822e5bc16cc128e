package e2e

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

// other is the name of the second secret of a mishap.
func other(id string) string { return id + "-other" }

// createOther creates that secret.
func (s *setup) createOther(id, content string) {
	s.Helper()
	name, key := other(id), keyOf(other(id))
	input := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &content, KmsKeyId: &key, Tags: []types.Tag{{Key: aws.String("found"), Value: &id}}}
	if _, err := s.aws.CreateSecret(s.Context(), input); err != nil {
		s.Fatal(err)
	}
}

// withOther takes a key from the other secret.
func withOther(optional bool) func(*setup, string, *v1alpha1.SecretSyncSpec) {
	return func(s *setup, id string, spec *v1alpha1.SecretSyncSpec) {
		s.createOther(id, pair())
		spec.Data = []v1alpha1.DataKey{{Key: "username", Property: "username"}, {Key: "password", Property: "password"},
			{Key: "other", Property: "password", Source: from(other(id)), Optional: optional}}
	}
}

// withAllOfOther takes all of the other secret, at a custom label.
func withAllOfOther(s *setup, id string, spec *v1alpha1.SecretSyncSpec) {
	s.createOther(id, pair())
	s.putValue(other(id), pair(), customStage)
	spec.DataFrom = []v1alpha1.DataFrom{{}, {Source: &v1alpha1.EntrySource{SecretID: other(id), VersionStage: customStage}, Prefix: "other_"}}
}

// withFound finds the other secret.
func withFound(find func(id string) v1alpha1.Find) func(*setup, string, *v1alpha1.SecretSyncSpec) {
	return func(s *setup, id string, spec *v1alpha1.SecretSyncSpec) {
		s.createOther(id, pair())
		found := find(id)
		spec.DataFrom = []v1alpha1.DataFrom{{}, {Find: &found, Prefix: "found_"}}
	}
}

func byPrefix(id string) v1alpha1.Find { return v1alpha1.Find{NamePrefix: id + "-"} }
func byTag(id string) v1alpha1.Find {
	return v1alpha1.Find{Tags: map[string]string{"found": id}, Take: v1alpha1.FindTakeFields}
}

// withTemplate renders a key by a template.
func withTemplate(text string) func(*setup, string, *v1alpha1.SecretSyncSpec) {
	return func(_ *setup, _ string, spec *v1alpha1.SecretSyncSpec) {
		spec.Template = &v1alpha1.Template{Data: map[string]string{"made": text}, MergePolicy: v1alpha1.TemplateMergeReplace}
	}
}

// withGuards checks values by guards.
func withGuards(guards v1alpha1.Guards) func(*setup, string, *v1alpha1.SecretSyncSpec) {
	return func(_ *setup, _ string, spec *v1alpha1.SecretSyncSpec) { spec.Guards = &guards }
}

// rotating rotates the first secret, and then applies a mishap to the other one, or both.
func rotating(befall func(s *setup, id string)) func(*setup, string) {
	return func(s *setup, id string) {
		befall(s, id)
		s.putValue(id, pair())
	}
}

// mishapsOfSeveral are mishaps of one of several secrets, or of what is rendered from the values. The first secret is
// rotated meanwhile, and its new value must not be published either.
func mishapsOfSeveral() map[string]mishap {
	gone := rotating(func(s *setup, id string) { s.delete(other(id), true) })
	nothing := func(*setup, string) {}
	return map[string]mishap{
		"other-deleted":          {reason: v1alpha1.ReasonSecretNotFound, shape: withOther(false), befall: gone},
		"other-optional-deleted": {reason: v1alpha1.ReasonSecretNotFound, shape: withOther(true), befall: gone},
		"other-pending-deletion": {reason: v1alpha1.ReasonSecretPendingDeletion, shape: withOther(true), befall: rotating(func(s *setup, id string) { s.delete(other(id), false) })},
		"other-denied":           {reason: v1alpha1.ReasonAccessDenied, shape: withOther(false), denied: "secretsmanager:*", of: "-other", befall: rotating(nothing)},
		"other-optional-denied":  {reason: v1alpha1.ReasonAccessDenied, shape: withOther(true), denied: "secretsmanager:*", of: "-other", befall: rotating(nothing)},
		"other-kms-denied":       {reason: v1alpha1.ReasonKMSAccessDenied, shape: withOther(true), befall: rotating(func(s *setup, id string) { s.env.AWS.DenyKey(keyOf(other(id)), "*"); s.putValue(other(id), pair()) })},
		"other-without-label":    {reason: v1alpha1.ReasonVersionNotFound, shape: withAllOfOther, befall: rotating(func(s *setup, id string) { s.removeLabel(other(id)) })},
		"other-broken":           {reason: v1alpha1.ReasonInvalidValue, shape: withAllOfOther, befall: rotating(func(s *setup, id string) { s.putValue(other(id), `{"password":"`+value(), customStage) })},
		"other-lacks-property":   {reason: v1alpha1.ReasonPropertyNotFound, shape: withOther(false), befall: rotating(func(s *setup, id string) { s.putValue(other(id), fmt.Sprintf(`{"token":%q}`, value())) })},
		"found-deleted":          {reason: v1alpha1.ReasonSecretNotFound, shape: withFound(byPrefix), befall: gone},
		"found-pending-deletion": {reason: v1alpha1.ReasonSecretNotFound, shape: withFound(byTag), befall: rotating(func(s *setup, id string) { s.delete(other(id), false) })},
		"found-no-longer-tagged": {reason: v1alpha1.ReasonSecretNotFound, shape: withFound(byTag), befall: rotating(func(s *setup, id string) {
			s.untagOther(id)
			// A recent list is still used: lists lag by minutes in AWS anyway.
			s.awaitReason("found-no-longer-tagged", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
		})},
		"found-denied":            {reason: v1alpha1.ReasonAccessDenied, shape: withFound(byPrefix), denied: "secretsmanager:*", of: "-other", befall: rotating(nothing)},
		"template-misses-a-field": {reason: v1alpha1.ReasonTemplateFailed, shape: withTemplate("{{ .username }}"), befall: becomes(fmt.Sprintf(`{"password":%q}`, value()))},
		"template-refuses-value":  {reason: v1alpha1.ReasonTemplateFailed, shape: withTemplate(`{{ .password | trimPrefix "hunted-" | hexdec | hexenc }}`), befall: becomes(fmt.Sprintf(`{"password":"%s-"}`, value()))},
		"guard-misses-a-key":      {reason: v1alpha1.ReasonValueRejected, shape: withGuards(v1alpha1.Guards{RequiredKeys: []string{"username"}}), befall: becomes(fmt.Sprintf(`{"password":%q}`, value()))},
		"guard-wants-a-pattern":   {reason: v1alpha1.ReasonValueRejected, shape: withGuards(v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "*", Pattern: "hunted-[0-9a-f]+"}}}), befall: becomes(fmt.Sprintf(`{"username":"x","password":"placeholder %s"}`, value()))},
		"guard-wants-a-size":      {reason: v1alpha1.ReasonValueRejected, shape: withGuards(v1alpha1.Guards{Keys: []v1alpha1.KeyGuard{{Key: "password", MinBytes: aws.Int64(8)}}}), befall: becomes(`{"username":"app","password":""}`)},
		"expression-finds-null":   {reason: v1alpha1.ReasonPropertyNotFound, shape: withKey(v1alpha1.DataKey{JMESPath: "[username, password] | [1]"}), befall: becomes(fmt.Sprintf(`{"username":%q}`, value()))},
		"value-not-encoded":       {reason: v1alpha1.ReasonInvalidValue, shape: withEncoded, befall: becomes(fmt.Sprintf(`{"password":%q}`, value()))},
	}
}

// withKey has a single key.
func withKey(key v1alpha1.DataKey) func(*setup, string, *v1alpha1.SecretSyncSpec) {
	key.Key = "taken"
	return func(_ *setup, _ string, spec *v1alpha1.SecretSyncSpec) { spec.Data = []v1alpha1.DataKey{key} }
}

// withEncoded decodes a single key.
func withEncoded(s *setup, id string, spec *v1alpha1.SecretSyncSpec) {
	s.putValue(id, fmt.Sprintf(`{"password":%q}`, base64.StdEncoding.EncodeToString([]byte(value()))))
	withKey(v1alpha1.DataKey{Property: "password", Decode: v1alpha1.DecodingBase64})(s, id, spec)
}

// untagOther removes the tag of the other secret.
func (s *setup) untagOther(id string) {
	s.Helper()
	name := other(id)
	if _, err := s.aws.UntagResource(s.Context(), &secretsmanager.UntagResourceInput{SecretId: &name, TagKeys: []string{"found"}}); err != nil {
		s.Fatal(err)
	}
}

// TestADeniedListLosesNothing: what was found stays when ListSecrets is denied.
func TestADeniedListLosesNothing(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("listed", pair())
	content := value()
	s.createOther(id, content)
	found := byPrefix(id)
	s.sync("listed", v1alpha1.SecretSyncSpec{PollInterval: fast, DataFrom: []v1alpha1.DataFrom{{Find: &found}}})
	want := map[string]string{"other": content}
	s.awaitKeys("listed", want)
	s.awaitReady("listed")
	t.Cleanup(func() { s.rule() })
	s.rule(localaws.Rule{Deny: true, Action: "secretsmanager:ListSecrets"})
	before := keptSecrets{"listed": s.secret("listed")}
	// A reconcile that got the list before the denial may follow the next value.
	s.awaitReason("listed", metav1.ConditionFalse, v1alpha1.ReasonAccessDenied)
	s.putValue(other(id), value())
	asked := s.called("ListSecrets")
	s.await("two more tries", func() bool { return s.called("ListSecrets") >= asked+2 })
	before.check(s, "while it is denied")
	content = value()
	s.putValue(other(id), content)
	s.rule()
	s.awaitKeys("listed", map[string]string{"other": content})
}

// TestNothingIsLostBetweenTwoReads: after both of two secrets were rotated, one can be read and the other one is
// refused or hangs. Nothing of either is published, even if the operator is killed meanwhile. Both are published once
// AWS works.
func TestNothingIsLostBetweenTwoReads(t *testing.T) {
	s := newSetup(t)
	far := *s
	far.aws = awsClientIn(troubled, s.env.AWS.URL(), "tester")
	t.Cleanup(func() { s.env.AWS.SetFaults() })
	a, b := value(), value()
	near, _ := s.createSecret("near", a)
	id, _ := far.createSecret("far", b)
	s.sync("both", v1alpha1.SecretSyncSpec{PollInterval: fast, Data: []v1alpha1.DataKey{
		{Key: "near", Source: from(near)}, {Key: "far", Source: &v1alpha1.EntrySource{SecretID: id, Region: troubled}}}})
	for _, test := range []struct {
		name   string
		fault  localaws.Fault
		reason string
	}{
		{"throttled", localaws.Fault{Every: 1, Code: "ThrottlingException"}, v1alpha1.ReasonThrottled},
		{"the connection cut", localaws.Fault{Every: 1, Cut: true}, v1alpha1.ReasonRegionUnavailable},
		{"the answer cut in its middle", localaws.Fault{Every: 1, Half: true}, v1alpha1.ReasonRegionUnavailable},
		{"killed while an answer hangs", localaws.Fault{Hang: true}, ""},
	} {
		s.awaitKeys("both", map[string]string{"near": a, "far": b})
		s.awaitReady("both")
		s.await("the trouble before is over", func() bool { return s.trouble("both") == "" })
		before := keptSecrets{"both": s.secret("both")}
		test.fault.Region, test.fault.Operation = troubled, "*GetSecretValue"
		s.env.AWS.SetFaults(test.fault)
		a, b = value(), value()
		far.putValue(id, b) // This one first: the operator may still cache its former value, and would combine that with a new one.
		s.putValue(near, a)
		if test.reason != "" {
			s.await(test.name+" is told as "+test.reason, func() bool { return s.trouble("both") == test.reason })
		} else {
			described := s.described()
			s.await("both were reconciled", func() bool { return s.described() >= described+2 })
			s.end((*testenv.Manager).Kill)
			before.check(s, "after the operator was killed")
			s.start("between-two-reads")
		}
		before.check(s, test.name)
		s.env.AWS.SetFaults()
	}
	s.awaitKeys("both", map[string]string{"near": a, "far": b})
	s.awaitReady("both")
}

// TestABatchOfWhichAPartIsRefused: AWS refuses one value of a batch. SecretSyncs that do not need that value use the
// others; a SecretSync that needs it keeps all its keys.
func TestABatchOfWhichAPartIsRefused(t *testing.T) {
	s := newSetup(t)
	a, b, c := value(), value(), value()
	firstID, _ := s.createSecret("one", a)
	s.createOther(firstID, b)
	thirdID, _ := s.createSecret("three", c)
	alone := []v1alpha1.DataKey{{Key: "one", Source: from(firstID)}, {Key: "three", Source: from(thirdID)}}
	s.sync("whole", v1alpha1.SecretSyncSpec{PollInterval: fast, Data: append(alone[:2:2], v1alpha1.DataKey{Key: "two", Source: from(other(firstID)), Optional: true})})
	s.sync("part", v1alpha1.SecretSyncSpec{PollInterval: fast, Data: alone, Target: v1alpha1.SecretTarget{Type: string(corev1.SecretTypeOpaque)}})
	s.awaitKeys("whole", map[string]string{"one": a, "two": b, "three": c})
	s.awaitReady("whole")
	s.awaitReady("part")
	t.Cleanup(func() { s.env.AWS.DenyKey(keyOf(other(firstID))) })
	s.env.AWS.DenyKey(keyOf(other(firstID)), "*")
	before := keptSecrets{"whole": s.secret("whole")}
	a, b, c = value(), value(), value()
	s.putValue(other(firstID), b) // This one first: the operator may still cache its former value, and would combine that with a new one.
	s.putValue(firstID, a)
	s.putValue(thirdID, c)
	s.awaitKeys("part", map[string]string{"one": a, "three": c})
	s.awaitReason("whole", metav1.ConditionFalse, v1alpha1.ReasonKMSAccessDenied)
	before.check(s, "while one value is refused")
	s.env.AWS.DenyKey(keyOf(other(firstID)))
	s.edit("whole", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "fixed"}
	})
	s.awaitKeys("whole", map[string]string{"one": a, "two": b, "three": c})
}
