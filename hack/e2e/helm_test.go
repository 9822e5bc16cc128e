package e2e

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// cluster is a control plane of the test's own, with nothing installed but what Helm installs.
type cluster struct {
	*setup
	helm string
	// release is the name of the Helm release.
	release string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	helm := exec.Command("make", "--no-print-directory", "bin/helm")
	helm.Dir = root
	if output, err := helm.CombinedOutput(); err != nil {
		t.Fatalf("building helm: %v: %s", err, output)
	}
	path, err := filepath.Abs(filepath.Join(root, "bin/helm"))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := testenv.New(t.Context(), testenv.Options{Root: root, Bare: true, Audit: true, Binary: shared.Binary})
	if bare != nil {
		t.Cleanup(func() {
			if err := bare.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{helm: path, release: "secretsync", setup: &setup{T: t, env: bare, namespace: "payments", aws: awsClient(bare.AWS.URL(), "tester")}}
	for _, namespace := range []string{"payments", "shipping", "other"} {
		if err := bare.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// run runs helm for the release in the operator's namespace.
func (c *cluster) run(verb string, arguments ...string) {
	c.Helper()
	if output, err := c.try(testenv.OperatorNamespace, c.release, verb, arguments...); err != nil {
		c.Fatalf("helm %s: %v\n%s", verb, err, output)
	}
}

// try runs helm for a release, and returns what it prints.
func (c *cluster) try(namespace, release, verb string, arguments ...string) (string, error) {
	command := exec.CommandContext(c.Context(), c.helm, append([]string{verb, release, "--namespace", namespace}, arguments...)...)
	home := c.env.Plane.Directory()
	command.Env = append(os.Environ(), "KUBECONFIG="+c.env.Plane.Kubeconfig(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	output, err := command.CombinedOutput()
	return string(output), err
}

func (c *cluster) install(arguments ...string) {
	c.Helper()
	c.run("install", append([]string{filepath.Join(root, "config/chart"), "--create-namespace"}, arguments...)...)
}

// startAsInstalled starts the manager with the flags and the ServiceAccount of the Deployment, and with more flags.
func (c *cluster) startAsInstalled(deployment string, more ...string) *testenv.Manager {
	c.Helper()
	installed := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: testenv.OperatorNamespace, Name: deployment}
	if err := c.env.Client.Get(c.Context(), key, installed); err != nil {
		c.Fatal(err)
	}
	pod := installed.Spec.Template.Spec
	c.awaitInstalled(deployment, pod.ServiceAccountName)
	if err := c.env.ActAs(c.Context(), testenv.OperatorNamespace, pod.ServiceAccountName); err != nil {
		c.Fatal(err)
	}
	manager, err := c.env.StartManager("installed", append(c.elsewhere(pod.Containers[0].Args), more...)...)
	if err != nil {
		c.Fatal(err)
	}
	return manager
}

// awaitInstalled waits until the API server serves SecretSyncs and enforces the operator's roles. Helm waits for
// neither. Without SecretSyncs a manager exits; without roles the audit log has refused requests.
func (c *cluster) awaitInstalled(lease, account string) {
	c.Helper()
	c.await("SecretSyncs are served", c.served)
	c.await("the operator's roles are in force", func() bool {
		return c.allowed(account, authorizationv1.ResourceAttributes{Namespace: testenv.OperatorNamespace, Verb: "get", Group: "coordination.k8s.io", Resource: "leases", Name: lease}) &&
			c.allowed(account, authorizationv1.ResourceAttributes{Namespace: c.namespace, Verb: "watch", Resource: "secrets"})
	})
}

// served says whether the API server serves SecretSyncs, which it does a moment after the creation of the CRD.
func (c *cluster) served() bool {
	return c.env.Client.List(c.Context(), &v1alpha1.SecretSyncList{}, client.InNamespace(c.namespace)) == nil
}

// elsewhere replaces the ports in flags, as tests share the machine, and removes the hook of change events and the
// certificate for metrics, whose files the kubelet would mount.
func (c *cluster) elsewhere(flags []string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(flag string) bool {
		return strings.HasPrefix(flag, "--metrics-bind-address=") || strings.HasPrefix(flag, "--health-probe-bind-address=") ||
			strings.HasPrefix(flag, "--change-hook-") || strings.HasPrefix(flag, "--metrics-cert-dir=")
	})
}

func (c *cluster) stop(manager *testenv.Manager) {
	c.Helper()
	if err := manager.Stop(); err != nil {
		c.Fatalf("%v: %s", err, manager.Tail())
	}
}

// TestHelm installs, upgrades to everything that the chart has, uninstalls and installs again. No Secret is lost or
// rewritten.
func TestHelm(t *testing.T) {
	c := newCluster(t)
	c.install()
	manager := c.startAsInstalled("secretsync")
	content := value()
	id, _ := c.createSecret("db", content)
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, PollInterval: fast})
	c.awaitReady("db")
	c.checkMetricsAreGuarded(manager)
	c.stop(manager)
	c.checkLeaseIsReleased()

	c.checkServiceMonitorIsRefused()
	c.addForeignKinds()
	c.run("upgrade", filepath.Join(root, "config/chart"), "--values", filepath.Join(root, "config/chart/ci/everything-values.yaml"),
		"--set", "metrics.serviceMonitor.renderMode=failIfMissing")
	manager = c.startAsInstalled("my-secretsync")
	second := value()
	version := c.putValue(id, second)
	c.awaitKeys("db", map[string]string{"value": second})
	c.await("status has the second version", func() bool { return c.get("db").Status.Sources[0].VersionID == version })
	c.stop(manager)

	before, object := c.secret("db"), c.get("db")
	c.run("uninstall")
	if got := c.get("db"); got.UID != object.UID {
		t.Error("the SecretSync was replaced by uninstalling")
	}
	c.never("the Secret is deleted with the chart", func() bool { return c.secret("db") == nil })

	c.install()
	manager = c.startAsInstalled("secretsync")
	polls := c.called("DescribeSecret")
	c.await("a poll", func() bool { return c.called("DescribeSecret") > polls })
	c.stop(manager)
	after := c.secret("db")
	if after.UID != before.UID {
		t.Error("the Secret was recreated by installing again")
	}
	if after.ResourceVersion != before.ResourceVersion {
		t.Error("the Secret was rewritten by installing again")
	}
	if err := checkRoles(c.env.Plane, "secretsync", "rbac/leader_election_role.yaml", "rbac/metrics_auth_role.yaml"); err != nil {
		t.Error(err)
	}
}

// checkServiceMonitorIsRefused checks that the chart asks the cluster whether it has the CRD, and that it installs without
// a ServiceMonitor if it may skip it.
func (c *cluster) checkServiceMonitorIsRefused() {
	c.Helper()
	chart := []string{filepath.Join(root, "config/chart"), "--set", "metrics.serviceMonitor.enabled=true"}
	output, err := c.try(testenv.OperatorNamespace, c.release, "upgrade", chart...)
	if err == nil || !strings.Contains(output, "needs the CRD ServiceMonitor") {
		c.Errorf("without the CRD, a ServiceMonitor gives %v: %s", err, output)
	}
	c.run("upgrade", append(chart, "--set", "metrics.serviceMonitor.renderMode=skipIfMissing")...)
}

// checkMetricsAreGuarded checks that metrics are served by TLS, and only to clients with the permission.
func (c *cluster) checkMetricsAreGuarded(manager *testenv.Manager) {
	c.Helper()
	config, err := c.env.Plane.ServiceAccountConfig(c.Context(), "other", "default")
	if err != nil {
		c.Fatal(err)
	}
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	status := func() int { // 0 before the port is open.
		request, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "https://"+manager.Metrics+"/metrics", nil)
		if err != nil {
			c.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+config.BearerToken)
		answer, err := insecure.Do(request)
		if err != nil {
			return 0
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	got := 0
	c.await("metrics are served", func() bool { // A manager is ready before it has created the key of the certificate.
		got = status()
		return got != 0
	})
	if got != http.StatusForbidden {
		c.Errorf("metrics without permission answered %d, want 403", got)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "secretsync-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "other", Name: "default"}},
	}
	if err := c.env.Client.Create(c.Context(), binding); err != nil {
		c.Fatal(err)
	}
	c.await("metrics are readable for those who may", func() bool { return status() == http.StatusOK })
}

// checkLeaseIsReleased checks that a stopped manager has released its Lease.
func (c *cluster) checkLeaseIsReleased() {
	c.Helper()
	lease := &coordinationv1.Lease{}
	if err := c.env.Client.Get(c.Context(), client.ObjectKey{Namespace: testenv.OperatorNamespace, Name: "secretsync"}, lease); err != nil {
		c.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		c.Errorf("the Lease is still held by %s", *holder)
	}
}

// addForeignKinds installs CRDs for the kinds of other projects that the chart can create.
func (c *cluster) addForeignKinds() {
	c.Helper()
	c.addKind("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor")
	c.addKind("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule")
	c.addKind("cert-manager.io", "v1", "certificates", "Certificate")
}

// TestHelmNamespaced: an installation for some namespaces works there, and has no permissions in others.
func TestHelmNamespaced(t *testing.T) {
	c := newCluster(t)
	c.install("--values", filepath.Join(root, "config/chart/ci/namespaced-values.yaml"))
	manager := c.startAsInstalled("secretsync")
	content := value()
	id, _ := c.createSecret("db", content)
	c.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	c.awaitReady("db")
	for _, verb := range []string{"get", "list", "watch", "create", "patch", "delete"} {
		if !c.may(verb, "payments") {
			t.Errorf("the operator may not %s Secrets in its namespace", verb)
		}
		for _, namespace := range []string{"other", ""} {
			if c.may(verb, namespace) {
				t.Errorf("the operator may %s Secrets in namespace %q", verb, namespace)
			}
		}
	}
	elsewhere := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "db"},
		Spec: v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}}}
	if err := c.env.Client.Create(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	c.never("a Secret is written in another namespace", func() bool {
		return c.exists(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "db"}})
	})
	c.stop(manager)
}

// may asks what the operator may do with Secrets of a namespace, or of all if it is empty.
func (c *cluster) may(verb, namespace string) bool {
	c.Helper()
	return c.allowed("secretsync", authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: "secrets"})
}

// allowed asks the API server what a ServiceAccount of the operator's namespace may do, without trying it.
func (s *setup) allowed(account string, what authorizationv1.ResourceAttributes) bool {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), testsuite.Deadline)
	defer cancel()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + testenv.OperatorNamespace + ":" + account, ResourceAttributes: &what,
	}}
	if err := s.env.Client.Create(ctx, review); err != nil {
		s.Fatal(err)
	}
	return review.Status.Allowed
}
