package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/doctor"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// operatorPolicy is what the operator of the tests may do with its own identity: read, and assume some roles.
const operatorPolicy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"},
	{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "arn:aws:iam::*:role/reach-*"},
	{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]}`

// otherAccount is an account that does not know the cluster's tokens.
const otherAccount = "444455556666"

// bench is an operator on the real API server and a local AWS, with a Deployment that no kubelet runs.
type bench struct {
	*testing.T
	aws    *localaws.Running
	admin  *secretsmanager.Client
	remote *secretsmanager.Client // Of otherAccount.
	issuer string
	// rules deny calls of the operator, by the row that added them.
	rules map[string][]localaws.Rule
	// policies are those of the operator.
	policies []string
	// roles are those of the rows.
	roles map[string]localaws.Role
}

// subject is the SecretSync of a row, in a namespace of its own.
type subject struct {
	*setup
	*bench
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := newSetup(t)
	w := &bench{T: t, rules: map[string][]localaws.Rule{}, roles: map[string]localaws.Role{}, policies: []string{operatorPolicy}}
	w.aws, _, _ = s.withAWS()
	w.admin, w.remote = w.client("me", accountHere), w.client("remote", otherAccount)
	w.aws.AddPrincipal("none", localaws.Principal{Account: accountHere, ARN: "arn:aws:iam::" + accountHere + ":user/none"})
	w.rules["none"] = []localaws.Rule{{Deny: true, Principal: "*:user/none"}}
	transport, err := rest.HTTPClientFor(shared.Plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := localaws.DiscoverProvider(t.Context(), transport, shared.Plane.Config().Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.aws.AddOIDCProvider(cluster); err != nil {
		t.Fatal(err)
	}
	w.issuer = cluster.Issuer
	w.applyRules()
	w.applyPolicies()
	return w
}

// client is an administrator of an account, with an access key of that name.
func (w *bench) client(key, account string) *secretsmanager.Client {
	w.aws.AddPrincipal(key, localaws.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/" + key})
	return secretsmanager.New(secretsmanager.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(w.aws.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(key, "not-checked", "")})
}

// applyRules installs the rules of all rows. A rule that allows nothing must not deny all else.
func (w *bench) applyRules() {
	var all []localaws.Rule
	for _, rules := range w.rules {
		all = append(all, rules...)
	}
	w.aws.SetRules(all...)
}

func (w *bench) applyPolicies() {
	w.Helper()
	if _, err := w.aws.AddUser(localaws.User{Name: "secretsync", AccessKeyID: ofOperator, SecretAccessKey: "operators-key", Policies: w.policies}); err != nil {
		w.Fatal(err)
	}
}

// deployment is that of the operator, with the flags that the manager has.
func (w *bench) deployment(flags []string) *appsv1.Deployment {
	w.Helper()
	labels := map[string]string{"app.kubernetes.io/name": "secretsync"}
	made := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: testenv.OperatorNamespace, Name: "secretsync", Labels: labels},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec: corev1.PodSpec{ServiceAccountName: testenv.OperatorAccount, Containers: []corev1.Container{{Name: "manager", Image: "manager",
				Args: append([]string{"--leader-elect=false"}, flags...)}}},
		}},
	}
	if err := shared.Client.Create(w.Context(), made); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if err := shared.Client.Delete(testsuiteContext(), made); err != nil {
			w.Error(err)
		}
	})
	w.ready()
	return made
}

// ready lets the pods of the operator be ready, as the kubelet would, until the Deployment has an available one.
func (w *bench) ready() {
	w.Helper()
	testsuite.Await(w, "the Deployment is available", func() bool {
		w.pods(func(status *corev1.PodStatus) {
			status.Phase, status.ContainerStatuses = corev1.PodRunning, nil
			status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		})
		found := w.installed()
		return found.Status.AvailableReplicas == 1 && found.Status.Replicas == 1 && found.Status.ObservedGeneration == found.Generation
	}, func() string { return "" })
}

// pods changes the statuses of the operator's pods.
func (w *bench) pods(change func(*corev1.PodStatus)) {
	w.Helper()
	var list corev1.PodList
	if err := shared.Client.List(w.Context(), &list, client.InNamespace(testenv.OperatorNamespace), client.MatchingLabels{"app.kubernetes.io/name": "secretsync"}); err != nil {
		w.Fatal(err)
	}
	for i := range list.Items {
		before := list.Items[i].DeepCopy()
		change(&list.Items[i].Status)
		if err := client.IgnoreNotFound(shared.Client.Status().Patch(w.Context(), &list.Items[i], client.MergeFrom(before))); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *bench) installed() *appsv1.Deployment {
	w.Helper()
	found := &appsv1.Deployment{}
	if err := shared.Client.Get(w.Context(), clientKey(testenv.OperatorNamespace, "secretsync"), found); err != nil {
		w.Fatal(err)
	}
	return found
}

// diagnose runs the doctor on the SecretSync, and gives its diagnosis.
func (p *subject) diagnose(arguments ...string) (doctor.Diagnosis, []doctor.Right, printed) {
	p.setup.Helper()
	got := p.plugin(append([]string{"doctor", "db", "-o", "json"}, arguments...)...)
	var read struct {
		Incomplete []doctor.Right
		Items      []doctor.Diagnosis
	}
	if err := json.Unmarshal([]byte(got.out), &read); err != nil || len(read.Items) != 1 {
		p.setup.Fatalf("%v: %+v", err, got)
	}
	return read.Items[0], read.Incomplete, got
}

// first is the first finding of a diagnosis.
func first(d doctor.Diagnosis) doctor.Finding {
	n := slices.IndexFunc(d.Checks, func(f doctor.Finding) bool { return f.ID == d.First })
	if n < 0 {
		return doctor.Finding{}
	}
	return d.Checks[n]
}

// awaitReason waits until Ready has a reason at the present generation.
func (p *subject) awaitReason(reason string) {
	p.setup.Helper()
	testsuite.Await(p.setup.T, "db has the reason "+reason, func() bool {
		found := p.get("db")
		ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == reason && found.Status.ObservedGeneration == found.Generation
	}, p.picture)
}

func (p *subject) picture() string {
	found := p.get("db")
	content, _ := json.Marshal(found.Status)
	return string(content)
}

// fixed waits until the SecretSync is synced after a refresh, and the doctor finds nothing.
func (p *subject) fixed() {
	p.setup.Helper()
	testsuite.Await(p.setup.T, "db is synced", func() bool {
		if found := p.get("db"); !found.RefreshRequested() {
			if meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionReady) && found.Status.ObservedGeneration == found.Generation {
				return true
			}
			p.plugin("refresh", "db")
		}
		return false
	}, p.picture)
	if found, _, got := p.diagnose(); found.Verdict != doctor.OK || got.code != exitWell {
		p.setup.Errorf("after the fix, exit code %d: %s %s: %+v", got.code, found.Verdict, found.First, first(found))
	}
}

// apply does what a fix says.
func (p *subject) apply(fix doctor.Fix, fill map[string]string) {
	p.setup.Helper()
	text, _, _ := strings.Cut(fix.Text, " # ")
	for placeholder, value := range fill {
		text = strings.ReplaceAll(text, placeholder, value)
	}
	line := words(text)
	switch {
	case line[0] == "aws":
		p.awsCommand(line[1:])
	case line[0] == "kubectl" && line[1] == "secretsync":
		if got := p.plugin(line[2:]...); got.code != exitWell {
			p.setup.Errorf("%s: %+v", text, got)
		}
	case line[0] == "kubectl":
		command := exec.CommandContext(p.setup.Context(), shared.Plane.Kubectl(), append([]string{"--kubeconfig", shared.Plane.Kubeconfig()}, line[1:]...)...)
		if output, err := command.CombinedOutput(); err != nil {
			p.setup.Errorf("%s: %v: %s", text, err, output)
		}
	default:
		p.setup.Errorf("the test can't run %q", text)
	}
}

// words splits a command line at blanks outside single quotes.
func words(line string) (all []string) {
	for n, part := range strings.Split(line, "'") {
		if n%2 == 1 {
			if len(all) > 0 && !strings.HasSuffix(strings.Split(line, "'")[n-1], " ") {
				all[len(all)-1] += part
			} else {
				all = append(all, part)
			}
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// short is a poll interval that ends soon.
var short = &metav1.Duration{Duration: 2 * time.Second}
