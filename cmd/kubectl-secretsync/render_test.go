package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// files writes manifests and values into a directory of the test, and works there.
func (s *setup) files() {
	s.Helper()
	s.Chdir(s.TempDir())
	for name, content := range map[string]string{
		"db.yaml":     secretSyncOf("db", "source: {secretID: /app/db}"),
		"values.yaml": "- {id: /app/db, string: '{\"password\":\"" + hidden + "\"}'}",
		"none.yaml":   "[]",
		"roles.yaml":  secretSyncOf("db", "source: {secretID: /app/db}, auth: {roleARN: 'arn:aws:iam::111122223333:role/read'}"),
		"policy.json": `{"Statement": []}`,
	} {
		s.write(name, content)
	}
}

func (s *setup) write(name, content string) {
	s.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
}

// secretSyncOf is a manifest with a spec of one line.
func secretSyncOf(name, spec string) string {
	return "apiVersion: secretsync.dev/v1alpha1\nkind: SecretSync\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
}

// TestRender: the Secrets of a file, and why others are not written, without a cluster.
func TestRender(t *testing.T) {
	s := newSetup(t)
	s.files()
	s.write("two.yaml", secretSyncOf("db", "source: {secretID: /app/db}, target: {type: example.com/db, immutable: true, labels: {team: pay}}")+
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n---\n"+secretSyncOf("bad", "source: {secretID: /app/db}, guards: {requiredKeys: [user]}"))
	got := s.plugin("render", "-f", "two.yaml", "--values", "values.yaml", "-o", "json", "--server", "http://127.0.0.1:1")
	var secret corev1.Secret
	if err := json.Unmarshal([]byte(got.out), &secret); err != nil {
		t.Fatal(err)
	}
	if secret.Namespace != s.namespace || secret.Name != "db" || string(secret.Data["password"]) != hidden || secret.Type != "example.com/db" ||
		secret.Immutable == nil || secret.Labels["team"] != "pay" || secret.Labels["secretsync.dev/managed"] != "true" ||
		secret.Annotations["secretsync.dev/owner"] != "db" || len(secret.Annotations) != 2 {
		t.Error("another Secret is rendered")
	}
	if want := s.namespace + "/bad: ValueRejected: spec.guards.requiredKeys"; got.code != exitTrouble || !strings.HasPrefix(got.errOut, want) {
		t.Errorf("exit code %d: %s", got.code, got.errOut)
	}
	s.write("list.json", `{"kind": "List", "apiVersion": "v1", "items": [{"apiVersion": "secretsync.dev/v1alpha1", "kind": "SecretSync",
		"metadata": {"name": "db", "namespace": "elsewhere"}, "spec": {"source": {"secretID": "/app/db"}}, "status": {}}]}`)
	s.expect(exitWell, "namespace: elsewhere\n", "render", "-f", "list.json", "--values", "values.yaml")
	for content, want := range map[string]string{
		secretSyncOf("db", "source: {secretId: /app/db}"):       `SecretSync db: unknown field "spec.source.secretId"`,
		"apiVersion: v1\nkind: ConfigMap\n":                     "has no SecretSync of secretsync.dev/v1alpha1",
		"apiVersion: secretsync.dev/v1alpha1\nkind: SecretSync": "manifest 1: metadata.name is missing",
	} {
		s.write("wrong.yaml", content)
		s.expect(exitUsage, want, "render", "-f", "wrong.yaml", "--values", "values.yaml")
	}
	s.expect(exitUsage, "only one of -f and --values can be standard input", "render", "-f", "-", "--values", "-")
}
