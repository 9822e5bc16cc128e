package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
)

// withAWS gives the plugin a local AWS with the secret /app/db, which was rotated once, and returns the ids of its
// versions.
func (s *setup) withAWS() (running *localaws.Running, previous, current string) {
	s.Helper()
	running, err := localaws.Start(&localaws.Server{}, "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := running.Close(); err != nil {
			s.Error(err)
		}
	})
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": running.URL(), "AWS_REGION": localaws.DefaultRegion, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "not-checked",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		s.Setenv(name, value)
	}
	admin := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(running.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("admin", "not-checked", "")})
	created, err := admin.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("/app/db"), SecretString: aws.String(hidden)})
	if err != nil {
		s.Fatal(err)
	}
	put, err := admin.PutSecretValue(s.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("/app/db"), SecretString: aws.String(hidden + "2")})
	if err != nil {
		s.Fatal(err)
	}
	return running, aws.ToString(created.VersionId), aws.ToString(put.VersionId)
}

// reportVersion writes the status of a SecretSync whose Secret has a version.
func (s *setup) reportVersion(found *v1alpha1.SecretSync, version string) {
	s.Helper()
	s.report(found, metav1.ConditionTrue, v1alpha1.ReasonSynced, "All keys are in the Secret", func(status *v1alpha1.SecretSyncStatus) {
		status.Sources = []v1alpha1.SourceStatus{{SecretID: "/app/db", Region: localaws.DefaultRegion, VersionStage: "AWSCURRENT", VersionID: version, VersionStages: []string{"AWSCURRENT"}}}
	})
}

func TestVersions(t *testing.T) {
	s := newSetup(t)
	running, previous, current := s.withAWS()
	s.reportVersion(s.create("db"), previous)
	got := s.plugin("versions", "db")
	for _, want := range []string{"SECRET VERSION STAGES CREATED IN SECRET\n", "/app/db " + current + " AWSCURRENT ", "/app/db " + previous + " AWSPREVIOUS "} {
		if !strings.Contains(squeezed(got.out), want) {
			t.Errorf("printed:\n%s\nlacks %q", squeezed(got.out), want)
		}
	}
	if got.code != exitWell || got.errOut != "" {
		t.Errorf("exit code %d, %s", got.code, got.errOut)
	}
	var read struct {
		As    identities
		Items []versionItem
	}
	asJSON := s.plugin("versions", "db", "-o", "json")
	if err := json.Unmarshal([]byte(asJSON.out), &read); err != nil {
		t.Fatal(err, asJSON)
	}
	if want := "arn:aws:iam::" + localaws.DefaultAccount; !strings.HasPrefix(read.As.AWS, want) || len(read.Items) != 2 {
		t.Errorf("as JSON: %+v", read)
	}
	for _, item := range read.Items {
		if item.InSecret != (item.VersionID == previous) {
			t.Errorf("%s in the Secret: %t", item.VersionID, item.InSecret)
		}
	}
	if running.ValuesRead("/") != 0 {
		t.Error("a value was read")
	}

	s.create("gone", func(made *v1alpha1.SecretSync) { made.Spec.Source.SecretID = "/app/none" })
	if got := s.plugin("versions", "gone"); got.code != exitTrouble || !strings.Contains(got.errOut, "Not looked at: AWS: /app/none: ") {
		t.Errorf("a secret that does not exist: %+v", got)
	}
	if _, err := running.AddUser(localaws.User{Name: "me", AccessKeyID: "me", SecretAccessKey: "not-checked"}); err != nil {
		t.Fatal(err)
	}
	refused := s.plugin("versions", "db")
	if want := "/app/db " + previous + " AWSCURRENT <none> yes\n"; refused.code != exitUndetermined || !strings.Contains(squeezed(refused.out), want) ||
		!strings.Contains(refused.errOut, "AccessDeniedException") || !strings.Contains(refused.errOut, "secretsmanager:ListSecretVersionIds") {
		t.Errorf("without permission: %+v, want %q", refused, want)
	}
}

func TestPinAndUnpin(t *testing.T) {
	s := newSetup(t)
	_, previous, current := s.withAWS()
	s.reportVersion(s.create("db", func(made *v1alpha1.SecretSync) { made.Spec.Source.VersionStage = "LIVE" }), current)
	if got := s.plugin("pin", "db", "--previous"); got.code != exitWell || got.out != "secretsync.secretsync.dev/db pinned: "+previous+"\n" {
		t.Errorf("pin: %+v", got)
	}
	if got := s.get("db").Spec.Source; got.VersionID != previous || got.VersionStage != "" {
		t.Errorf("after pin: %+v", got)
	}
	if got := s.plugin("pin", "db", "--version", previous); got.code != exitWell || !strings.Contains(got.out, "already pinned") {
		t.Errorf("pin again: %+v", got)
	}
	if got := s.plugin("pin", "db", "--version", current); got.code != exitWell || s.get("db").Spec.Source.VersionID != current {
		t.Errorf("pin to another version: %+v", got)
	}
	if got := s.plugin("unpin", "db"); got.code != exitWell || got.out != "secretsync.secretsync.dev/db unpinned: follows LIVE\n" {
		t.Errorf("unpin: %+v", got)
	}
	after := s.get("db")
	if source := after.Spec.Source; source.VersionID != "" || source.VersionStage != "LIVE" || after.Annotations[annotationUnpinned] != "" {
		t.Errorf("after unpin: %+v, %v", source, after.Annotations)
	}
	if got := s.plugin("unpin", "db"); got.code != exitWell || !strings.Contains(got.out, "not pinned") {
		t.Errorf("unpin again: %+v", got)
	}
	s.create("by-hand", func(made *v1alpha1.SecretSync) { made.Spec.Source.VersionID = current })
	if got := s.plugin("unpin", "by-hand"); got.code != exitWell || !strings.Contains(got.out, "follows AWSCURRENT") || s.get("by-hand").Spec.Source.VersionID != "" {
		t.Errorf("a version that was set by hand: %+v", got)
	}
	if got := s.plugin("pin", "by-hand", "--version", "short"); got.code != exitTrouble || !strings.Contains(got.errOut, "versionID") {
		t.Errorf("a version that is none: %+v", got)
	}
	s.create("entries", func(made *v1alpha1.SecretSync) {
		made.Spec.Source = v1alpha1.SecretSource{}
		made.Spec.DataFrom = []v1alpha1.DataFrom{{Source: &v1alpha1.EntrySource{SecretID: "/app/db"}}}
	})
	if got := s.plugin("pin", "entries", "--previous"); got.code != exitTrouble || !strings.Contains(got.errOut, "it has no spec.source") {
		t.Errorf("without spec.source: %+v", got)
	}
	s.create("git", func(made *v1alpha1.SecretSync) {
		made.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}
	})
	if got := s.plugin("pin", "git", "--version", current); got.code != exitTrouble || !strings.Contains(got.errOut, "commit spec.source.versionID there") {
		t.Errorf("applied from Git: %+v", got)
	}
}
