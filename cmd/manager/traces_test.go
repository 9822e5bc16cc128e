package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

func TestTracesFollowTheVariablesOfOpenTelemetry(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, test := range map[string]struct {
		environment map[string]string
		// mention is a text in the error; empty for none.
		mention string
		wanted  bool
	}{
		"no collector":         {environment: map[string]string{}},
		"a collector":          {environment: map[string]string{endpoint: "http://127.0.0.1:4318"}, wanted: true},
		"one of traces alone":  {environment: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, wanted: true},
		"by gRPC":              {environment: map[string]string{endpoint: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, wanted: true},
		"turned off":           {environment: map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}},
		"no exporter":          {environment: map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}},
		"an unknown protocol":  {environment: map[string]string{endpoint: "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, mention: "OTEL_EXPORTER_OTLP_PROTOCOL"},
		"one of traces, first": {environment: map[string]string{endpoint: "x", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "udp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, mention: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := newTraces(t.Context(), logr.Discard(), func(variable string) string { return test.environment[variable] })
			if test.mention != "" {
				if err == nil || !strings.Contains(err.Error(), test.mention) || !strings.Contains(err.Error(), "grpc") {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil || (made.tracer() != nil) != test.wanted {
				t.Errorf("there are traces: %v, %v", made.tracer() != nil, err)
			}
			made.end(logr.Discard())
		})
	}
}

func TestResourcesInSpans(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/namespaces/pay/secrets/db":                                  "secrets",
		"/api/v1/namespaces/pay/secrets":                                     "secrets",
		"/api/v1/namespaces/pay/serviceaccounts/app/token":                   "serviceaccounts/token",
		"/api/v1/namespaces/pay":                                             "namespaces",
		"/api/v1/secrets":                                                    "secrets",
		"/apis/secretsync.dev/v1alpha1/namespaces/pay/secretsyncs/db/status": "secretsyncs/status",
		"/apis/secretsync.dev/v1alpha1/secretsyncs":                          "secretsyncs",
		"/apis/apps/v1/namespaces/pay/deployments/web":                       "deployments",
		"/apis":   "/apis",
		"/readyz": "/readyz",
		"/":       "/",
		"/apis/authentication.k8s.io/v1/namespaces/pay/serviceaccounts/app/token": "serviceaccounts/token",
	} {
		if got := resourceOf(path); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}

// TestACollectorThatIsAwayIsLoggedOnceAMinute: a reconcile each second would fill the log.
func TestACollectorThatIsAwayIsLoggedOnceAMinute(t *testing.T) {
	var lines []string
	u := &unsent{log: funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})}
	for range 3 {
		u.Handle(errors.New("connection refused"))
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "connection refused") {
		t.Errorf("the log has %q", lines)
	}
	u.last = time.Now().Add(-unsentEvery)
	u.Handle(errors.New("connection refused"))
	if len(lines) != 2 {
		t.Errorf("a minute later the log has %d lines", len(lines))
	}
}
