package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
)

// wire is a proxy between a manager and the API server. It delays the next write to one path, as if the process or the
// network stopped just after the write was sent.
type wire struct {
	path string
	held chan struct{}
	free chan struct{}
	once sync.Once
	// statuses are the answers to the writes to that path, in order.
	mutex    sync.Mutex
	armed    bool
	statuses []int
}

func (w *wire) arm() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.armed = true
}

func (w *wire) answers() []int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return append([]int(nil), w.statuses...)
}

// holds says whether a request is delayed: a single one, after wire was armed.
func (w *wire) holds(request *http.Request) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	first := w.armed && w.writes(request)
	w.armed = w.armed && !first
	return first
}

func (w *wire) writes(request *http.Request) bool {
	return request.Method == http.MethodPatch && request.URL.Path == w.path
}

// release lets the write through.
func (w *wire) release() { w.once.Do(func() { close(w.free) }) }

// throughWire is an environment whose managers reach the API server through a wire, and the wire.
func (s *setup) throughWire(path string) (*testenv.Environment, *wire) {
	s.Helper()
	operator, err := clientcmd.BuildConfigFromFlags("", s.env.Kubeconfig)
	if err != nil {
		s.Fatal(err)
	}
	transport, err := rest.TransportFor(operator)
	if err != nil {
		s.Fatal(err)
	}
	server, err := url.Parse(operator.Host)
	if err != nil {
		s.Fatal(err)
	}
	w := &wire{path: path, held: make(chan struct{}), free: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(server) },
		Transport: transport, FlushInterval: -1,
		ModifyResponse: func(response *http.Response) error {
			if w.writes(response.Request) {
				w.mutex.Lock()
				defer w.mutex.Unlock()
				w.statuses = append(w.statuses, response.StatusCode)
			}
			return nil
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if w.holds(request) {
			close(w.held)
			<-w.free
		}
		proxy.ServeHTTP(answer, request)
	}))
	s.Cleanup(func() { w.release(); front.CloseClientConnections(); front.Close() })
	kubeconfig := filepath.Join(s.TempDir(), "kubeconfig")
	content := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"wire","contexts":[{"name":"wire","context":{"cluster":"wire","user":""}}],`+
		`"clusters":[{"name":"wire","cluster":{"server":%q}}]}`, front.URL)
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		s.Fatal(err)
	}
	behind := *s.env
	behind.Kubeconfig = kubeconfig
	return &behind, w
}

// TestALateWriteOfAFormerLeaderIsRefused: a replica is stopped while it writes a version, until its lease has expired.
// Another replica takes over and writes the next version; then the write of the first replica arrives.
func TestALateWriteOfAFormerLeaderIsRefused(t *testing.T) {
	for name, target := range map[string]v1alpha1.SecretTarget{
		"its own Secret":          {Name: "db"},
		"a Secret it merges into": {Name: "db", CreationPolicy: v1alpha1.CreationPolicyMerge},
	} {
		t.Run(name, func(t *testing.T) { testLateWrite(newSetup(t), target) })
	}
}

func testLateWrite(s *setup, into v1alpha1.SecretTarget) {
	s.Helper()
	s.end((*testenv.Manager).Stop)
	s.Cleanup(func() { s.start("after-" + strings.ReplaceAll(s.Name(), "/", "-")) })
	manager := func(on *testenv.Environment, name string) {
		s.Helper()
		// There is no Lease: the two do not know of each other, as if the first were stopped.
		started, err := on.StartManager(s.namespace+name, "--watch-namespaces="+s.namespace)
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() {
			if err := end(context.Background(), started, (*testenv.Manager).Stop); err != nil {
				s.Error(err)
			}
		})
	}
	if into.Merges() {
		s.foreign("db")
	}
	first, second, third := value(), value(), value()
	id, _ := s.createSecret("db", fmt.Sprintf(`{"password":%q}`, first))
	late, held := s.throughWire("/api/v1/namespaces/" + s.namespace + "/secrets/db")
	manager(late, "-former")
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}, Target: into}) // Polls every five minutes.
	s.awaitReady("db")
	before := len(held.answers())

	held.arm()
	s.putValue(id, fmt.Sprintf(`{"password":%q}`, second))
	s.edit("db", func(secretSync *v1alpha1.SecretSync) {
		secretSync.Annotations = map[string]string{v1alpha1.AnnotationRefreshRequestedAt: "second"}
	})
	<-held.held
	version := s.putValue(id, fmt.Sprintf(`{"password":%q}`, third))
	manager(s.env, "-successor")
	s.await("the successor has written the third version", func() bool { return string(s.secret("db").Data["password"]) == third })
	s.await("it has written status", func() bool { return s.get("db").Status.Sources[0].VersionID == version })
	written := s.secret("db").ResourceVersion

	held.release()
	s.await("the late write is answered", func() bool { return len(held.answers()) > before })
	if answers := held.answers(); answers[before] != http.StatusConflict {
		s.Errorf("the late write is answered by %v", answers[before:])
	}
	s.never("the Secret is written again", func() bool {
		return s.secret("db").ResourceVersion != written || s.get("db").Status.Sources[0].VersionID != version
	})
	for _, answer := range held.answers()[before:] {
		if answer != http.StatusConflict {
			s.Errorf("a write of the former leader is answered by %d", answer)
		}
	}
}
