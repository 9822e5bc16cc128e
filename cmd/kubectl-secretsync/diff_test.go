package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// same creates a SecretSync of /app/db whose Secret is as AWS has it.
func (s *setup) same() {
	s.Helper()
	s.create("same", func(made *v1alpha1.SecretSync) { made.Spec.Source.SecretID = "/app/db" })
	s.owned("same", corev1.SecretTypeOpaque, map[string]string{"value": hidden + "2"})
}

// owned creates a Secret as a SecretSync has written it, and its status.
func (s *setup) owned(name string, kind corev1.SecretType, data map[string]string) {
	s.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, Annotations: map[string]string{v1alpha1.AnnotationOwner: name}}, Type: kind, StringData: data}
	if err := shared.Client.Create(s.Context(), secret); err != nil {
		s.Fatal(err)
	}
	s.report(s.get(name), metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret", func(status *v1alpha1.SecretSyncStatus) {
		status.Secret = &v1alpha1.SecretStatus{Name: name, Generation: 1}
		for key := range data {
			if key != "foreign" {
				status.Secret.Keys = append(status.Secret.Keys, key)
			}
		}
	})
}

// put creates a secret in the AWS of the plugin's user.
func (s *setup) put(running *localaws.Running, name, content string) {
	s.Helper()
	admin := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(running.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("admin", "not-checked", "")})
	if _, err := admin.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &content}); err != nil {
		s.Fatal(err)
	}
}

// TestDiff: keys and types that a sync would change, and no value.
func TestDiff(t *testing.T) {
	s := newSetup(t)
	running, _, _ := s.withAWS()
	s.files()
	s.put(running, "/app/json", `{"password":"`+hidden+`","user":"me","host":"h"}`)
	s.same()
	s.expect(exitWell, "No difference.\nAWS was read as arn:aws:iam::"+localaws.DefaultAccount, "diff", "same")

	s.create("json", func(made *v1alpha1.SecretSync) {
		made.Spec.Auth.RoleARN = "arn:aws:iam::111122223333:role/not-the-users"
	})
	s.owned("json", corev1.SecretTypeOpaque, map[string]string{"password": hidden + "old", "user": "me", "gone": hidden, "foreign": hidden})
	want := "SECRET CHANGE KEY DETAIL\njson + host <none>\njson ~ password <none>\njson - gone <none>\n"
	if got := s.plugin("diff", "json"); got.code != exitTrouble || squeezed(got.out) != want {
		t.Errorf("%+v, want %s", got, want)
	}
	s.write("typed.yaml", secretSyncOf("json", "source: {secretID: /app/json}, data: [{key: password, property: password}, {key: username, property: user}], "+
		"target: {type: kubernetes.io/basic-auth, replacePolicy: Recreate}"))
	want = "SECRET CHANGE KEY DETAIL\njson type <none> Opaque → kubernetes.io/basic-auth (recreate)\njson ~ password <none>\njson + username <none>\njson - gone <none>\njson - user <none>\n"
	if got := s.plugin("diff", "-f", "typed.yaml"); got.code != exitTrouble || squeezed(got.out) != want {
		t.Errorf("%+v, want %s", got, want)
	}
	s.write("new.yaml", secretSyncOf("new", "source: {secretID: /app/json}"))
	s.expect(exitTrouble, "new + host <none>\nnew + password <none>\nnew + user <none>\n", "diff", "-f", "new.yaml")
	s.write("taken.yaml", secretSyncOf("new", "source: {secretID: /app/json}, target: {name: json}"))
	s.expect(exitTrouble, "json owner <none> it belongs to the SecretSync json, and is not written\n", "diff", "-f", "taken.yaml")
	s.write("merge.yaml", secretSyncOf("new", "source: {secretID: /app/json}, target: {name: none, creationPolicy: Merge}"))
	s.expect(exitTrouble, "none refused <none> the Secret to merge into does not exist\n", "diff", "-f", "merge.yaml")
	s.write("guarded.yaml", secretSyncOf("json", "source: {secretID: /app/json}, guards: {requiredKeys: [port]}"))
	s.expect(exitTrouble, "json refused <none> ValueRejected: spec.guards.requiredKeys", "diff", "-f", "guarded.yaml")
	if s.get("json").Generation != 1 {
		t.Error("diff has changed the SecretSync")
	}
}

// TestDiffNotCompared: what the user may not read is named, with the keys that the operator has reported.
func TestDiffNotCompared(t *testing.T) {
	s := newSetup(t)
	running, _, _ := s.withAWS()
	s.same()
	s.grant("watcher", "secretsyncs")
	running.SetRules(localaws.Rule{Deny: true, Action: "secretsmanager:GetSecretValue"})
	s.expect(exitUndetermined, "same ? value not compared\n", "diff", "same")
	got := s.plugin("diff", "same", "-o", "json")
	var read struct {
		Incomplete []missingRight
		Items      []diffItem
	}
	if err := json.Unmarshal([]byte(got.out), &read); err != nil || len(read.Incomplete) != 1 || read.Incomplete[0] != (missingRight{"aws", "secretsmanager:GetSecretValue", "/app/db"}) ||
		len(read.Items) != 1 || read.Items[0].Change != changeNotCompared || read.Items[0].Key != "value" {
		t.Errorf("%v: %+v", err, got)
	}
	running.SetRules()
	got = s.plugin("diff", "same", "--as", "watcher")
	if got.code != exitUndetermined || !strings.Contains(squeezed(got.out), "same ? value not compared\n") || !strings.Contains(got.errOut, `cannot get resource "secrets"`) {
		t.Errorf("without the right to read the Secret: %+v", got)
	}
}

// TestDiffNulls: null in AWS does not empty a key of the Secret that has a value, so that nothing would be written.
func TestDiffNulls(t *testing.T) {
	s := newSetup(t)
	running, _, _ := s.withAWS()
	s.put(running, "/app/nulls", `{"a":"1","b":null}`)
	s.create("nulls")
	s.owned("nulls", corev1.SecretTypeOpaque, map[string]string{"a": "1", "b": hidden})
	s.expect(exitTrouble, "nulls refused <none> ValueRejected: ", "diff", "nulls")
}
