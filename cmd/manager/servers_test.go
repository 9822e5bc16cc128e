package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
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
