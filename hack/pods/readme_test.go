package pods

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/readme"
	"github.com/secretsync/secretsync/hack/readme/awscommand"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// TestREADME runs all commands of README.md, line by line, from a cluster without the operator to a pod that reads a
// synced Secret. Only the chart is that of the checkout, and AWS the local one.
func TestREADME(t *testing.T) {
	s := newSetup(t)
	s.uninstall(release, testenv.OperatorNamespace)
	page, err := os.ReadFile(filepath.Join(testsuite.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	chart, err := filepath.Abs(chart())
	if err != nil {
		t.Fatal(err)
	}
	released, err := readme.ReleasedChart(testsuite.Root)
	if err != nil {
		t.Fatal(err)
	}
	const newcomer, secretKey = "newcomer", "a-key-that-is-checked"
	if _, err := s.aws.AddUser(localaws.User{Name: newcomer, AccessKeyID: newcomer, SecretAccessKey: secretKey,
		Policies: []string{`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`}}); err != nil {
		t.Fatal(err)
	}
	others := t.TempDir()
	if err := awscommand.Link(others); err != nil {
		t.Fatal(err)
	}
	follower := readme.Follower{
		Page: string(page), Sections: []string{"Install", "The first secret"}, Nodes: true, Directory: t.TempDir(),
		Replace: []string{released, chart + " --set aws.endpointURL=" + s.aws.URL() + " --set aws.region=" + localaws.DefaultRegion},
		Environment: readme.Shell{
			Kubectl: filepath.Dir(s.Plane.Kubectl()), Helm: filepath.Dir(s.helm), Others: []string{others},
			Home: t.TempDir(), Kubeconfig: s.Plane.Kubeconfig(),
			Endpoint: s.aws.URL(), Region: localaws.DefaultRegion, AccessKeyID: newcomer, SecretAccessKey: secretKey,
		}.Environment(),
	}
	began := time.Now()
	result, err := follower.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.LeftOut) > 0 {
		t.Errorf("%q was left out", result.LeftOut)
	}
	if printed := result.LastLine(); printed != "app" {
		t.Errorf("the pod has read %q as USERNAME", printed)
	}
	for _, call := range s.calls("GetSecretValue", began) {
		if want := "arn:aws:sts::" + localaws.DefaultAccount + ":assumed-role/secretsync/"; !strings.HasPrefix(call.Principal, want) {
			t.Errorf("%s has read the value, want %s…", call.Principal, want)
		}
	}
	if output, err := s.kubectl("delete", "namespace", "payments", "--timeout=1m"); err != nil {
		t.Errorf("%v: %s", err, output)
	}
	s.uninstall(release, testenv.OperatorNamespace)
	s.install()
}
