package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func clientKey(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// fleet creates a SecretSync in each state.
func (s *setup) fleet() {
	s.Helper()
	const version = "713bb4ae-c082-4e3b-b5f1-e75e21d91762"
	s.report(s.create("cache"), metav1.ConditionFalse, v1alpha1.ReasonAccessDenied, "role/pay may not GetSecretValue", func(status *v1alpha1.SecretSyncStatus) {
		status.Refusal = &v1alpha1.RefusalStatus{Code: "AccessDenied", Principal: "arn:aws:sts::111122223333:assumed-role/pay/prod.payments", Action: "secretsmanager:GetSecretValue",
			Resource: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/app/cache-a1b2c3", Policy: "identity-based policy"}
	})
	db := s.create("db")
	s.report(db, metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret", func(status *v1alpha1.SecretSyncStatus) {
		moment := metav1.NewTime(time.Now().Add(-2 * time.Hour))
		status.LastSyncTime = &moment
		status.Secret = &v1alpha1.SecretStatus{Name: "db", Keys: []string{"password", "username"}}
		status.Sources = []v1alpha1.SourceStatus{{SecretID: "/app/db", Region: "eu-west-1", VersionStage: "AWSCURRENT", VersionID: version}}
		status.Rollout = &v1alpha1.RolloutStatus{Workloads: []v1alpha1.WorkloadStatus{{Kind: "Deployment", Name: "web", State: "Done"}}}
	})
	owner := map[string]string{v1alpha1.AnnotationOwner: "db"}
	if err := shared.Client.Create(s.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "db", Annotations: owner}, StringData: map[string]string{"password": hidden}}); err != nil {
		s.Fatal(err)
	}
	s.create("new")
	paused := s.create("paused", func(made *v1alpha1.SecretSync) { made.Spec.Suspend = true })
	s.report(paused, metav1.ConditionTrue, v1alpha1.ReasonSuspended, "Suspended before the first sync: set spec.suspend to false")
	fixed := s.create("pinned", func(made *v1alpha1.SecretSync) { made.Spec.Source.VersionID = version })
	s.report(fixed, metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret")
}

func TestStatusList(t *testing.T) {
	s := newSetup(t)
	if got := s.plugin("status"); got.code != exitWell || got.out != "" || got.errOut != "No SecretSyncs found in namespace "+s.namespace+".\n" {
		t.Errorf("an empty namespace: %+v", got)
	}
	s.fleet()
	got := s.plugin("status")
	want := "NAME READY REASON SINCE MESSAGE\n" +
		"cache False AccessDenied 120m role/pay may not GetSecretValue\n" +
		"db True Synced 120m All keys are in the Secret\n" +
		"new Unknown Progressing <none> Waiting for the operator: does it run, and does it watch this namespace?\n" +
		"paused True Suspended 120m Suspended before the first sync: set spec.suspend to false\n" +
		"pinned True Synced 120m All keys are in the Secret\n"
	if squeezed(got.out) != want {
		t.Errorf("printed:\n%swant:\n%s", squeezed(got.out), want)
	}
	if want := "2 of 5 not ready, 1 suspended, 1 pinned; next: kubectl secretsync status cache -n " + s.namespace + "\n"; got.code != exitTrouble || got.errOut != want {
		t.Errorf("exit code %d, %q, want 1, %q", got.code, got.errOut, want)
	}
	troubled := s.plugin("status", "--not-ready", "-o", "name")
	if want := "secretsync.secretsync.dev/cache\nsecretsync.secretsync.dev/new\n"; troubled.out != want || troubled.code != exitTrouble {
		t.Errorf("with trouble: %+v, want %q", troubled, want)
	}
	wide := s.plugin("status", "-o", "wide", "-A")
	for _, want := range []string{"NAMESPACE NAME READY REASON SINCE SECRET VERSION SYNCED MESSAGE", s.namespace + " db True Synced 120m db 713bb4ae-c082-4e3b-b5f1-e75e21d91762 120m All keys"} {
		if !strings.Contains(squeezed(wide.out), want) {
			t.Errorf("wide:\n%s\nlacks %q", squeezed(wide.out), want)
		}
	}
}

// squeezed replaces the spaces between columns by single ones.
func squeezed(text string) string {
	var lines strings.Builder
	for line := range strings.Lines(text) {
		fmt.Fprintln(&lines, strings.Join(strings.Fields(line), " "))
	}
	return lines.String()
}

func TestPinned(t *testing.T) {
	const version = "713bb4ae-c082-4e3b-b5f1-e75e21d91762"
	for name, test := range map[string]struct {
		spec v1alpha1.SecretSyncSpec
		want bool
	}{
		"a label":                         {v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{VersionStage: "AWSPREVIOUS"}}, false},
		"a version":                       {v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{VersionID: version}}, true},
		"entries without a source":        {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a"}}, DataFrom: []v1alpha1.DataFrom{{}}}, false},
		"an entry of data with a version": {v1alpha1.SecretSyncSpec{Data: []v1alpha1.DataKey{{Key: "a"}, {Key: "b", Source: &v1alpha1.EntrySource{VersionID: version}}}}, true},
		"an entry of dataFrom with one":   {v1alpha1.SecretSyncSpec{DataFrom: []v1alpha1.DataFrom{{}, {Source: &v1alpha1.EntrySource{VersionID: version}}}}, true},
	} {
		if got := pinned(&test.spec); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestStatusOfAStaleCondition(t *testing.T) {
	s := newSetup(t)
	found := s.create("db")
	s.report(found, metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret")
	found.Spec.Source.SecretID = "/app/other"
	if err := shared.Client.Update(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if got := s.plugin("status"); got.code != exitTrouble || !strings.Contains(squeezed(got.out), "db Unknown Progressing") {
		t.Errorf("a spec that the operator has not seen: %+v", got)
	}
}

func TestStatusTree(t *testing.T) {
	s := newSetup(t)
	s.fleet()
	got := s.plugin("status", "db")
	want := s.namespace + "/db Ready=True Synced 120m\n" +
		"│ All keys are in the Secret\n" +
		"├─ secret /app/db in eu-west-1 AWSCURRENT 713bb4ae-c082-4e3b-b5f1-e75e21d91762\n" +
		"├─ Secret db keys: password, username, written 120m ago\n" +
		"└─ Deployment web: Done\n"
	if got.code != exitWell || got.out != want {
		t.Errorf("printed %d:\n%s%swant:\n%s", got.code, got.out, got.errOut, want)
	}
	if got := s.plugin("status", "cache"); got.code != exitTrouble || !strings.Contains(got.out, "└─ Secret cache does not exist\n") {
		t.Errorf("without a Secret: %+v", got)
	}
	s.grant("reader", "secretsyncs")
	refused := s.plugin("status", "db", "--as", "reader")
	if want := "Secret db ? (not looked at: you have no right to get secrets)"; refused.code != exitWell || !strings.Contains(refused.out, want) {
		t.Errorf("without the right to get Secrets: %+v", refused)
	}
	var read struct {
		As         identities
		Incomplete []missingRight
		Items      []statusDetails
	}
	asJSON := s.plugin("status", "db", "--as", "reader", "-o", "json")
	if err := json.Unmarshal([]byte(asJSON.out), &read); err != nil {
		t.Fatal(err, asJSON)
	}
	if len(read.Incomplete) != 1 || read.Incomplete[0] != (missingRight{"kubernetes", "get", "secrets"}) || read.As.Kubernetes != "reader" || read.Items[0].SecretExists != nil {
		t.Errorf("as JSON: %+v", read)
	}
}

// TestStatusWatch sees a change of a state, and no other change.
func TestStatusWatch(t *testing.T) {
	s := newSetup(t)
	found := s.create("db")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	lines := make(chan string, 100)
	ended := make(chan int)
	go func() {
		ended <- s.stream(ctx, lines, "status", "--watch")
	}()
	s.expectLine(lines, "NAME READY REASON SINCE MESSAGE")
	s.expectLine(lines, "db Unknown Progressing <none> Waiting for the operator: does it run, and does it watch this namespace?")
	found.Annotations = map[string]string{"other": "change"}
	if err := shared.Client.Update(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	s.report(found, metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret")
	s.expectLine(lines, "db True Synced 120m All keys are in the Secret")
	cancel()
	if code := <-ended; code != exitWell {
		t.Errorf("the watch that its user ended exits with %d", code)
	}
}
