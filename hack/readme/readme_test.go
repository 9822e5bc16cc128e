package readme_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/readme"
	"github.com/secretsync/secretsync/hack/readme/awscommand"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// shared is an empty cluster: no CRD, no operator. TestMain sets it, and tests read it.
var shared *testenv.Environment

func TestMain(m *testing.M) {
	if awscommand.Started() {
		os.Exit(awscommand.Run(os.Args[1:]))
	}
	testsuite.Main("readme", testenv.Options{Bare: true}, func(_ context.Context, env *testenv.Environment) (int, error) {
		shared = env
		return m.Run(), nil
	})
}

const everything = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`

// TestREADME runs all commands of README.md, from an empty cluster to a Deployment that uses the Secret. The cluster has
// no node: a process of this machine is the operator's pod.
func TestREADME(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testsuite.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	chart, err := filepath.Abs(filepath.Join(testsuite.Root, "config/chart"))
	if err != nil {
		t.Fatal(err)
	}
	released, err := readme.ReleasedChart(testsuite.Root)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := discover(t.Context(), shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.AWS.AddOIDCProvider(cluster); err != nil {
		t.Fatal(err)
	}
	const key, secretKey = "newcomer", "a-key-that-is-checked"
	if _, err := shared.AWS.AddUser(localaws.User{Name: key, AccessKeyID: key, SecretAccessKey: secretKey,
		Policies: []string{everything}}); err != nil {
		t.Fatal(err)
	}
	node := startNode(t, shared)
	follower := readme.Follower{
		Page: string(page), Sections: []string{"Install", "The first secret"}, Directory: t.TempDir(),
		Replace:     []string{released, chart},
		Environment: environment(t, key, secretKey),
	}
	result, err := follower.Follow(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, node.picture())
	}
	if want := []string{"kubectl exec deployment/app -n payments -- printenv USERNAME"}; !slices.Equal(result.LeftOut, want) {
		t.Errorf("without a node, %q was left out, want %q", result.LeftOut, want)
	}
	if held := testsuite.Values(t, shared.Client, "payments", "payments-db"); len(held) != 2 || held["username"] != "app" {
		t.Errorf("the Secret has %d keys", len(held))
	}
	checkReader(t)
	checkDeployment(t)
}

// environment is that of a newcomer's shell. Where aws is not installed, its replacement is found.
func environment(t *testing.T, key, secretKey string) []string {
	t.Helper()
	others := t.TempDir()
	if err := awscommand.Link(others); err != nil {
		t.Fatal(err)
	}
	return readme.Shell{
		Kubectl: filepath.Dir(shared.Plane.Kubectl()), Helm: helm(t), Others: []string{others},
		Home: t.TempDir(), Kubeconfig: shared.Plane.Kubeconfig(),
		Endpoint: shared.AWS.URL(), Region: localaws.DefaultRegion, AccessKeyID: key, SecretAccessKey: secretKey,
	}.Environment()
}

// helm builds helm, and gives its directory.
func helm(t *testing.T) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "make", "--no-print-directory", "bin/helm")
	build.Dir = testsuite.Root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building helm: %v: %s", err, output)
	}
	directory, err := filepath.Abs(filepath.Join(testsuite.Root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	return directory
}

func discover(ctx context.Context, env *testenv.Environment) (localaws.OIDCProvider, error) {
	by, err := rest.HTTPClientFor(env.Plane.Config())
	if err != nil {
		return localaws.OIDCProvider{}, err
	}
	return localaws.DiscoverProvider(ctx, by, env.Plane.Config().Host)
}

// checkReader checks that the operator has read with the role of the page, and that AWS has refused it nothing.
func checkReader(t *testing.T) {
	t.Helper()
	read := false
	for _, call := range shared.AWS.Calls() {
		if call.Code != "" {
			t.Errorf("%s by %s was refused with %s", call.Operation, call.Principal, call.Code)
		}
		if len(call.Read) > 0 {
			read = true
			if want := "arn:aws:sts::111122223333:assumed-role/secretsync/"; !strings.HasPrefix(call.Principal, want) {
				t.Errorf("%s has read the value, want %s…", call.Principal, want)
			}
		}
	}
	if !read {
		t.Error("the value was not read")
	}
}

// checkDeployment checks that the page's Deployment gets the values from the Secret.
func checkDeployment(t *testing.T) {
	t.Helper()
	app := &appsv1.Deployment{}
	if err := shared.Client.Get(t.Context(), client.ObjectKey{Namespace: "payments", Name: "app"}, app); err != nil {
		t.Fatal(err)
	}
	for _, variable := range app.Spec.Template.Spec.Containers[0].Env {
		if from := variable.ValueFrom; variable.Name == "USERNAME" && from != nil && from.SecretKeyRef != nil && from.SecretKeyRef.Name == "payments-db" && from.SecretKeyRef.Key == "username" {
			return
		}
	}
	t.Error("the Deployment has no variable USERNAME from the Secret")
}

// TestShells: commands are for zsh as well as for bash. To zsh, $ACCOUNT:role is the variable with a modifier, r.
func TestShells(t *testing.T) {
	modifier := regexp.MustCompile(`\$[A-Za-z_][A-Za-z_0-9]*:`)
	pages, err := filepath.Glob(filepath.Join(testsuite.Root, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range append(pages, filepath.Join(testsuite.Root, "README.md"), filepath.Join(testsuite.Root, "CONTRIBUTING.md")) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range strings.Split(string(content), "\n") {
			if found := modifier.FindString(line); found != "" {
				t.Errorf("%s:%d: write ${…}: in place of %s", page, number+1, found)
			}
		}
	}
}

// TestFollow: what a page may not promise is noticed.
func TestFollow(t *testing.T) {
	const page = "# Page\n\n## One\n\n```sh\nX=1\n```\n\n```yaml\na: b\n```\n\n```console\n$ echo \"NAME  READY\" $X\nNAME   READY 1\nx True\n```\n\n## Two\n\n```sh\nfalse\necho after\n```\n\n## Three\n\n```sh\nkubectl exec a\n```\n"
	for name, test := range map[string]struct {
		page     string
		sections []string
		replace  []string
		want     string // What the error mentions; empty for none.
	}{
		"as printed":             {page, []string{"One"}, nil, ""},
		"another output":         {strings.Replace(page, "NAME   READY 1", "NAME AGE", 1), []string{"One"}, nil, `the page prints "NAME AGE"`},
		"a command that fails":   {page, []string{"One", "Two"}, nil, "exit status 1"},
		"no such section":        {page, []string{"Four"}, nil, `no section "Four"`},
		"a replacement":          {page, []string{"Two"}, []string{"false", "true"}, ""},
		"nothing to replace":     {page, []string{"One"}, []string{"oci://", "."}, `does not contain "oci://"`},
		"a variable not set":     {strings.Replace(page, "X=1", "Y=1", 1), []string{"One"}, nil, "X: unbound variable"},
		"a command for nodes":    {page, []string{"Three"}, nil, ""},
		"a program that is gone": {strings.Replace(page, "X=1", "X=$(no-such-program)", 1), []string{"One"}, nil, "no-such-program"},
	} {
		t.Run(name, func(t *testing.T) {
			follower := readme.Follower{Page: test.page, Sections: test.sections, Replace: test.replace, Environment: os.Environ(), Directory: t.TempDir()}
			result, err := follower.Follow(t.Context())
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if result != nil && strings.Contains(fmt.Sprint(result.Output), "after") && test.replace == nil {
				t.Error("a command ran after one that failed")
			}
		})
	}
	follower := readme.Follower{Page: page, Sections: []string{"Three"}, Nodes: true, Environment: []string{"PATH=" + t.TempDir() + ":/bin:/usr/bin"}}
	if result, err := follower.Follow(t.Context()); err == nil || len(result.LeftOut) > 0 {
		t.Error("with nodes, a command was left out:", errors.Join(err))
	}
}
