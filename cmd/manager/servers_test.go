package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	runnable "sigs.k8s.io/controller-runtime/pkg/manager"
)

// The kubelet restarts the operator if /healthz fails.
func TestAReconcileThatHangsFailsTheLivenessProbe(t *testing.T) {
	var hangs error
	handler := probes(alive(func(*http.Request) error { return hangs }), healthz.Handler{})
	for _, path := range []string{"/healthz", "/healthz/queue"} {
		for want, err := range map[int]error{http.StatusOK: nil, http.StatusInternalServerError: errors.New("a reconcile hangs")} {
			hangs = err
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if answer.Code != want {
				t.Errorf("%s answers %d where the queue says %v", path, answer.Code, err)
			}
		}
	}
}

func TestEachCheckOfReadinessFailsTheProbe(t *testing.T) {
	passes := func(*http.Request) error { return nil }
	for _, bad := range []string{"caches", "queue", "watch", ""} {
		check := func(name string) healthz.Checker {
			if name != bad {
				return passes
			}
			return func(*http.Request) error { return errors.New("it does not move") }
		}
		handler := probes(alive(passes), ready(check("caches"), check("queue"), check("watch")))
		want := http.StatusInternalServerError
		if bad == "" {
			want = http.StatusOK
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if answer.Code != want {
			t.Errorf("/readyz answers %d where the check %q fails", answer.Code, bad)
		}
	}
}

// runner starts what is added to a manager, until the test ends.
type runner struct{ t *testing.T }

func (r runner) Add(added runnable.Runnable) error {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
	go func() { ended <- added.Start(ctx) }()
	return nil
}

// writeCertificate writes a new certificate into a directory, and returns it.
func writeCertificate(t *testing.T, directory string) []byte {
	t.Helper()
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.key": key, "tls.crt": certificate} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	block, _ := pem.Decode(certificate)
	return block.Bytes
}

func TestTheCertificateOfMetricsIsReloaded(t *testing.T) {
	directory := t.TempDir()
	if _, err := metricsCertificate(runner{t}, directory); err == nil || !strings.Contains(err.Error(), "--metrics-cert-dir") {
		t.Errorf("without files: %v", err)
	}
	want := writeCertificate(t, directory)
	served, err := metricsCertificate(runner{t}, directory)
	if err != nil {
		t.Fatal(err)
	}
	serves := func(want []byte) bool {
		certificate, err := served(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Equal(certificate.Certificate[0], want)
	}
	if !serves(want) {
		t.Error("another certificate is served")
	}
	want = writeCertificate(t, directory)
	for deadline := time.Now().Add(time.Minute); !serves(want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the certificate is not reloaded")
		}
	}
	first, err := metricsCertificate(runner{t}, "")
	if err != nil {
		t.Fatal(err)
	}
	if own, err := first(nil); err != nil || bytes.Equal(own.Certificate[0], want) {
		t.Errorf("without a directory: %v", err)
	}
}
