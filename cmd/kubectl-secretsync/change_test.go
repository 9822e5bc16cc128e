package main

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

func TestSuspendAndResume(t *testing.T) {
	s := newSetup(t)
	s.create("a")
	s.create("b", func(made *v1alpha1.SecretSync) { made.Spec.Suspend = true })
	got := s.plugin("suspend", "a", "none", "b")
	if want := "secretsync.secretsync.dev/a suspended\nsecretsync.secretsync.dev/b already suspended\n"; got.out != want {
		t.Errorf("printed %q, want %q", got.out, want)
	}
	if got.code != exitTrouble || !strings.Contains(got.errOut, `none failed: secretsyncs.secretsync.dev "none" not found`) {
		t.Errorf("a name that does not exist: %+v", got)
	}
	if !s.get("a").Spec.Suspend || !s.get("b").Spec.Suspend {
		t.Error("spec.suspend is not set")
	}
	got = s.plugin("resume", "a", "b")
	if want := "secretsync.secretsync.dev/a resumed\nsecretsync.secretsync.dev/b resumed\n"; got.code != exitWell || got.out != want {
		t.Errorf("resume: %+v", got)
	}
	if s.get("a").Spec.Suspend || s.get("b").Spec.Suspend {
		t.Error("spec.suspend is set after resume")
	}
	if got := s.plugin("resume", "a"); got.code != exitWell || got.out != "secretsync.secretsync.dev/a not suspended\n" {
		t.Errorf("resume of one that is not suspended: %+v", got)
	}
}

// TestChangesOfGitAreRefused: what is applied from Git is changed there, or by force.
func TestChangesOfGitAreRefused(t *testing.T) {
	s := newSetup(t)
	for name, change := range map[string]func(*v1alpha1.SecretSync){
		"flux-kustomize": func(made *v1alpha1.SecretSync) {
			made.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}
		},
		"flux-helm": func(made *v1alpha1.SecretSync) {
			made.Labels = map[string]string{"helm.toolkit.fluxcd.io/name": "apps"}
		},
		"argo": func(made *v1alpha1.SecretSync) {
			made.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "apps:x"}
		},
	} {
		s.create(name, change)
		got := s.plugin("suspend", name)
		if got.code != exitTrouble || !strings.Contains(got.errOut, "from Git and reverts such a change: commit spec.suspend: true there, or repeat the command with --force") {
			t.Errorf("%s: %+v", name, got)
		}
		if s.get(name).Spec.Suspend {
			t.Errorf("%s was changed", name)
		}
		if got := s.plugin("suspend", name, "--force"); got.code != exitWell || !s.get(name).Spec.Suspend {
			t.Errorf("%s by force: %+v", name, got)
		}
	}
	managed := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller"}}}}
	if got := gitOpsOwner(managed); got != "Argo CD" {
		t.Errorf("applied by Argo CD's field manager: %q", got)
	}
	if got := gitOpsOwner(s.get("argo")); got != "Argo CD" {
		t.Errorf("with Argo CD's annotation: %q", got)
	}
}

// TestRefresh asks a real operator for a refresh.
func TestRefresh(t *testing.T) {
	s := newSetup(t)
	env := testsuite.WithOwnAWS(t, shared, &localaws.Server{})
	admin := secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(env.AWS.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("admin", "not-checked", "")})
	if _, err := admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("/app/db"), SecretString: aws.String(hidden)}); err != nil {
		t.Fatal(err)
	}
	s.create("db")
	s.create("paused", func(made *v1alpha1.SecretSync) { made.Spec.Suspend = true })
	if got := s.plugin("refresh", "db", "--wait", "--timeout", "1s"); got.code != exitUndetermined || !strings.Contains(got.errOut, "has not handled the refresh within 1s: does it run") {
		t.Errorf("without an operator: %+v", got)
	}
	manager, err := env.StartManager("operator", "--watch-namespaces="+s.namespace, "--poll-interval=24h")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := manager.Stop(); err != nil {
			t.Error(err)
		}
		testsuite.CheckLog(t, manager, []string{hidden})
	})
	if got := s.plugin("refresh", "db", "--wait"); got.code != exitWell || !strings.HasPrefix(got.out, "secretsync.secretsync.dev/db refreshed: ") {
		t.Errorf("refresh: %+v", got)
	}
	described := env.AWS.Count("DescribeSecret")
	if got := s.plugin("refresh", "db"); got.code != exitWell || got.out != "secretsync.secretsync.dev/db refresh requested\n" {
		t.Errorf("without --wait: %+v", got)
	}
	testsuite.Await(t, "AWS was asked again", func() bool { return env.AWS.Count("DescribeSecret") > described }, manager.Tail)
	if got := s.plugin("refresh", "paused", "--wait"); got.code != exitTrouble || !strings.Contains(got.errOut, "it is suspended: kubectl secretsync resume paused -n "+s.namespace) {
		t.Errorf("a suspended one: %+v", got)
	}
	if _, err := admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("/app/db")}); err != nil {
		t.Fatal(err)
	}
	if got := s.plugin("refresh", "db", "--wait"); got.code != exitTrouble || !strings.Contains(got.errOut, v1alpha1.ReasonSecretPendingDeletion) {
		t.Errorf("a secret that was deleted: %+v", got)
	}
}
