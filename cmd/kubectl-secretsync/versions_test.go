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
	s.expect(exitWell, "SECRET VERSION STAGES CREATED IN SECRET\n", "versions", "db")
	s.expect(exitWell, "/app/db "+current+" AWSCURRENT ", "versions", "db")
	s.expect(exitWell, "/app/db "+previous+" AWSPREVIOUS ", "versions", "db")
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
}

// TestVersionsThatAWSDoesNotShow: what the operator has reported is shown in their place.
func TestVersionsThatAWSDoesNotShow(t *testing.T) {
	s := newSetup(t)
	running, previous, _ := s.withAWS()
	s.reportVersion(s.create("db"), previous)
	s.create("gone", func(made *v1alpha1.SecretSync) { made.Spec.Source.SecretID = "/app/none" })
	s.expect(exitTrouble, "Not looked at: AWS: /app/none: ", "versions", "gone")
	if _, err := running.AddUser(localaws.User{Name: "me", AccessKeyID: "me", SecretAccessKey: "not-checked"}); err != nil {
		t.Fatal(err)
	}
	s.expect(exitUndetermined, "/app/db "+previous+" AWSCURRENT <none> yes\n", "versions", "db")
	s.expect(exitUndetermined, "secretsmanager:ListSecretVersionIds", "versions", "db")
}

func TestPinAndUnpin(t *testing.T) {
	s := newSetup(t)
	_, previous, current := s.withAWS()
	s.reportVersion(s.create("db", func(made *v1alpha1.SecretSync) { made.Spec.Source.VersionStage = "LIVE" }), current)
	follows := func(stage, version string) {
		t.Helper()
		if got := s.get("db").Spec.Source; got.VersionStage != stage || got.VersionID != version {
			t.Errorf("spec.source is %+v, want stage %q and version %q", got, stage, version)
		}
	}
	s.expect(exitWell, "secretsync.secretsync.dev/db pinned: "+previous+"\n", "pin", "db", "--previous")
	follows("", previous)
	s.expect(exitWell, "already pinned", "pin", "db", "--version", previous)
	s.expect(exitWell, "pinned: "+current, "pin", "db", "--version", current)
	follows("", current)
	s.expect(exitWell, "secretsync.secretsync.dev/db unpinned: follows LIVE\n", "unpin", "db")
	follows("LIVE", "")
	if left := s.get("db").Annotations[annotationUnpinned]; left != "" {
		t.Errorf("unpin leaves the annotation %s", left)
	}
	s.expect(exitWell, "not pinned", "unpin", "db")
}

func TestPinOfOtherSecretSyncs(t *testing.T) {
	s := newSetup(t)
	_, _, current := s.withAWS()
	s.create("by-hand", func(made *v1alpha1.SecretSync) { made.Spec.Source.VersionID = current })
	s.expect(exitWell, "follows AWSCURRENT", "unpin", "by-hand")
	if got := s.get("by-hand").Spec.Source.VersionID; got != "" {
		t.Errorf("after unpin the version is %s", got)
	}
	s.expect(exitTrouble, "versionID", "pin", "by-hand", "--version", "short")
	s.create("entries", func(made *v1alpha1.SecretSync) {
		made.Spec.Source = v1alpha1.SecretSource{}
		made.Spec.DataFrom = []v1alpha1.DataFrom{{Source: &v1alpha1.EntrySource{SecretID: "/app/db"}}}
	})
	s.expect(exitTrouble, "it has no spec.source", "pin", "entries", "--previous")
	s.create("git", func(made *v1alpha1.SecretSync) {
		made.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}
	})
	s.expect(exitTrouble, "commit spec.source.versionID there", "pin", "git", "--version", current)
}
