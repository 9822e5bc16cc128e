package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// traces sends the spans of reconciles to a collector by OTLP. The zero value sends none, and makes none.
type traces struct {
	provider *sdktrace.TracerProvider
}

// tracesEndWithin bounds how long the last spans are sent at the end.
const tracesEndWithin = 5 * time.Second

// newTraces makes traces as the environment variables of OpenTelemetry say ("OpenTelemetry Environment Variable
// Specification" and "OpenTelemetry Protocol Exporter"). Without the address of a collector there are none.
func newTraces(ctx context.Context, log logr.Logger, getenv func(string) string) (traces, error) {
	if !wantsTraces(getenv) {
		return traces{}, nil
	}
	exporter, err := newExporter(ctx, getenv)
	if err != nil {
		return traces{}, err
	}
	described, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("secretsync"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return traces{}, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&unsent{log: log.WithName("traces")})
	return traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described))}, nil
}

// wantsTraces says whether the environment names a collector, and does not turn traces off.
func wantsTraces(getenv func(string) string) bool {
	named := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	return named && !strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") && getenv("OTEL_TRACES_EXPORTER") != "none"
}

// newExporter sends by the protocol that the environment names, or by HTTP.
func newExporter(ctx context.Context, getenv func(string) string) (sdktrace.SpanExporter, error) {
	const ofTraces, ofAll = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"
	name, protocol := ofTraces, getenv(ofTraces)
	if protocol == "" {
		name, protocol = ofAll, getenv(ofAll)
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	}
	return nil, fmt.Errorf("environment variable %s=%q must be http/protobuf, the default, or grpc", name, protocol)
}

// tracer makes spans for packages of the operator; nil if there are no traces.
func (t traces) tracer() trace.Tracer {
	if t.provider == nil {
		return nil
	}
	return t.provider.Tracer("github.com/secretsync/secretsync", trace.WithInstrumentationVersion(version))
}

// transport makes a span for each request to the API server that is part of a trace.
func (t traces) transport(next http.RoundTripper) http.RoundTripper {
	if t.provider == nil {
		return next
	}
	return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithFilter(func(request *http.Request) bool { return trace.SpanContextFromContext(request.Context()).IsValid() }),
		otelhttp.WithSpanNameFormatter(func(_ string, request *http.Request) string {
			return request.Method + " " + resourceOf(request.URL.Path)
		}))
}

// resourceOf is the resource of a request to the API server, with its subresource, but without names: spans are grouped
// by it. The form of paths is in Kubernetes' "API Concepts".
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	version := 1 // of the core group: /api/v1/...
	if parts[0] == "apis" {
		version = 2
	}
	if len(parts) <= version+1 {
		return path
	}
	rest := parts[version+1:]
	if rest[0] == "namespaces" && len(rest) > 2 {
		rest = rest[2:]
	}
	if len(rest) > 2 {
		return rest[0] + "/" + rest[2]
	}
	return rest[0]
}

// end sends what is left.
func (t traces) end(log logr.Logger) {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesEndWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		log.Info("the last traces were not sent", "error", err.Error())
	}
}

// unsent logs that spans could not be sent, but not each time: a collector may be away for long.
type unsent struct {
	log logr.Logger

	mutex sync.Mutex
	last  time.Time
}

// unsentEvery is how often that is logged at most.
const unsentEvery = time.Minute

// Handle takes an error of the SDK of OpenTelemetry.
func (u *unsent) Handle(err error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if now := time.Now(); now.Sub(u.last) >= unsentEvery {
		u.last = now
		u.log.Info("traces were not sent", "error", err.Error())
	}
}
