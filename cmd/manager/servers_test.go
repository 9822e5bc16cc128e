package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// The kubelet restarts the operator by /healthz alone.
func TestAPassThatHangsTurnsTheLivenessProbe(t *testing.T) {
	var hangs error
	handler := probes(alive(func(*http.Request) error { return hangs }), healthz.Handler{})
	for _, path := range []string{"/healthz", "/healthz/queue"} {
		for want, err := range map[int]error{http.StatusOK: nil, http.StatusInternalServerError: errors.New("a pass hangs")} {
			hangs = err
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if answer.Code != want {
				t.Errorf("%s answers %d where the queue says %v", path, answer.Code, err)
			}
		}
	}
}
