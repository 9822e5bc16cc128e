package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func TestPlainText(t *testing.T) {
	s := newSetup(t)
	apiKey := value()
	id, version := s.createSecret("stripe", apiKey)
	s.sync("stripe", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})

	found := s.awaitReady("stripe")
	secret := s.awaitKeys("stripe", map[string]string{"value": apiKey})
	if got := secret.Annotations[v1alpha1.AnnotationVersionID]; got != version {
		t.Errorf("annotation version-id = %q, want %q", got, version)
	}
	if got := secret.Annotations[v1alpha1.AnnotationVersionStage]; got != "AWSCURRENT" {
		t.Errorf("annotation version-stage = %q", got)
	}
	if arn := found.Status.Sources[0].ARN; arn == "" || secret.Annotations[v1alpha1.AnnotationSecretARN] != arn {
		t.Errorf("annotation secret-arn = %q, status says %q", secret.Annotations[v1alpha1.AnnotationSecretARN], arn)
	}
	if diff := cmp.Diff([]string{"value"}, found.Status.Secret.Keys); diff != "" {
		t.Errorf("status keys differ:\n%s", diff)
	}
	s.awaitEvent("stripe", "SecretCreated", version, "value")
}

func TestCredentialsAndMapping(t *testing.T) {
	s := newSetup(t)
	password := value()
	id, _ := s.createSecret("db", fmt.Sprintf(`{"username":"app","password":%q,"port":5432,"big":12345678901234567890,"on":true,"db.name":"ü"}`, password))
	s.sync("all", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.sync("mapped", v1alpha1.SecretSyncSpec{
		Source: v1alpha1.SecretSource{SecretID: id},
		Data:   []v1alpha1.DataKey{{Key: "DB_PASSWORD", Property: "password"}, {Key: "DB_NAME", Property: "db.name"}},
	})
	s.awaitKeys("all", map[string]string{"username": "app", "password": password, "port": "5432", "big": "12345678901234567890", "on": "true", "db.name": "ü"})
	s.awaitKeys("mapped", map[string]string{"DB_PASSWORD": password, "DB_NAME": "ü"})
}

func TestRotationAndRollback(t *testing.T) {
	s := newSetup(t)
	first, second := value(), value()
	id, old := s.createSecret("db", fmt.Sprintf(`{"username":"app","password":%q}`, first))
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")

	latest := s.putValue(id, fmt.Sprintf(`{"username":"app","password":%q,"port":1}`, second))
	s.awaitKeys("db", map[string]string{"username": "app", "password": second, "port": "1"})
	s.awaitEvent("db", "SecretUpdated", old, latest, "changed password", "added port")
	if s.get("db").Status.LastRotationTime == nil {
		s.await("lastRotationTime is set", func() bool { return s.get("db").Status.LastRotationTime != nil })
	}

	current := "AWSCURRENT"
	_, err := s.aws.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &id, VersionStage: &current, MoveToVersionId: &old, RemoveFromVersionId: &latest})
	if err != nil {
		t.Fatal(err)
	}
	s.awaitKeys("db", map[string]string{"username": "app", "password": first})
	s.awaitEvent("db", "SecretUpdated", latest, old, "removed port")
}

func TestPinnedVersion(t *testing.T) {
	s := newSetup(t)
	first := value()
	id, version := s.createSecret("api", first)
	s.sync("api", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionID: version}, PollInterval: fast})
	s.awaitReady("api")
	s.putValue(id, value())
	s.putValue(id, value()) // Now the pinned version has no staging label.
	polls := s.env.AWS.Count("DescribeSecret")
	s.await("two more polls", func() bool { return s.env.AWS.Count("DescribeSecret") >= polls+2 })
	s.awaitKeys("api", map[string]string{"value": first})
}

func TestStages(t *testing.T) {
	s := newSetup(t)
	first, second, third := value(), value(), value()
	id, _ := s.createSecret("token", first)
	s.putValue(id, second)
	s.putValue(id, third, "CANARY")
	for stage, want := range map[string]string{"AWSCURRENT": second, "AWSPREVIOUS": first, "CANARY": third} {
		name := map[string]string{"AWSCURRENT": "current", "AWSPREVIOUS": "previous", "CANARY": "canary"}[stage]
		s.sync(name, v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id, VersionStage: stage}})
		s.awaitKeys(name, map[string]string{"value": want})
		found := s.awaitReady(name)
		if !slices.Contains(found.Status.Sources[0].VersionStages, stage) {
			t.Errorf("%s: status lists the stages %v", name, found.Status.Sources[0].VersionStages)
		}
	}
}

// TestKeysAreReplacedAtOnce: a reader of the Secret finds the keys of one spec at any moment, never those of two.
func TestKeysAreReplacedAtOnce(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("db", pair())
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	s.awaitReady("db")
	states, err := s.clients().CoreV1().Secrets(s.namespace).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer states.Stop()
	s.edit("db", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Spec.Data = []v1alpha1.DataKey{{Key: "PASSWORD", Property: "password"}}
	})
	s.awaitReady("db")
	for state := range states.ResultChan() {
		data := state.Object.(*corev1.Secret).Data
		if _, replaced := data["PASSWORD"]; !replaced {
			continue
		}
		if keys := slices.Sorted(maps.Keys(data)); len(keys) != 1 {
			t.Errorf("the first state with the new key has the keys %s", keys)
		}
		return
	}
	t.Error("the watch ended too early")
}
