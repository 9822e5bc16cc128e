package e2e

import (
	"bytes"
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// logged are the lines of the running manager's log. One that is not finished is left out.
func (s *setup) logged() (lines []map[string]any) {
	s.Helper()
	content, err := running.Log()
	if err != nil {
		s.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		fields := map[string]any{}
		if err := json.Unmarshal(line, &fields); err != nil {
			s.Fatalf("%v: %s", err, line)
		}
		lines = append(lines, fields)
	}
	return lines
}

// TestTheLog: a failure is one line at level error, with the SecretSync and the id of the request to AWS, however often
// it is retried. The first line says how the operator was configured, and no line has a stack trace.
func TestTheLog(t *testing.T) {
	s := newSetup(t)
	s.sync("missing", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: s.secretID("missing")}})
	errorsOf := func() (found []map[string]any) {
		for _, line := range s.logged() {
			if line["namespace"] == s.namespace && line["name"] == "missing" && line["level"] == "error" {
				found = append(found, line)
			}
		}
		return found
	}
	s.awaitReason("missing", metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	s.await("the failure is logged", func() bool { return len(errorsOf()) > 0 })
	s.edit("missing", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "again"}
	})
	s.await("it is retried", func() bool { return s.get("missing").Status.LastHandledRefresh == "again" })
	found := errorsOf()
	if len(found) != 1 || found[0]["reason"] != v1alpha1.ReasonSecretNotFound || found[0]["message"] == nil || found[0]["awsRequestID"] == nil {
		t.Errorf("the failure is logged as %v", found)
	}
	lines := s.logged()
	if first := lines[0]; first["msg"] != "starting" || first["scope"] != "all namespaces, all labels" || first["region"] == "" || first["identity"] == "" {
		t.Errorf("the first line is %v", first)
	}
	for _, line := range lines {
		if line["stacktrace"] != nil {
			t.Errorf("a stack trace: %v", line)
		}
	}
}
