package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestTemplateMetadata: labels and annotations follow the values, one by one and as maps. They are repaired, and removed
// with what they were rendered from.
func TestTemplateMetadata(t *testing.T) {
	s := newSetup(t)
	password := value()
	content := func(environment, labels string) string {
		return fmt.Sprintf(`{"environment":%q,"labels":%s,"password":%q}`, environment, labels, password)
	}
	id, _ := s.createSecret("cluster", content("staging", `{"region":"eu-west-1","tier":2,"spot":true}`))
	s.sync("cluster", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast, Data: []v1alpha1.DataKey{{Key: "password", Property: "password"},
			{Key: "environment", Property: "environment"}, {Key: "labels", Property: "labels"}},
		Template: &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{
			Labels: map[string]string{"example.com/environment": "{{ .environment }}"}, LabelsFrom: "{{ .labels }}",
			Annotations: map[string]string{"example.com/note": "{{ .environment | upper }}\n"},
		}},
		Target: v1alpha1.SecretTarget{Labels: map[string]v1alpha1.LabelValue{"team": "payments", "tier": "1"}},
	})
	s.awaitLabels("cluster", map[string]string{"example.com/environment": "staging", "region": "eu-west-1", "tier": "2", "spot": "true", "team": "payments"})
	s.awaitReady("cluster")
	if note := s.secret("cluster").Annotations["example.com/note"]; note != "STAGING\n" {
		t.Errorf("the annotation is %q", note)
	}

	version := s.putValue(id, content("production", `{"region":"eu-west-1"}`))
	want := map[string]string{"example.com/environment": "production", "region": "eu-west-1", "team": "payments", "tier": "1"}
	s.awaitLabels("cluster", want)
	s.awaitEvent("cluster", "SecretUpdated", version, "changed environment")
	s.putValue(id, content("production", `{"region":"eu-central-1"}`))
	want["region"] = "eu-central-1"
	s.awaitLabels("cluster", want)
	edited := s.secret("cluster")
	edited.Labels["region"] = "edited"
	if err := s.env.Client.Update(t.Context(), edited, client.FieldOwner("other")); err != nil {
		t.Fatal(err)
	}
	s.awaitLabels("cluster", want)
	s.awaitReady("cluster")
}

// TestTemplateMetadataGrantsNothing: a value in AWS gives no label and no annotation that means more than a Secret to the
// operator, Kubernetes or Helm. The Secret stays as it is.
func TestTemplateMetadataGrantsNothing(t *testing.T) {
	s := newSetup(t)
	content := func(labels, annotations string) string { return fmt.Sprintf(`{"l":%s,"a":%s}`, labels, annotations) }
	fine := content(`{"fine":"x"}`, `{"fine":"x"}`)
	id, _ := s.createSecret("attack", fine)
	s.sync("attack", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast,
		Template: &v1alpha1.Template{Metadata: &v1alpha1.TemplateMetadata{LabelsFrom: "{{ .l }}", AnnotationsFrom: "{{ .a }}"}},
	})
	s.awaitLabels("attack", map[string]string{"fine": "x"})
	s.awaitReady("attack")
	before := s.secret("attack")
	for _, attack := range []struct{ content, reason, says string }{
		{content(`{"owner":"helm","fine":"y"}`, `{}`), v1alpha1.ReasonPolicyDenied, "labelsFrom: entry 2 of 2"},
		{content(`{"secretsync.dev/managed":"false"}`, `{}`), v1alpha1.ReasonPolicyDenied, "secretsync.dev/"},
		{content(`{}`, `{"secretsync.dev/merge-from":"*"}`), v1alpha1.ReasonPolicyDenied, "annotationsFrom: entry 1 of 1"},
		{content(`{}`, `{"secretsync.dev/owner":"other"}`), v1alpha1.ReasonPolicyDenied, "secretsync.dev/"},
		{content(`{}`, `{"kubernetes.io/service-account.name":"default"}`), v1alpha1.ReasonPolicyDenied, "issues tokens"},
		{content(`{"fine":"not a label"}`, `{}`), v1alpha1.ReasonTemplateFailed, "a value that no label can have"},
		{content(`{"fine":{"nested":1}}`, `{}`), v1alpha1.ReasonTemplateFailed, "spec.template.metadata.labelsFrom: the result"},
	} {
		s.putValue(id, attack.content)
		s.await("the refusal that says "+attack.says, func() bool {
			ready := meta.FindStatusCondition(s.get("attack").Status.Conditions, v1alpha1.ConditionReady)
			return ready.Status == metav1.ConditionFalse && ready.Reason == attack.reason && strings.Contains(ready.Message, attack.says)
		})
		if now := s.secret("attack"); now.ResourceVersion != before.ResourceVersion {
			t.Fatalf("the Secret was written for %s", attack.content)
		}
	}
	s.putValue(id, fine)
	s.awaitReady("attack")
}

// awaitLabels waits until a Secret has exactly these labels besides the operator's.
func (s *setup) awaitLabels(name string, want map[string]string) {
	s.Helper()
	s.await(fmt.Sprintf("the labels %v", want), func() bool {
		secret := s.secret(name)
		if secret == nil || len(secret.Labels) != len(want)+1 || secret.Labels[v1alpha1.LabelManaged] != "true" {
			return false
		}
		for label, value := range want {
			if secret.Labels[label] != value {
				return false
			}
		}
		return true
	})
}
