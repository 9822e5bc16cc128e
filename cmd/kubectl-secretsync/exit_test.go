package main

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestExitCodes: each verb has the same exit code in each format, and the formats for programs are complete documents
// whatever it is.
func TestExitCodes(t *testing.T) {
	s := newSetup(t)
	s.withAWS()
	s.report(s.create("well"), metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret")
	s.report(s.create("bad"), metav1.ConditionFalse, v1alpha1.ReasonAccessDenied, "role/pay may not GetSecretValue")
	s.same()
	s.grant("reader", "secretsyncs", "secrets")
	s.grant("watcher", "secretsyncs")
	s.files()
	for _, test := range []struct {
		arguments string
		want      int
		kind      string // Of the document; empty where a command line is refused.
	}{
		{"status well", exitWell, "Status"},
		{"status bad", exitTrouble, "Status"},
		{"status", exitTrouble, "Status"},
		{"status none", exitTrouble, ""},
		{"status well --as stranger", exitUndetermined, ""},
		{"status --as stranger", exitUndetermined, ""},
		{"status well bad", exitUsage, ""},
		{"status well --watch", exitUsage, ""},
		{"status --no-such-flag", exitUsage, ""},
		{"doctor well", exitWell, "Doctor"},
		{"doctor bad", exitTrouble, "Doctor"},
		{"doctor", exitTrouble, "Doctor"},
		{"doctor none", exitTrouble, ""},
		{"doctor well --as watcher", exitUndetermined, "Doctor"},
		{"doctor bad --as watcher", exitTrouble, "Doctor"},
		{"doctor well --as stranger", exitUndetermined, "Doctor"},
		{"doctor --as stranger", exitUndetermined, "Doctor"},
		{"doctor --server http://127.0.0.1:1", exitUndetermined, "Doctor"},
		{"doctor --only no-such-check", exitUsage, ""},
		{"doctor well --all-namespaces", exitUsage, ""},
		{"doctor --list-checks", exitWell, "Checks"},
		{"consumers well", exitWell, "Consumers"},
		{"consumers none", exitTrouble, ""},
		{"consumers well --as watcher", exitUndetermined, "Consumers"},
		{"consumers", exitUsage, ""},
		{"versions well", exitTrouble, "Versions"}, // AWS has no such secret.
		{"versions none", exitTrouble, ""},
		{"versions", exitUsage, ""},
		{"pin well --previous", exitTrouble, "Pin"},
		{"pin well --version 713bb4ae-c082-4e3b-b5f1-e75e21d91762 --as reader", exitUndetermined, "Pin"},
		{"pin well", exitUsage, ""},
		{"pin well --previous --version x", exitUsage, ""},
		{"unpin well", exitWell, "Unpin"},
		{"unpin none", exitTrouble, "Unpin"},
		{"unpin", exitUsage, ""},
		{"refresh well", exitWell, "Refresh"},
		{"refresh none", exitTrouble, "Refresh"},
		{"refresh well --as reader", exitUndetermined, "Refresh"},
		{"refresh none well --as reader", exitTrouble, "Refresh"},
		{"refresh", exitUsage, ""},
		{"suspend well", exitWell, "Suspend"},
		{"suspend none", exitTrouble, "Suspend"},
		{"suspend bad --as reader", exitUndetermined, "Suspend"},
		{"suspend", exitUsage, ""},
		{"resume well", exitWell, "Resume"},
		{"resume none", exitTrouble, "Resume"},
		{"resume", exitUsage, ""},
		{"render -f db.yaml --values values.yaml", exitWell, "Secret"},
		{"render -f db.yaml --values none.yaml", exitTrouble, "List"},
		{"render -f db.yaml --values db.yaml", exitUsage, ""},
		{"render -f missing.yaml --values values.yaml", exitUsage, ""},
		{"render -f db.yaml", exitUsage, ""},
		{"render db -f db.yaml --values values.yaml", exitUsage, ""},
		{"policy -f db.yaml --kms-key none", exitWell, "Policy"},
		{"policy -f db.yaml --check policy.json", exitTrouble, "PolicyCheck"},
		{"policy -f roles.yaml --trust", exitUndetermined, "Policy"},
		{"policy -f none.yaml", exitUsage, ""},
		{"policy -f db.yaml --identity none", exitTrouble, ""},
		{"policy -f db.yaml --format xml", exitUsage, ""},
		{"policy --as stranger", exitUndetermined, ""},
		{"diff same", exitWell, "Diff"},
		{"diff same -f db.yaml", exitUsage, ""},
		{"diff", exitUsage, ""},
		{"diff well", exitTrouble, "Diff"}, // AWS has no such secret.
		{"diff none", exitTrouble, ""},
		{"diff -f db.yaml", exitTrouble, "Diff"},
		{"diff -f missing.yaml", exitUsage, ""},
		{"diff same --as watcher", exitUndetermined, "Diff"},
		{"diff same --as stranger", exitUndetermined, ""},
		{"no-such-verb", exitUsage, ""},
	} {
		for _, format := range []string{formatTable, formatWide, formatName, formatJSON, formatYAML} {
			got := s.plugin(append(strings.Fields(test.arguments), "--output="+format)...)
			if got.code != test.want {
				t.Errorf("%s -o %s exits with %d, want %d: %s", test.arguments, format, got.code, test.want, got.errOut)
			}
			if structured := format == formatJSON || format == formatYAML; structured && test.kind != "" {
				checkDocument(t, test.arguments, test.kind, format, got.out)
			} else if !structured && test.want != exitWell && got.out+got.errOut == "" {
				t.Errorf("%s -o %s says nothing", test.arguments, format)
			}
		}
	}
	s.expect(exitUsage, `--output "xml" is not known: use json, yaml, name or wide`, "status", "-o", "xml")
	s.expect(exitUndetermined, "the cluster was not reached", "status", "--server", "http://127.0.0.1:1")
}

func checkDocument(t *testing.T, arguments, kind, format, content string) {
	t.Helper()
	if kind == "Secret" || kind == "List" {
		checkSecrets(t, arguments, kind, format, content)
		return
	}
	var read report
	err := json.Unmarshal([]byte(content), &read)
	if format == formatYAML {
		err = yaml.UnmarshalStrict([]byte(content), &read)
	}
	if items, isList := read.Items.([]any); err != nil || read.APIVersion != outputVersion || read.Kind != kind || read.Incomplete == nil || !isList || len(items) == 0 && kind != "Consumers" && kind != "Versions" && kind != "Diff" {
		t.Errorf("%s -o %s: %v: %s", arguments, format, err, content)
	}
}

// checkSecrets wants a Secret, or in JSON a list of several or none. In YAML, several are separate documents.
func checkSecrets(t *testing.T, arguments, kind, format, content string) {
	t.Helper()
	var read struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(content), &read); err != nil {
		t.Errorf("%s -o %s: %v", arguments, format, err)
	}
	if none := format == formatYAML && kind == "List"; read.Kind != kind && !none || none && content != "" {
		t.Errorf("%s -o %s prints a %s of %s", arguments, format, read.Kind, read.APIVersion)
	}
}
