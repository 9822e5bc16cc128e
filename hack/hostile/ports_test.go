package hostile

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// flood opens connections from one address of this machine until the test ends, and sends headers without end.
func flood(t *testing.T, address string, connections int) {
	ctx, stop := context.WithCancel(context.Background())
	var floods sync.WaitGroup
	t.Cleanup(func() { stop(); floods.Wait() })
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	header := append([]byte("X: "), bytes.Repeat([]byte("x"), 1<<20)...)
	var opened sync.WaitGroup
	opened.Add(connections)
	for range connections {
		floods.Go(func() {
			for first := true; ctx.Err() == nil; first = false {
				connection, err := dialer.DialContext(ctx, "tcp", address)
				if err == nil {
					fmt.Fprint(connection, "GET / HTTP/1.1\r\nHost: x\r\n")
					_, _ = connection.Write(header) // An error is expected.
				}
				if first {
					opened.Done()
				}
				if err == nil {
					time.Sleep(50 * time.Millisecond)
					_ = connection.Close()
				}
			}
		})
	}
	opened.Wait()
}

// answers fails the test unless the manager answers a probe that comes, as the kubelet's, by a new connection.
func answers(t *testing.T, manager *testenv.Manager) {
	t.Helper()
	kubelet := &http.Client{Timeout: testsuite.Deadline, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := kubelet.Get("http://" + manager.Health + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("the probe was answered %s", answer.Status)
	}
}

// TestAFloodOfHeadersTakesNoMemoryAndNoProbe: any client of a port can send headers without end: 300 clients with a
// megabyte each took 400 MiB.
func TestAFloodOfHeadersTakesNoMemoryAndNoProbe(t *testing.T) {
	manager := startManager(t)
	before, err := manager.ResidentMemory()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{manager.Health, manager.Metrics} {
		flood(t, address, 150)
	}
	for range 10 {
		answers(t, manager)
	}
	mustFit(t, manager, memoryLimit)
	peak, err := manager.PeakMemory()
	if err != nil {
		t.Fatal(err)
	}
	if grown := peak - before; grown > 32<<20 {
		t.Errorf("the flood took %d MiB", grown>>20)
	}
}

// allow gives a ServiceAccount rules in the whole cluster.
func allow(t *testing.T, namespace, account string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: account}, Rules: rules}
	create(t, role)
	create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	})
}

func create(t *testing.T, object client.Object) {
	t.Helper()
	if err := shared.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// token creates a ServiceAccount and a token of it.
func token(t *testing.T, name string, rules ...rbacv1.PolicyRule) string {
	t.Helper()
	create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name}})
	allow(t, metav1.NamespaceDefault, name, rules...)
	config, err := shared.Plane.ServiceAccountConfig(t.Context(), metav1.NamespaceDefault, name)
	if err != nil {
		t.Fatal(err)
	}
	return config.BearerToken
}

func TestMetricsAreForThoseAloneWhoMayGetThem(t *testing.T) {
	// As the role metrics-auth does.
	allow(t, testenv.OperatorNamespace, testenv.OperatorAccount,
		rbacv1.PolicyRule{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
		rbacv1.PolicyRule{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}})
	manager := startManager(t, "--metrics-secure=true")
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	scrape := func(token string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+manager.Metrics+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := insecure.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"without a token":        {"", http.StatusUnauthorized},
		"without the permission": {token(t, "unprivileged"), http.StatusForbidden},
		"with it, as Prometheus": {token(t, "prometheus", rbacv1.PolicyRule{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}), http.StatusOK},
	} {
		if got := scrape(test.token); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	// Each guess may cost a TokenReview.
	counts := map[int]int{}
	for n := range 100 {
		counts[scrape(fmt.Sprint("guess-", n))]++
	}
	if counts[http.StatusOK] > 0 || counts[http.StatusTooManyRequests] < 40 {
		t.Errorf("a hundred guesses of a token: %v", counts)
	}
}
